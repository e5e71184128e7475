"""What the engine and a host process say to each other: messages with their length before them.

To the host go pickled values, for it trusts the engine. From the host comes JSON only, bounded in size, and every part of it is checked: a
vendor's process may write what it likes.
"""

from __future__ import annotations

import os
import socket
import struct
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from storeloom.core.kernel.errors import LANGUAGES, ContractFault, Finding
from storeloom.core.kernel.events import Out
from storeloom.core.runtime.runner import AlarmRow, Answers, Changes, Row

LENGTH = struct.Struct("!I")
MOST_WORDS = 2000  # characters of a text that is shown to people
MOST_NAME = 4096
MOST_LOG_LINES = 100
_JOINED = 1 << 16  # up to this many bytes a message and its length go together
LATEST = 253_402_300_799_000_000  # the end of the year 9999, microseconds
# What an instance may be told that it did wrong in its own process; it cannot speak of anything else.
CONTRACT = frozenset(f"SL-RUN-{number:02}" for number in (1, 2, 3, 7, 8, 9, 10, 11))
STATES = frozenset({"loading", "live", "kept", "rolled_back"})
_REPORT = b"model "

Ticks = dict[str, tuple[int, int]]


class WireFault(Exception):
    """A message that cannot be used; its text says why."""


@dataclass
class Answer:
    """A host's answer to one call, or (number 0) to being made.

    `problem` is what went wrong; then nothing changed. `missed`: its picture was overwritten before it was read. `ticks` are each
    schedule's next two instants; with the alarms they say what comes due. `lines` is what the solution logged, `troubles` what of the
    sandbox is missing.
    """

    answers: Answers = field(default_factory=list)
    changes: Changes = field(default_factory=Changes)
    ticks: Ticks = field(default_factory=dict)
    clock: int = 0
    problem: Mapping[str, Any] | None = None
    lines: list[tuple[int, str]] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    missed: bool = False


def framed(body: bytes) -> bytes:
    """A message as it goes over the wire."""
    return LENGTH.pack(len(body)) + body


class Outgoing:
    """Messages that wait to be sent, some with file descriptors along."""

    def __init__(self) -> None:
        self._parts: deque[tuple[memoryview, tuple[int, ...]]] = deque()

    def __bool__(self) -> bool:
        return bool(self._parts)

    def add(self, body: bytes, handles: tuple[int, ...] = ()) -> None:
        """One more message; its file descriptors are closed when it is sent or given up."""
        if len(body) <= _JOINED:
            self._parts.append((memoryview(framed(body)), handles))
        else:
            self._parts.append((memoryview(LENGTH.pack(len(body))), handles))
            self._parts.append((memoryview(body), ()))

    def send(self, end: socket.socket) -> None:
        """Send as much as goes without waiting; OSError when the connection is gone."""
        while self._parts:
            part, handles = self._parts[0]
            try:
                sent = socket.send_fds(end, [part], handles) if handles else end.send(part)
            except BlockingIOError:
                return
            for handle in handles:
                os.close(handle)
            if sent == len(part):
                self._parts.popleft()
            else:
                self._parts[0] = part[sent:], ()

    def give_up(self) -> None:
        """Nothing that waits is sent any more."""
        for _, handles in self._parts:
            for handle in handles:
                os.close(handle)
        self._parts.clear()


