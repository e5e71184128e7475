"""Who of the servers that share a folder lives: each holds a lock there that the system takes from it with its life, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from uuid import uuid4

NEW = ".new"


class Lease:
    """This server's sign of life, from now on; `id` names it to the others."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self.id = folder, uuid4().hex
        beside = folder / f"{self.id}{NEW}"
        self._file = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        beside.rename(folder / self.id)  # nobody sees it before it is held
        for other in folder.iterdir():
            if other.suffix != NEW:
                self.lives(other.name)

    def lives(self, server: str) -> bool:
        """Whether the server of an id lives, this one too. The sign of one that does not is taken away."""
        if server == self.id:
            return True
        file = self._folder / server
        try:
            handle = os.open(file, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
        file.unlink(missing_ok=True)
        return False
