"""A package is looked at by processes of their own: a hang, a crash or a flood is a verdict, and takes nothing else down.

One process reads the package and never imports it; one for each plugin runs its code, a solution's shut in as a store does it. What a
vendor's code does within its own process can forge what that process tells of it: the verdicts that only read (`packaged`, `compatible`,
`permitted`) come from a process where it never ran.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from storeloom.core.conformance.looking import Task, tasks
from storeloom.core.conformance.rules import Found, Rule, Scope, Subject, Verdict
from storeloom.core.conformance.subject import written
from storeloom.core.kernel.errors import LANGUAGES, Finding

RULE_S = {Scope.PACKAGE: 120.0, Scope.SOLUTION: 300.0, Scope.ADAPTER: 600.0}
START_S, LONGER, MOST_BYTES, TOLD = 60.0, 10, 16 << 20, 600


@dataclass(frozen=True)
class Patience:
    """How long a process may take to start and import (s), and for each rule."""

    start_s: float = START_S
    rule_s: Mapping[Scope, float] | None = None

    def of(self, subject: Subject, scope: Scope) -> float:
        """The seconds for one rule."""
        return (self.rule_s or RULE_S)[scope] * (LONGER if subject.long else 1)


def examine(subject: Subject, *, only: Iterable[str] = (), jobs: int = 1, patience: Patience | None = None) -> Iterator[Verdict]:
    """Each rule's verdict, process by process, as they come."""
    todo, patient = tasks(subject, only), patience or Patience()
    if jobs < 2:
        for task in todo:
            yield from run(subject, task, patient)
        return
    with ThreadPoolExecutor(jobs) as pool:
        for verdicts in pool.map(lambda task: list(run(subject, task, patient)), todo):
            yield from verdicts


def run(subject: Subject, task: Task, patience: Patience) -> Iterator[Verdict]:
    """One task's verdicts from a process of its own, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="storeloom-check-") as folder:
        yield from _Child(subject, task, Path(folder), patience).verdicts()


class _Child:
    """One process with its task: what it tells, line by line, and how it ended where it told too little."""

    def __init__(self, subject: Subject, task: Task, folder: Path, patience: Patience) -> None:
        self._subject, self._task, self._folder = subject, task, folder
        self._patience = patience
        self._scratch = folder / "scratch"
        self._scratch.mkdir()

    def verdicts(self) -> Iterator[Verdict]:
        left = list(self._task.rules)
        with open(self._folder / "errors", "w+b") as errors:
            process, watch = self._start(errors), None
            try:
                watch = _Watch(process, self._patience.start_s)
                for line in _lines(process):
                    verdict = self._verdict(line, left)
                    if verdict is not None:
                        yield verdict
                    if verdict is not None or line.strip() == b'{"ready":true}':
                        watch.again(self._patience.of(self._subject, self._task.scope))
                code = process.wait()
            finally:
                if watch is not None:
                    watch.stop()
                end(process)
            if left:
                yield from self._died(left, code, watch, _tail(errors))

    def _start(self, errors: Any) -> subprocess.Popen[bytes]:
        values = {
            "subject": written(self._subject),
            "part": self._task.part,
            "scope": self._task.scope,
            "id": self._task.id,
            "rules": [rule.id for rule in self._task.rules],
            "scratch": str(self._scratch),
        }
        (self._folder / "task.json").write_bytes(orjson.dumps(values))
        command = [sys.executable, "-m", "storeloom.core.conformance.child", str(self._folder / "task.json")]
        streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": errors}
        return subprocess.Popen(command, cwd=self._scratch, env=self._environment(), start_new_session=True, **streams)

    def _environment(self) -> dict[str, str]:
        """Where Python finds its modules, and nothing else of the caller's: no key or password of its environment reaches the package."""
        places = os.pathsep.join(os.path.abspath(place) for place in sys.path)
        own = {"HOME": str(self._scratch), "TMPDIR": str(self._scratch), "PYTHONPATH": places, "PYTHONHASHSEED": "0"}
        return {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1", **own}

    def _verdict(self, line: bytes, left: list[Rule]) -> Verdict | None:
        """What a line tells of the rule that is next; None for what a vendor's code printed."""
        try:
            told = orjson.loads(line)
            if not left or told["rule"] != left[0].id:
                return None
            found, seconds = _found(told), float(told["seconds"])
        except (ValueError, TypeError, LookupError, AttributeError):
            return None
        return Verdict(left.pop(0), self._task.about(self._subject), found, seconds)

    def _died(self, left: list[Rule], code: int, watch: _Watch, last: str) -> Iterator[Verdict]:
        """The rule that was at work has the finding; those after it were not looked at."""
        about, at = self._task.about(self._subject), left[0]
        if watch.late:
            finding = Finding("SL-CHK-51", {"seconds": f"{watch.seconds:g}"})
        else:
            finding = Finding("SL-CHK-52", {"code": _ending(code), "last": last or {"en": "it said nothing", "zh": "没有输出"}})
        yield Verdict(at, about, Found((finding,)), watch.took)
        why = {"en": f"not looked at: its process ended at {at.id}", "zh": f"未检查：其进程止于 {at.id}"}
        for rule in left[1:]:
            yield Verdict(rule, about, Found(beside=why), 0.0)


class _Watch:
    """Ends a process whose time is over."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        self._process, self.late = process, False
        self._clock = threading.Timer(0, lambda: None)
        self.again(seconds)

    def again(self, seconds: float) -> None:
        """From now on it has so many seconds."""
        self._clock.cancel()
        self.seconds, self._began = seconds, time.monotonic()
        self._clock = threading.Timer(seconds, self._end)
        self._clock.daemon = True
        self._clock.start()

    @property
    def took(self) -> float:
        return time.monotonic() - self._began

    def stop(self) -> None:
        self._clock.cancel()

    def _end(self) -> None:
        self.late = True
        end(self._process)


def _lines(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """What it tells, line by line; one that has no end comes in pieces, which are no verdicts, and fills no memory here."""
    while process.stdout is not None and (line := process.stdout.readline(MOST_BYTES)):
        yield line


def _found(told: Mapping[str, Any]) -> Found:
    """What a rule found, worded once as a report will, since a vendor's code may have written it: what is no finding raises here."""
    findings = tuple(Finding(**one) for one in told["findings"])
    found = Found(findings, {str(key): float(value) for key, value in told["figures"].items()}, told["beside"])
    for lang in LANGUAGES:
        "".join([found.why_beside(lang), *(one.render(lang) + one.severity for one in findings)])
    return found


def _ending(code: int) -> str:
    """How a process ended: its code, or the signal that ended it (`-11 (SIGSEGV)`)."""
    names = {one.value: one.name for one in signal.Signals}
    return f"{code} ({names[-code]})" if -code in names else str(code)


def end(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to a process and all of its session."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _tail(errors: Any) -> str:
    """The end of what it said."""
    errors.seek(0, os.SEEK_END)
    errors.seek(max(0, errors.tell() - TOLD))
    text: str = errors.read().decode(errors="replace").strip()
    return text