class Incoming:
    """Puts messages together from what a host sends."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._data = bytearray()

    def add(self, data: bytes) -> None:
        self._data += data

    def __bool__(self) -> bool:
        return bool(self._data)

    def next(self) -> bytes | None:
        """The next whole message, None where it has not come yet. WireFault when it is larger than it may be."""
        if len(self._data) < LENGTH.size:
            return None
        length = LENGTH.unpack_from(self._data)[0]
        if length > self._most:
            raise WireFault(f"{length} bytes, allowed are {self._most}")
        if len(self._data) < LENGTH.size + length:
            return None
        body = bytes(self._data[LENGTH.size : LENGTH.size + length])
        del self._data[: LENGTH.size + length]
        return body


def to_json(number: int, answer: Answer) -> bytes:
    """An answer, in the host. Values of the state go as the JSON that they are."""
    body: dict[str, Any] = {"n": number, "clock": answer.clock, "ticks": answer.ticks, "lines": answer.lines, "troubles": answer.troubles}
    if answer.problem is not None:
        return orjson.dumps(body | {"problem": answer.problem})
    if answer.missed:
        return orjson.dumps(body | {"missed": True})
    body["answers"] = [(handler, [(item.stream, item.data) for item in outs]) for handler, outs in answer.answers]
    changes = answer.changes
    for name in ("state", "figures", "fired"):
        rows: list[Row] = getattr(changes, "ticks" if name == "fired" else name)
        body[name] = [(key, None if value is None else orjson.Fragment(value), value is None) for key, value in rows]
    body["alarms"] = [(row.name, row.key, row.due, orjson.Fragment(row.data)) for row in changes.alarms]
    return orjson.dumps(body)


def from_json(body: bytes, number: int, cause: int) -> Answer:
    """An answer as the engine takes it. WireFault when it is none to call `number`; alarms that it set carry `cause`."""
    said = _read(body)
    if said.get("n") != number:
        raise WireFault(f"it answers call {str(said.get('n'))[:20]}, not {number}")
    answer = Answer(clock=_instant(said.get("clock")), ticks=_ticks(said.get("ticks")), lines=_lines(said.get("lines")))
    answer.troubles = [words(item) for item in _list(said.get("troubles"), "troubles")]
    if "problem" in said:
        answer.problem = _mapping(said["problem"], "problem")
        return answer
    if said.get("missed") is True:
        answer.missed = True
        return answer
    answer.answers = [_handled(*_parts(item, 2, "answers")) for item in _list(said.get("answers"), "answers")]
    answer.changes = Changes(
        _rows(said.get("state"), "state"),
        _rows(said.get("figures"), "figures", figure_kinds),
        _rows(said.get("fired"), "fired", _instant),
        [_alarm(item, cause) for item in _list(said.get("alarms"), "alarms")],
    )
    return answer


class Standing(NamedTuple):
    """Where one process stands with a model for its detector: as `workers.vision.swap` tells it. `proved`: its probation went well."""

    state: str
    reason: Mapping[str, str]
    frames: int = 0
    proved: bool = False

    def to_json(self) -> bytes:
        """A host's report."""
        return _REPORT + orjson.dumps(self._asdict())


def report_of(body: bytes) -> Standing | None:
    """What a host reports of its model; None for another message, WireFault for a report that is none."""
    if not body.startswith(_REPORT):
        return None
    said = _read(body[len(_REPORT) :])
    reason = _mapping(said.get("reason"), "reason")
    state, frames = said.get("state"), said.get("frames")
    if state not in STATES or not isinstance(frames, int) or isinstance(frames, bool):
        raise WireFault(f"no report of a model: {str(said)[:60]}")
    return Standing(str(state), {lang: words(reason.get(lang, "")) for lang in LANGUAGES}, frames, said.get("proved") is True)


def contract_fault(instance: str, problem: Mapping[str, Any]) -> ContractFault | None:
    """A breach of contract that a host reports of its instance; None where the report is of something else or does not fit its words."""
    code, args = problem.get("code"), problem.get("args")
    if not isinstance(code, str) or code not in CONTRACT or not isinstance(args, dict):
        return None
    kept = {str(key)[:MOST_NAME]: _shown(value) for key, value in args.items()}
    finding = Finding(code, {**kept, "instance": instance})
    try:
        for lang in LANGUAGES:
            finding.text(lang), finding.fix(lang)
    except (KeyError, IndexError, ValueError):
        return None
    return ContractFault(finding)


def words(value: Any) -> str:
    """A text of a host's, short enough to be shown."""
    return str(value)[:MOST_WORDS]


def _shown(value: Any) -> Any:
    if isinstance(value, list):
        return [words(item) for item in value[:100]]
    return value if _is_number(value) else words(value)


