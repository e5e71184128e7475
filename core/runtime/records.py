"""What a store writes of its own doings: one JSON object a line, on stderr or in a file of bounded size.

Every line has `time` (RFC 3339, when it was written), `level`, `logger`, `message`, and where there is one the `instance`, the `event` and
`stream` that it was handling, its `seq`, and `error` with the traceback. Whatever a plugin hands in stays inside its JSON string: no line
can be broken or forged, no terminal be steered. The values of known secrets are masked wherever they turn up.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, TextIO, cast
from urllib.parse import quote

FILE = "store.jsonl"
MAX_BYTES, KEPT_FILES = 10_000_000, 4
LONGEST_TEXT = 8_000
LOG = logging.getLogger(__name__)
MASK = "***"
OF_SOLUTIONS = "storeloom.solution."  # before an instance's name: its logger
# what JSON may leave as it is but a terminal, or a reader of lines, would take for more than text
_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Handling(NamedTuple):
    """What is being handled: the instance, the event's id, its stream, its log sequence (0: not known)."""

    instance: str
    event: str
    stream: str
    seq: int


_handling: ContextVar[Handling | None] = ContextVar("handling", default=None)


class during:  # noqa: N801 - reads as a statement: `with during(...)`
    """All that is logged inside the block is about this instance and event. Costs about a microsecond."""

    __slots__ = ("_handling", "_token")

    def __init__(self, instance: str, event_id: str = "", stream: str = "", seq: int = 0) -> None:
        self._handling = Handling(instance, event_id, stream, seq)

    def __enter__(self) -> None:
        self._token = _handling.set(self._handling)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _handling.reset(self._token)


class Masker:
    """Blots out secrets' values, as they are and as URLs and JSON spell them."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.know(secrets)

    def know(self, secrets: Iterable[str]) -> None:
        """Mask these values too from now on."""
        for value in filter(None, secrets):
            self._known.update((value, quote(value, safe=""), json.dumps(value)[1:-1]))
        if self._known:
            self._pattern = re.compile("|".join(map(re.escape, sorted(self._known, key=lambda text: (-len(text), text)))))

    def mask(self, text: str) -> str:
        return self._pattern.sub(MASK, text) if self._pattern else text


class JsonLine(logging.Formatter):
    """Puts one log record into one line of JSON."""

    def __init__(self, masker: Masker) -> None:
        super().__init__()
        self._masker = masker

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": self._text(record.name),
            "message": self._text(message_of(record)),
        }
        handling = _handling.get()
        if handling is not None:
            line |= {name: value for name, value in handling._asdict().items() if value}
        elif record.name.startswith(OF_SOLUTIONS):
            line["instance"] = self._text(record.name.removeprefix(OF_SOLUTIONS))
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = self._text(self.formatException(record.exc_info), last=True)
        return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(line, ensure_ascii=False))

    def _text(self, text: str, *, last: bool = False) -> str:
        """Masked, then cut: of a traceback the end tells most, of a message the beginning."""
        text = self._masker.mask(text)
        over = len(text) - LONGEST_TEXT
        if over <= 0:
            return text
        return f"[{over} characters cut] {text[over:]}" if last else f"{text[:LONGEST_TEXT]} [{over} characters cut]"


def message_of(record: logging.LogRecord) -> str:
    """The record's message; where its arguments do not fit its text, or raise as they become text, the text itself and why."""
    try:
        return record.getMessage()
    except Exception as error:
        text = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        return f"{text} [arguments that do not fit: {type(error).__name__}]"


class StreamLines(logging.StreamHandler[TextIO]):
    """Lines on a stream, such as stderr. One that could not be written raises nothing; it is counted and told with the next."""

    lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        lost, self.lost = self.lost, 0
        if lost:
            words = {"name": __name__, "levelno": logging.WARNING, "levelname": "WARNING", "msg": f"{lost} lines could not be written"}
            super().emit(logging.makeLogRecord(words))
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        self.lost += 1


class FileLines(StreamLines, RotatingFileHandler):
    """Lines in a file that only its owner reads, with a bounded number of older files beside it."""

    def _open(self) -> TextIOWrapper:
        def private(path: str, flags: int) -> int:
            return os.open(path, flags, 0o600)

        return cast(TextIOWrapper, open(self.baseFilename, self.mode, encoding=self.encoding, errors=self.errors, opener=private))


def told_by_thread(fault: threading.ExceptHookArgs) -> None:
    """Log what ended a thread."""
    name = fault.thread.name if fault.thread is not None else "a thread"
    trace = (fault.exc_type, fault.exc_value, fault.exc_traceback) if fault.exc_value is not None else None
    LOG.critical("%s ends on a fault", name, exc_info=trace)


@contextmanager
def write_logs(
    target: Path | TextIO | None = None,
    *,
    masker: Masker | None = None,
    level: int = logging.INFO,
    max_bytes: int = MAX_BYTES,
    kept: int = KEPT_FILES,
) -> Iterator[Masker]:
    """Inside the block all logging goes to `target`: a file of at most `max_bytes` with `kept` older ones, a stream, or stderr.

    storeloom's own loggers (a solution's `log` among them) write from `level` on, all others from WARNING on. Yields the masker, which
    can be told of more secrets. A fault that leaves the block or ends a thread is logged with its traceback. OSError when the file
    cannot be opened.
    """
    masker = masker or Masker()
    handler: StreamLines
    if isinstance(target, Path):
        handler = FileLines(target, maxBytes=max_bytes, backupCount=kept, encoding="utf-8", errors="backslashreplace")
    else:
        handler = StreamLines(target or sys.stderr)
    handler.setFormatter(JsonLine(masker))
    root, own = logging.getLogger(), logging.getLogger("storeloom")
    before = root.level, own.level
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    own.setLevel(level)
    logging.captureWarnings(True)
    by_thread, threading.excepthook = threading.excepthook, told_by_thread
    try:
        yield masker
    except Exception:
        LOG.critical("the process ends on a fault", exc_info=True)
        raise
    finally:
        threading.excepthook = by_thread
        logging.captureWarnings(False)
        root.removeHandler(handler)
        handler.close()
        root.setLevel(before[0])
        own.setLevel(before[1])
