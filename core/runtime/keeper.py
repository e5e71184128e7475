"""The small process that a store process runs under: watches its sign of life, ends it when it hangs, starts it again.

It runs no plugin code and holds nothing of the store. A solution that shares the store process and loops takes that process with it, for a
thread cannot be ended from outside; the keeper sees in shared memory what runs for how long, kills the process, starts it anew and tells it
which instance did it, so that this one gets a process of its own.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from types import FrameType
from typing import Literal

from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.events import rfc3339
from storeloom.core.runtime.beat import BEAT_ENV, Beat, Running
from storeloom.core.runtime.limits import HANDLER_S
from storeloom.core.runtime.sandbox import PR_SET_CHILD_SUBREAPER, die_with_parent, prctl

VERDICTS_ENV, RESTARTS_ENV = "STORELOOM_VERDICTS", "STORELOOM_RESTARTS"
FINAL_CODES = frozenset({0, 2, 3})  # done, misuse, a bundle or config that must be mended: starting again would not help
LOOK_S, LONGEST_LOOK_S = 0.1, 0.5
SILENT_S, START_S, STOP_S, HEALTHY_S = 30.0, 120.0, 20.0, 60.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 30.0
KEPT_VERDICTS = 20
START = "start"  # as the load of what is being imported: it has as long as the process's start

Reason = Literal["over_time", "silent", "died"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why the store process was started again.

    `over_time`: `instance` held it longer than its load allows, with `ref`; `silent`: its loop gave no sign of life; `died`: it ended by
    itself, while `instance` ran, where one did. `detail` is the limit in seconds or how it ended; `at` is RFC 3339.
    """

    instance: str
    ref: str
    reason: Reason
    detail: str
    at: str

    def finding(self) -> Finding:
        """In words."""
        if self.reason == "over_time":
            return Finding("SL-HST-08", {"instance": self.instance, "event": self.ref, "limit": self.detail})
        if self.instance:
            return Finding("SL-HST-09", {"instance": self.instance, "event": self.ref, "how": ended(self.detail)})
        words = {"en": f"gave no sign of life for {self.detail} s", "zh": f"{self.detail} 秒内没有响应"}
        return Finding("SL-HST-10", {"how": words if self.reason == "silent" else ended(self.detail)})


def ended(code: str) -> dict[str, str]:
    """How a process ended, in words: its exit code, or the signal that ended it."""
    if code.startswith("-"):
        number = int(code[1:])
        name = signal.Signals(number).name if number in signal.Signals._value2member_map_ else str(number)
        return {"en": f"was ended by {name}", "zh": f"被信号 {name} 终止"}
    return {"en": f"ended with exit code {code}", "zh": f"以退出码 {code} 结束"}


def verdicts(environ: Mapping[str, str]) -> list[Verdict]:
    """What the keeper told this process at its start; empty at a first start."""
    return [Verdict(**item) for item in json.loads(environ.get(VERDICTS_ENV, "[]"))]


