"""Checks of vendors' packages, each in a folder of its own and run by a process of its own (`studio/vendor/runner.py`): a page goes on
answering, a check outlives a reload of the browser, and no line of a vendor is run in the studio.

The folder's name cannot be guessed and stands in the page's address: who has it has the check.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from storeloom.core.kernel.registry import ROOT
from storeloom.studio.draft_file import drafts_folder

KEPT_S = 86_400
LARGEST = 256 << 20
_ID = re.compile(r"[A-Za-z0-9_-]{32}")


def checks_folder() -> Path:
    """Where checks are kept, beside the drafts."""
    return drafts_folder() / "checks"


@dataclass(frozen=True)
class Check:
    """One check by its folder: the package lies in `package/`, `brought.json` says what it brings, each line of `rows.jsonl` is a check
    that was made, `done.json` how it ended."""

    folder: Path

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def package(self) -> Path:
        """The wheel."""
        return next((self.folder / "package").iterdir())

    @property
    def brought(self) -> Mapping[str, Any]:
        """What the package brings; empty before it was read."""
        return self._read("brought.json") or {}

    @property
    def rows(self) -> list[Mapping[str, Any]]:
        """The rules looked at so far: `part`, `name`, `check` (its id), `title`, `grade`, `ok`, `beside`, `got`, `seconds`."""
        file = self.folder / "rows.jsonl"
        whole = file.read_bytes().rpartition(b"\n")[0] if file.is_file() else b""
        return [orjson.loads(line) for line in whole.splitlines()]

    @property
    def done(self) -> Mapping[str, Any] | None:
        """How it ended: `ok` (bronze at least), `grade`, `seconds`; None while it runs. A runner that died ended not well."""
        told: Mapping[str, Any] | None = self._read("done.json")
        if told is None and not self._alive():
            told = self._read("done.json") or {"ok": False, "grade": None, "seconds": 0.0, "died": True}
        return told

    def stop(self) -> None:
        """End it, with all that it started."""
        pid = self._read("pid.json")
        if pid is not None and self._alive():
            os.kill(int(pid), signal.SIGTERM)

    def _alive(self) -> bool:
        """Whether the runner lives: it holds the lock that it was born with."""
        try:
            with open(self.folder / "alive", "rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def _read(self, name: str) -> Any:
        file = self.folder / name
        return orjson.loads(file.read_bytes()) if file.is_file() else None


def known(name: str) -> Check | None:
    """The check of an id, None where there is none."""
    folder = checks_folder() / name
    return Check(folder) if _ID.fullmatch(name) and (folder / "package").is_dir() else None


def start(filename: str, data: bytes) -> Check:
    """Begin to check a wheel. Those of yesterday are cleared away."""
    _clear()
    check = Check(checks_folder() / secrets.token_urlsafe(24))
    (check.folder / "package").mkdir(parents=True, mode=0o700)
    (check.folder / "package" / Path(filename).name).write_bytes(data)
    environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    environment["TMPDIR"] = str(check.folder)
    command = [sys.executable, "-m", "storeloom.studio.vendor.runner", str(check.folder)]
    with open(check.folder / "runner.err", "wb") as errors, open(check.folder / "alive", "wb") as alive:
        fcntl.flock(alive, fcntl.LOCK_EX)
        streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": errors, "stderr": errors, "pass_fds": [alive.fileno()]}
        process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True, **streams)
        threading.Thread(target=process.wait, daemon=True).start()
    write(check.folder / "pid.json", process.pid)
    return check


def write(file: Path, value: Any) -> None:
    """The file whole or not at all."""
    part = file.with_suffix(".part")
    part.write_bytes(orjson.dumps(value))
    os.replace(part, file)


def _clear() -> None:
    old = time.time() - KEPT_S
    for folder in checks_folder().glob("*/"):
        if folder.stat().st_mtime < old and _ID.fullmatch(folder.name):
            shutil.rmtree(folder, ignore_errors=True)
