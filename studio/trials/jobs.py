"""Trials of the studio, each in a process and a folder of its own: a page goes on answering, a trial can be stopped, outlives a reload of
the browser, and loads no engine into the studio.

The folder's name cannot be guessed and stands in the page's address: who has it has the trial.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import orjson

from storeloom.core.kernel.errors import Finding, InputFault
from storeloom.studio.draft_file import drafts_folder

KEPT_S = 7 * 86_400
MOST_AT_ONCE = max(2, (os.cpu_count() or 2) // 2)
_ID = re.compile(r"[A-Za-z0-9_-]{32}")
State = Literal["running", "done", "failed", "stopped", "broken"]
RECORDINGS = ("receipts", "footage")


class Busy(Exception):
    """As many trials are running as this machine should carry."""


def trials_folder() -> Path:
    """Where trials are kept, beside the drafts."""
    return drafts_folder() / "trials"


@dataclass(frozen=True)
class Job:
    """One trial by its folder: `asked.json` says what is tried, `progress.json` how far it is, `result.json` or `failed.json` how it
    ended; the file `stop` asks it to end. The process holds a lock on `alive` for as long as it lives."""

    folder: Path

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def asked(self) -> Mapping[str, Any]:
        """What is tried."""
        return self._read("asked.json") or {}

    @property
    def progress(self) -> Mapping[str, Any]:
        """How far it is: `run` of `runs`, `share` from 0 to 1, `time` of the store."""
        return self._read("progress.json") or {"run": 1, "runs": 1, "share": 0.0, "time": ""}

    @property
    def result(self) -> list[Mapping[str, Any]]:
        """The views of its runs. KeyError before it is done."""
        found: list[Mapping[str, Any]] | None = self._read("result.json")
        if found is None:
            raise KeyError(self.id)
        return found

    @property
    def findings(self) -> list[Mapping[str, Any]]:
        """Why it failed: findings with `text` and `fix` by language."""
        return self._read("failed.json") or []

    @property
    def state(self) -> State:
        if (self.folder / "result.json").is_file():
            return "done"
        if (self.folder / "failed.json").is_file():
            return "failed"
        if self.alive:
            return "running"
        if (self.folder / "result.json").is_file() or (self.folder / "failed.json").is_file():
            return self.state
        return "stopped" if (self.folder / "stop").exists() else "broken"

    def stop(self) -> None:
        """Ask it to end; nothing of it is kept but what it was asked."""
        (self.folder / "stop").touch()

    def report(self, lang: str) -> bytes | None:
        """The report of the first run as HTML, None while it is being written."""
        file = self.folder / f"report-{lang}.html"
        return file.read_bytes() if file.is_file() else None

    @property
    def alive(self) -> bool:
        """Whether its process lives; it may still write reports when the result is there."""
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


def known(name: str) -> Job | None:
    """The trial of an id, None where there is none."""
    folder = trials_folder() / name
    return Job(folder) if _ID.fullmatch(name) and folder.is_dir() else None


def start(asked: Mapping[str, Any], recordings: Mapping[str, tuple[str, bytes]] | None = None) -> Job:
    """Begin a trial. `recordings` are files by what they hold (`receipts`, `footage`): name and content; they go when it ends.

    InputFault where the folder cannot be written, Busy where as many run as this machine should carry.
    """
    root = trials_folder()
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        _tidy(root)
        if sum(Job(folder).state == "running" for folder in root.iterdir() if folder.is_dir()) >= MOST_AT_ONCE:
            raise Busy(MOST_AT_ONCE)
        job = Job(root / secrets.token_urlsafe(24))
        job.folder.mkdir(mode=0o700)
        files = {}
        for what, (name, content) in (recordings or {}).items():
            place = job.folder / f"{what}{Path(name).suffix.lower()}"
            place.write_bytes(content)
            files[what] = str(place)
        (job.folder / "asked.json").write_bytes(orjson.dumps({**asked, **files}))
        _begin(job)
    except OSError as error:
        remedy = {"en": "Look at the folder's permissions and the space that is left.", "zh": "请检查文件夹权限与剩余空间。"}
        args = {"file": str(root), "reason": str(error.strerror or error), "remedy": remedy}
        raise InputFault(Finding("SL-INP-01", args, file=str(root))) from error
    return job


def _begin(job: Job) -> None:
    """Start the process with the lock already held, so that it counts as living from now on."""
    with open(job.folder / "alive", "wb") as alive, open(job.folder / "said.txt", "wb") as said:
        fcntl.flock(alive, fcntl.LOCK_EX)
        command = [sys.executable, "-m", "storeloom.studio.trials.child", str(job.folder)]
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, pass_fds=(alive.fileno(),), start_new_session=True)


def _tidy(root: Path) -> None:
    """Take away trials older than a week, and recordings that a killed trial left."""
    now = time.time()
    for folder in root.iterdir():
        if not folder.is_dir() or Job(folder).state == "running":
            continue
        if now - folder.stat().st_mtime > KEPT_S:
            shutil.rmtree(folder, ignore_errors=True)
            continue
        drop_recordings(folder)


def drop_recordings(folder: Path) -> None:
    """Delete what was recorded of a trial: it is kept for as long as it is read, and no longer."""
    for what in RECORDINGS:
        for file in folder.glob(f"{what}.*"):
            file.unlink(missing_ok=True)