class Keeper:
    """Runs a command until it is done. `say` is told of every restart; `run` must be called in the main thread of a process of its own.

    `inherit` are descriptors that the command's process is to hold, as this one does.
    """

    def __init__(
        self,
        command: Sequence[str],
        env: Mapping[str, str],
        *,
        say: Callable[[Verdict], None] | None = None,
        handler_s: Mapping[str, float] = HANDLER_S,
        silent_s: float = SILENT_S,
        start_s: float = START_S,
        stop_s: float = STOP_S,
        inherit: Sequence[int] = (),
    ) -> None:
        self._command, self._env, self._say = list(command), dict(env), say
        self._inherit = inherit
        self._handler_s = {START: start_s, **handler_s}
        self._silent_s, self._start_s, self._stop_s = silent_s, start_s, stop_s
        self._beat = Beat.make()
        self._process: subprocess.Popen[bytes] | None = None
        self._asked = 0
        self._stop_at: float | None = None
        self._untold: list[Verdict] = []
        self.restarts = 0

    def run(self) -> int:
        """The command's exit code in the end: 0, one that says that starting again would not help, or what it gave when asked to stop."""
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        before = {which: signal.signal(which, self._ask) for which in (signal.SIGTERM, signal.SIGINT)}
        others = children()
        pause = FIRST_PAUSE_S
        try:
            while True:
                began = time.monotonic()
                code, verdict = self._one_life()
                sweep(others)
                if code in FINAL_CODES or self._asked:
                    return code if code >= 0 else 128 - code
                self._untold = [*self._untold, verdict][-KEPT_VERDICTS:]
                if self._say is not None:
                    self._say(verdict)
                if time.monotonic() - began > HEALTHY_S:
                    pause = FIRST_PAUSE_S
                self._rest(pause)
                if self._asked:
                    return 0
                pause = min(2 * pause, LONGEST_PAUSE_S)
                self.restarts += 1
        finally:
            for which, handler in before.items():
                signal.signal(which, handler)
            self._beat.close()

    def _ask(self, which: int, _frame: FrameType | None) -> None:
        """A signal to stop: handed on once, the second one ends the process."""
        self._asked += 1
        if self._stop_at is None:
            self._stop_at = time.monotonic() + self._stop_s
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL if self._asked > 1 else signal.Signals(which))

    def _rest(self, pause: float) -> None:
        until = time.monotonic() + pause
        while not self._asked and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, LOOK_S))

    def _one_life(self) -> tuple[int, Verdict]:
        """Start the command and watch it to its end."""
        self._beat.clear()
        keeper = os.getpid()
        env = self._env | {BEAT_ENV: str(self._beat.fd), RESTARTS_ENV: str(self.restarts)}
        env[VERDICTS_ENV] = json.dumps([asdict(verdict) for verdict in self._untold])
        self._process = subprocess.Popen(
            self._command,
            env=env,
            pass_fds=(self._beat.fd, *self._inherit),
            process_group=0,
            preexec_fn=lambda: die_with_parent(keeper),  # noqa: PLW1509 - a keeper has one thread
        )
        if self._asked:
            self._process.send_signal(signal.SIGTERM)
        verdict = self._watch(self._process)
        code = self._process.wait()
        if self._beat.running().alive:
            self._untold = []  # it lived to hear them
        if verdict is None:
            running = self._beat.running()
            verdict = Verdict(running.instance, running.ref, "died", str(code), now())
        self._process = None
        return code, verdict

    def _watch(self, process: subprocess.Popen[bytes]) -> Verdict | None:
        """Look until it ends, or end it. Time in which this process did not run either (a suspended machine) is not held against it."""
        seen, spent, last = self._beat.running(), 0.0, time.monotonic()
        while process.poll() is None:
            time.sleep(LOOK_S)
            now_s = time.monotonic()
            passed, last = min(now_s - last, LONGEST_LOOK_S), now_s
            running = self._beat.running()
            spent = spent + passed if (running.alive, running.entered) == (seen.alive, seen.entered) else 0.0
            seen = running
            verdict = self._judge(running, spent)
            late = self._stop_at is not None and now_s > self._stop_at
            if verdict is not None or late:
                kill_group(process.pid)
                process.wait()
                return verdict
        return None

    def _judge(self, running: Running, spent: float) -> Verdict | None:
        if running.entered:
            limit = self._handler_s.get(running.load, min(self._handler_s.values()))
            return Verdict(running.instance, running.ref, "over_time", f"{limit:g}", now()) if spent > limit else None
        limit = self._silent_s if running.alive else self._start_s
        return Verdict("", "", "silent", f"{limit:g}", now()) if spent > limit else None


def now() -> str:
    """The wall clock: a keeper has no store time."""
    return rfc3339(datetime.now(UTC))


def kill_group(leader: int) -> None:
    """End a process and its group; nothing to do where it is gone."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return


def children() -> set[int]:
    """This process's children, by id."""
    own, found = os.getpid(), set()
    for name in os.listdir("/proc"):
        if name.isdigit() and _parent(name) == own:
            found.add(int(name))
    return found


def _parent(pid: str) -> int | None:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:  # it has just ended
        return None
    return int(text.rpartition(")")[2].split()[1])


def sweep(spare: set[int], wait_s: float = 5.0) -> None:
    """End and reap what a dead process left behind: as its orphans they are this process's children now."""
    until = time.monotonic() + wait_s
    while (left := children() - spare) and time.monotonic() < until:
        for pid in left:
            _end(pid)
        time.sleep(0.01)


def _end(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, os.WNOHANG)
    except (ProcessLookupError, ChildProcessError):  # it has ended, or another reaped it
        return
