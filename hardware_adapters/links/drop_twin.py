"""For twins of systems that drop files: a folder, files written into it, and what can go wrong with both."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from storeloom.hardware_adapters.links.twin import Said, Twin

FLOOD = 100
PIECES = 4


class DropTwin(Twin):
    """A system that writes a file for each thing that it says. A subclass gives `content`.

    Going away is the folder's: it is renamed, as a share that is no longer mounted.
    """

    faults: ClassVar[tuple[str, ...]] = (
        "refuse", "vanish", "partial", "cut", "garbage", "checksum", "duplicate", "stale", "flood", "odd", "reboot", "fail",
    )  # fmt: skip
    at_once = 50
    ending: ClassVar[str] = ".csv"

    def __init__(self) -> None:
        self._home = ""
        self._count = 0
        self._last = b""
        self._writer: threading.Thread | None = None

    @abstractmethod
    def content(self, number: int, *, odd: bool = False, wrong: bool = False) -> bytes:
        """The file's bytes, another thing for each number; `odd`: values out of range; `wrong`: a sum or count that is not right."""

    @abstractmethod
    def said(self, number: int) -> Sequence[Said]:
        """What comes of a file that is right."""

    @property
    def folder(self) -> Path:
        return Path(self._home) / "in"

    @property
    def _away(self) -> Path:
        return Path(self._home) / "away"

    def start(self) -> None:
        self._home = tempfile.mkdtemp(prefix="drop-twin-")
        self.folder.mkdir()

    def settings(self) -> Mapping[str, Any]:
        return {"address": str(self.folder), "poll_s": 0.05, "quiet_s": 0.1}

    def write(self, content: bytes) -> None:
        """Write a file under its name from the start, as many systems do."""
        self._count += 1
        path = self.folder / f"f{self._count:05d}{self.ending}"
        if self.fault == "partial":
            self._writer = threading.Thread(target=self._in_pieces, args=(path, content), daemon=True)
            self._writer.start()
            return
        path.write_bytes(content[: len(content) // 2] if self.fault == "cut" else content)

    @staticmethod
    def _in_pieces(path: Path, content: bytes) -> None:
        size = max(1, len(content) // PIECES)
        with path.open("wb", buffering=0) as file:
            for start in range(0, len(content), size):
                file.write(content[start : start + size])
                time.sleep(0.03)

    def act(self, number: int) -> Sequence[Said]:
        self._join()
        if not self.folder.is_dir():
            return self.said(number)
        fresh = self._count * 10 + number
        content = self.content(fresh, odd=self.fault == "odd", wrong=self.fault == "checksum")
        if self.fault == "garbage":
            self.write(b"\xff\xfe\x00\x80garbage\x00\n,,,")
        if self.fault == "stale" and self._last:
            self.write(self._last)
        for _ in range({"duplicate": 2, "flood": FLOOD}.get(self.fault, 1)):
            self.write(content)
        self._last = content
        return self.said(fresh)

    def play(self, fault: str) -> None:
        super().play(fault)
        if fault in ("refuse", "vanish", "fail"):
            os.replace(self.folder, self._away)
        if fault == "fail":
            self.folder.write_bytes(b"a file where the folder was")
        if fault == "reboot":
            shutil.rmtree(self.folder, ignore_errors=True)  # the driver may be moving a file out of it
            self.folder.mkdir(exist_ok=True)

    def mend(self) -> None:
        super().mend()
        if self.folder.is_file():
            self.folder.unlink()
        if self._away.exists():
            os.replace(self._away, self.folder)

    def _join(self) -> None:
        if self._writer is not None:
            self._writer.join()
            self._writer = None

    def close(self) -> None:
        self._join()
        if self._home:
            shutil.rmtree(self._home, ignore_errors=True)