def _read(body: bytes) -> dict[str, Any]:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise WireFault(f"no JSON: {error}") from error
    return dict(_mapping(said, "message"))


def _mapping(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise WireFault(f"{what} is no object")
    return value


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise WireFault(f"{what} is no list")
    return value


def _parts(value: Any, count: int, what: str) -> list[Any]:
    if not isinstance(value, list) or len(value) != count:
        raise WireFault(f"{what} has an element that is no list of {count}")
    return value


def _text(value: Any, most: int) -> str:
    if not isinstance(value, str) or len(value) > most:
        raise WireFault(f"no text of at most {most} characters: {str(value)[:40]!r}")
    return value


def _instant(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LATEST:
        raise WireFault(f"no instant: {str(value)[:40]!r}")
    return value


def _ticks(value: Any) -> Ticks:
    """Each schedule's next two instants."""
    found: Ticks = {}
    for name, pair in _mapping(value, "ticks").items():
        first, second = _parts(pair, 2, "ticks")
        found[_text(name, MOST_NAME)] = (_instant(first), _instant(second))
        if second <= first:
            raise WireFault(f"the instants of '{name[:40]}' do not rise")
    return found


def _handled(handler: Any, outs: Any) -> tuple[str, list[Out]]:
    found = []
    for item in _list(outs, "answers"):
        stream, data = _parts(item, 2, "answers")
        found.append(Out(_text(stream, MOST_NAME), _mapping(data, "data")))
    return _text(handler, MOST_NAME), found


def _rows(value: Any, what: str, check: Callable[[Any], Any] | None = None) -> list[Row]:
    rows: list[Row] = []
    for item in _list(value, what):
        key, kept, gone = _parts(item, 3, what)
        if gone is not True and check is not None:
            check(kept)
        rows.append((_text(key, MOST_NAME), None if gone is True else orjson.dumps(kept)))
    return rows


def figure_kinds(day: Any) -> dict[str, str]:
    """What kind of figure each cell of a day is, by name. WireFault for a cell that is none."""
    return {name: _kind(_mapping(cell, "figures")) for name, cell in _mapping(day, "figures").items()}


def _kind(cell: Mapping[str, Any]) -> str:
    parts = set(cell)
    if parts == {"value"} and (cell["value"] is None or _is_number(cell["value"])):
        return "value"
    if parts == {"sum"} and _is_number(cell["sum"]):
        return "sum"
    if parts == {"part", "whole"} and _is_number(cell["part"]) and _is_number(cell["whole"]):
        return "share"
    if parts == {"how", "n", "total", "values"} and _is_sample(cell):
        return str(cell["how"])
    raise WireFault(f"no figure: {str(cell)[:60]}")


def _is_sample(cell: Mapping[str, Any]) -> bool:
    how, values = cell["how"], cell["values"]
    numbers = isinstance(values, list) and all(map(_is_number, values)) and _is_number(cell["n"]) and _is_number(cell["total"])
    known = isinstance(how, str) and (how in ("mean", "median", "max", "min") or _is_percentile(how))
    return known and numbers and cell["n"] >= 1 and (how == "mean" or bool(values))


def _is_percentile(how: str) -> bool:
    try:
        return how[:1] == "p" and 0 <= float(how[1:]) <= 100
    except ValueError:
        return False


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _alarm(item: Any, cause: int) -> AlarmRow:
    name, key, due, data = _parts(item, 4, "alarms")
    at = None if due is None else _instant(due)
    return AlarmRow(_text(name, MOST_NAME), _text(key, MOST_NAME), at, orjson.dumps(_mapping(data, "alarm data")), cause)


def _lines(value: Any) -> list[tuple[int, str]]:
    found = []
    for item in _list(value, "lines")[:MOST_LOG_LINES]:
        level, text = _parts(item, 2, "lines")
        if not isinstance(level, int) or not 0 <= level <= 50:
            raise WireFault("a log line has no level")
        found.append((level, words(text)))
    return found
