"""The process that outlives the driver by a moment and ends what Ray leaves behind.

Ray's own processes follow a killed driver, but one that is stuck, or the children of a killed worker, may stay. Every process that Ray
starts for us bears a mark in its environment, whatever group it is in; once the driver is gone (its end of the pipe is closed) each that
still bears the mark after a grace is killed, and the session's folder is removed. It is started as
`python -m storeloom.workers.vision.pool.reaper MARK` and reads the folder, one line, from standard input.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil

MARK = "STORELOOM_POOL"
GRACE_S = 5.0
POLL_S = 0.2


class Reaper:
    """The driver's end. Use `marking` around what starts processes."""

    def __init__(self) -> None:
        self.mark = uuid.uuid4().hex
        self._process = subprocess.Popen(
            [sys.executable, "-m", "storeloom.workers.vision.pool.reaper", self.mark],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @contextlib.contextmanager
    def marking(self) -> Iterator[None]:
        """What is started within bears the mark."""
        before = os.environ.get(MARK)
        os.environ[MARK] = self.mark
        try:
            yield
        finally:
            if before is None:
                del os.environ[MARK]
            else:
                os.environ[MARK] = before

    def tell(self, folder: str) -> None:
        """Have this folder removed at the end."""
        if self._process.stdin is not None:
            self._process.stdin.write(folder.encode() + b"\n")
            self._process.stdin.flush()

    def close(self) -> None:
        """Let it clean up, and wait until it has."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(4 * GRACE_S)


def marked(mark: str) -> list[psutil.Process]:
    """The processes that bear a mark. What ends while it is looked at, or is another user's, bears none."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def main() -> None:
    """Wait for the driver's end, then clean up."""
    mark = sys.argv[1]
    folder = sys.stdin.buffer.readline().decode().strip()
    sys.stdin.buffer.read()
    deadline = time.monotonic() + GRACE_S
    while marked(mark) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    while left := marked(mark):
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        time.sleep(POLL_S)
    if folder and Path(folder).name.startswith("session_"):
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
