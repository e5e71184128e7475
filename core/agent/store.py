"""The store as its agent handles it: started by itself, so that it outlives the agent; found again; asked; brought to another release.

The store's keeper is a process of its own session. It holds the data folder's lock, which names it: that is how an agent that was killed
and started again finds the store that runs, and how it never starts a second one.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from storeloom.core.kernel.errors import Finding, PresenceFault, StoreloomError
from storeloom.core.runtime.clock import wall_utc
from storeloom.core.runtime.log import StoreLog, micros
from storeloom.core.runtime.log_file import STORE_DB
from storeloom.core.runtime.packages import SITE
from storeloom.core.runtime.presence import LOCK, fetch, fetch_status, read_presence
from storeloom.core.runtime.requests import BUNDLE
from storeloom.core.runtime.status import StoreStatus

LOOK_S = 0.1
START_S, STOP_S, APPLY_S = 150.0, 45.0, 60.0  # a store process has 120 s for its start
SAID = 2000
OUTPUT = "store.out"


@dataclass(frozen=True, slots=True)
class Look:
    """A running store at one moment: what it says of itself, and whether it is well; `reason` says what is not, in en and zh."""

    status: StoreStatus
    ok: bool
    reason: Mapping[str, str]


class Store(Protocol):
    """What an agent does with its store."""

    def holder(self) -> int | None:
        """The process that runs the store, None where none does."""

    def start(self, stop: Callable[[], bool]) -> str | None:
        """Start the store with the release that is linked and wait until it answers; why it did not, None when it does."""

    def apply(self, release: Path, *, restart: bool) -> Mapping[str, str] | None:
        """Bring the running store to a release; why it refused, None when it was taken. PresenceFault when it does not answer."""

    def stop(self) -> None:
        """End the store."""

    def look(self) -> Look | None:
        """How it is, None where none answers."""

    def written(self) -> str:
        """The end of what it printed."""


class LocalStore:
    """`storeloom run` on this machine. `link` is the folder that it is started with, `output` where its words go."""

    def __init__(self, link: Path, data: Path, output: Path, *, listen: str = "127.0.0.1:0", env: Mapping[str, str] | None = None) -> None:
        self._link, self._data, self._output, self._listen = link, data, output, listen
        self._env = None if env is None else dict(env)
        self._process: subprocess.Popen[bytes] | None = None

    def holder(self) -> int | None:
        """The keeper: it is named in the lock, and has that file open."""
        if self._process is not None and self._process.poll() is None:
            return self._process.pid
        lock = self._data / LOCK
        try:
            pid = int(lock.read_bytes()[:20] or b"0")
            wanted = os.stat(lock)
            for one in os.scandir(f"/proc/{pid}/fd"):
                found = os.stat(one.path)
                if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
                    return pid
        except (OSError, ValueError):
            return None
        return None

    def start(self, stop: Callable[[], bool]) -> str | None:
        """The store answers, or ended, or did not answer in time and was ended."""
        if self.holder() is None:
            self._data.mkdir(parents=True, exist_ok=True, mode=0o700)
            command = [sys.executable, "-m", "storeloom.core.cli", "run", str(self._link), "--data", str(self._data)]
            command += ["--listen", self._listen, "--lang", "en", "--json"]
            with open(self._output, "wb") as said:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True, cwd=self._data, env=self._env
                )
        until = time.monotonic() + START_S
        while time.monotonic() < until and not stop():
            if self.look() is not None:
                return None
            if self.holder() is None:
                return self.written() or f"it ended with exit code {self._process.returncode if self._process else '?'}"
            time.sleep(LOOK_S)
        if stop():
            return "the agent was told to stop"
        self.stop()
        return f"no answer within {START_S:.0f} s"

    def apply(self, release: Path, *, restart: bool) -> Mapping[str, str] | None:
        """Ask by a row in its log; where it restarts with it, wait until it is back."""
        asked_of = read_presence(self._data)
        log = StoreLog(self._data / STORE_DB)
        try:
            body = {"file": str(release / BUNDLE), "site": str(release / SITE), "restart": restart, "lang": "en"}
            number = log.ask("apply", body, at=micros(wall_utc()))
            until = time.monotonic() + APPLY_S
            while (answer := log.answered(number)) is None:
                if time.monotonic() > until or self.holder() is None:
                    raise PresenceFault(Finding("SL-OBS-01", {"folder": str(self._data)}))
                time.sleep(LOOK_S)
        finally:
            log.close()
        status, said = answer
        if status == "refused":
            reasons = "; ".join(str(one["reason"]).rstrip(".") for one in said.get("findings", ()))
            return {"en": reasons, "zh": reasons}
        if status == "restarting" and asked_of is not None:
            self._wait_for_another(asked_of.pid)
        return None

    def _wait_for_another(self, pid: int) -> None:
        """Until the store process has made way for the next."""
        until = time.monotonic() + START_S
        while time.monotonic() < until and self.holder() is not None:
            now = read_presence(self._data)
            if now is not None and now.pid != pid and self.look() is not None:
                return
            time.sleep(LOOK_S)

    def stop(self) -> None:
        """Ask the keeper to end; end it by force when it does not. Its children end with it."""
        pid = self.holder()
        if pid is None:
            return
        for which in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.kill(pid, which)
            except ProcessLookupError:
                return
            until = time.monotonic() + STOP_S
            while self.holder() == pid and time.monotonic() < until:
                time.sleep(LOOK_S)
            if self.holder() != pid:
                return

    def look(self) -> Look | None:
        """Ask it over HTTP."""
        try:
            status = fetch_status(self._data)
            health: Any = fetch(self._data, "/health")
        except (StoreloomError, KeyError, TypeError):
            return None
        faults = [one for check in health["checks"] for one in check["findings"] if one["severity"] == "error"]
        reason = "; ".join(str(one["reason"]).rstrip(".") for one in faults)
        return Look(status, health["status"] != "error", {"en": reason, "zh": reason})

    def written(self) -> str:
        """The last lines that it printed, which name what was wrong with its start."""
        try:
            with open(self._output, "rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - SAID))
                text = file.read().decode(errors="replace")
        except FileNotFoundError:
            return ""
        reasons = [found for line in text.splitlines() for found in _reasons(line)]
        return "; ".join(reasons)[:SAID] or " ".join(text.split())[-SAID:]


def _reasons(line: str) -> list[str]:
    """The reasons in a line of findings as JSON; none where it is another line."""
    try:
        return [str(one["reason"]).rstrip(".") for one in json.loads(line)["findings"]]
    except (ValueError, LookupError, TypeError):
        return []
