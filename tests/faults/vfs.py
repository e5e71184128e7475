"""File systems for SQLite that fail on purpose: one remembers what a power cut would leave, one refuses to write.

Both stand on SQLite's own; shared memory and locks are the real ones.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import apsw

SECTOR = 512


@dataclass
class File:
    """What a disk holds of a file for certain (None: not even its name), and what was written since: (offset, bytes) or a new size."""

    durable: bytearray | None = None
    pending: list[tuple[int, bytes] | int] = field(default_factory=list)

    def sync(self) -> None:
        self.durable = apply(self.durable, self.pending)
        self.pending = []


def apply(start: bytearray | None, changes: list[tuple[int, bytes] | int]) -> bytearray:
    """A file's bytes after some writes and truncations."""
    content = bytearray(start or b"")
    for change in changes:
        if isinstance(change, int):
            del content[change:]
            continue
        offset, data = change
        if len(content) < offset:
            content.extend(bytes(offset - len(content)))
        content[offset : offset + len(data)] = data
    return content


class Disk:
    """All files of a file system as the disk would hold them. `hook` is called after every write, truncation and sync, with its number."""

    def __init__(self, hook: Callable[[int], None] | None = None) -> None:
        self.files: dict[str, File] = {}
        self.operations = 0
        self.hook = hook

    def open(self, name: str) -> None:
        if name not in self.files:
            path = Path(name)
            content = bytearray(path.read_bytes()) if path.is_file() and path.stat().st_size else None
            self.files[name] = File(content)

    def done(self) -> None:
        self.operations += 1
        if self.hook is not None:
            self.hook(self.operations)

    def killed(self) -> dict[str, bytes]:
        """What stands in the files when the process dies and the machine lives on."""
        every = {name: (file.durable, apply(file.durable, file.pending)) for name, file in self.files.items()}
        return {name: bytes(content) for name, (durable, content) in every.items() if content or durable is not None}

    def cut(self, rng: random.Random) -> dict[str, bytes]:
        """What a power cut leaves: of what was not synced any part, in any order, each write torn at any sector."""
        left: dict[str, bytes] = {}
        keep = rng.choice((0.0, 0.2, 0.5, 0.8, 1.0))
        for name, file in self.files.items():
            kept: list[tuple[int, bytes] | int] = []
            for change in file.pending:
                if rng.random() >= keep:
                    continue
                kept += torn(change, rng) if rng.random() < 0.3 else [change]
            if kept or file.durable is not None:
                left[name] = bytes(apply(file.durable, kept))
        return left


def torn(change: tuple[int, bytes] | int, rng: random.Random) -> list[tuple[int, bytes] | int]:
    """A write of which only some sectors reached the disk."""
    if isinstance(change, int):
        return [change]
    offset, data = change
    first = (offset // SECTOR + 1) * SECTOR - offset
    edges = [0, *range(first, len(data), SECTOR), len(data)]
    return [(offset + a, data[a:b]) for a, b in pairwise(edges) if rng.random() < 0.5]


class CrashFile(apsw.VFSFile):
    """A file whose unsynced writes are remembered."""

    def __init__(self, disk: Disk, name: str | apsw.URIFilename, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._disk, self._name = disk, name if isinstance(name, str) else name.filename()
        disk.open(self._name)

    def _file(self) -> File:
        return self._disk.files[self._name]

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        super().xWrite(data, offset)
        self._file().pending.append((offset, bytes(data)))
        self._disk.done()

    def xTruncate(self, size: int) -> None:  # noqa: N802
        super().xTruncate(size)
        self._file().pending.append(size)
        self._disk.done()

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._disk.done()  # a cut may come before the sync has done its work
        super().xSync(flags)
        self._file().sync()
        self._disk.done()


class CrashVFS(apsw.VFS):
    """A file system that knows what a power cut would leave. A file that is deleted is gone at once."""

    def __init__(self, name: str, disk: Disk) -> None:
        self.name, self.disk = name, disk
        super().__init__(name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return apsw.VFSFile("", name, flags) if name is None else CrashFile(self.disk, name, flags)

    def xDelete(self, name: str, syncdir: bool) -> None:  # noqa: N802
        super().xDelete(name, syncdir)
        self.disk.files.pop(name, None)
        self.disk.done()


@dataclass
class Refusal:
    """When to refuse: at the `at`-th operation of these kinds, and with `forever` at every one after it."""

    kind: str
    at: int
    forever: bool = False
    operations: int = 0
    refused: int = 0

    def check(self, what: str) -> None:
        """Count an operation; apsw.FullError (ENOSPC) or apsw.IOError (EIO) when its time has come."""
        self.operations += 1
        if self.operations == self.at or (self.forever and self.operations > self.at):
            self.refused += 1
            if self.kind == "ENOSPC" and what == "write":
                raise apsw.FullError
            error = apsw.IOError()
            error.extendedresult = {
                "write": apsw.SQLITE_IOERR_WRITE,
                "truncate": apsw.SQLITE_IOERR_TRUNCATE,
                "sync": apsw.SQLITE_IOERR_FSYNC,
            }[what]
            raise error


class RefusingFile(apsw.VFSFile):
    """A file on a disk that is full or broken."""

    def __init__(self, refusal: Refusal, name: str | apsw.URIFilename, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._refusal = refusal

    def excepthook(self, *_: object) -> None:
        """SQLite answers for what it does with the error; nothing is printed."""

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._refusal.check("write")
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:  # noqa: N802
        self._refusal.check("truncate")
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._refusal.check("sync")
        super().xSync(flags)


class RefusingVFS(apsw.VFS):
    """A file system that refuses the operations that `refusal` names."""

    def __init__(self, name: str, refusal: Refusal) -> None:
        self.name, self.refusal = name, refusal
        super().__init__(name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return apsw.VFSFile("", name, flags) if name is None else RefusingFile(self.refusal, name, flags)
