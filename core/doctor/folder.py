"""The folder that a store, an agent or a control plane keeps its data in: its file system, what it holds to, room, whose it is."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from storeloom.core.kernel.errors import Finding
from storeloom.core.runtime.health import LITTLE_ROOM_MB, NO_ROOM_MB

NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "fuse.glusterfs", "fuse.sshfs", "ocfs2", "gfs2", "davfs"}
)
FLEETING = frozenset({"tmpfs", "ramfs"})
FEW_INODES = 10_000
TRIES = 20


@dataclass(frozen=True, slots=True)
class FolderFacts:
    """What a folder is. `place` is what was looked at: the folder, or where it is not there yet the nearest one above it.

    `kind` is the file system's; `sync_ms` how long a write takes until it is durable (median); `refusal` why it cannot be written or
    synchronised, `wal` why SQLite cannot keep a write-ahead log there (both empty where they can); `inodes` is None where the file system
    counts none; `owner` and `own` are user ids."""

    folder: Path
    place: Path
    kind: str
    refusal: str = ""
    wal: str = ""
    sync_ms: float = 0.0
    free_mb: int = 0
    inodes: int | None = None
    mode: int = 0o700
    owner: int = 0
    own: int = 0

    @property
    def there(self) -> bool:
        return self.place == self.folder


def probe_folder(folder: Path) -> FolderFacts:
    """Look at a folder, and write a little into it, which is taken away again; nothing else is changed."""
    folder = folder.absolute()
    place = next(path for path in (folder, *folder.parents) if path.exists())
    kind = file_system(place)
    if not place.is_dir():
        return FolderFacts(folder, place, kind, refusal=os.strerror(20))
    stats, usage = os.statvfs(place), shutil.disk_usage(place)
    refusal, wal, sync_ms = "", "", 0.0
    try:
        with tempfile.TemporaryDirectory(prefix=".doctor-", dir=place) as name:
            sync_ms = _synchronised(Path(name))
            wal = _write_ahead(Path(name))
    except OSError as error:
        refusal = error.strerror or str(error)
    about = place.stat()
    inodes = stats.f_favail if stats.f_files else None
    room = usage.free >> 20
    return FolderFacts(folder, place, kind, refusal, wal, sync_ms, room, inodes, stat.S_IMODE(about.st_mode), about.st_uid, os.geteuid())


def file_system(place: Path, table: Path = Path("/proc/self/mountinfo")) -> str:
    """The kind of the file system that a path lies on, as proc(5) writes it; empty where the system does not say."""
    found, best = "", -1
    try:
        lines = table.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    for line in lines:
        front, _, back = line.partition(" - ")
        point = Path(front.split()[4].replace("\\040", " "))
        if place.resolve().is_relative_to(point) and len(point.parts) >= best:
            found, best = back.split()[0], len(point.parts)
    return found


def _synchronised(folder: Path) -> float:
    """How long a small write takes until it is durable (ms, median); OSError where the file system cannot say that it is."""
    spent = []
    with open(folder / "sync", "wb", buffering=0) as file:
        for _ in range(TRIES):
            began = time.perf_counter()
            file.write(bytes(4096))
            os.fsync(file.fileno())
            spent.append(time.perf_counter() - began)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    return round(statistics.median(spent) * 1000, 2)


def _write_ahead(folder: Path) -> str:
    """Why SQLite cannot keep a write-ahead log here; empty where it can, or where its driver is not installed."""
    try:
        import apsw
    except ImportError:
        return ""
    try:
        with contextlib.closing(apsw.Connection(str(folder / "wal.db"))) as db:
            got = next(iter(db.execute("PRAGMA journal_mode=WAL")))[0]
            db.execute("CREATE TABLE t (x); INSERT INTO t VALUES (1)")
    except apsw.Error as error:
        return str(error)
    return "" if got == "wal" else f"journal_mode={got}"


def folder_findings(facts: FolderFacts) -> Iterator[Finding]:
    """What is wrong with a data folder."""
    name = str(facts.folder)
    if facts.refusal:
        yield Finding("SL-MCH-11", {"folder": str(facts.place), "reason": facts.refusal})
    if facts.kind in NETWORK:
        yield Finding("SL-MCH-12", {"folder": name, "kind": facts.kind})
    elif facts.wal:
        yield Finding("SL-MCH-13", {"folder": name, "kind": facts.kind or "?", "reason": facts.wal})
    if facts.kind in FLEETING:
        yield Finding("SL-MCH-14", {"folder": name, "kind": facts.kind})
    if facts.refusal:
        return
    if facts.free_mb < NO_ROOM_MB:
        yield Finding("SL-MCH-15", {"folder": name, "free": facts.free_mb, "limit": NO_ROOM_MB})
    elif facts.free_mb < LITTLE_ROOM_MB:
        yield Finding("SL-MCH-16", {"folder": name, "free": facts.free_mb, "limit": LITTLE_ROOM_MB})
    if facts.inodes is not None and facts.inodes < FEW_INODES:
        yield Finding("SL-MCH-17", {"folder": name, "free": facts.inodes})
    if facts.there and facts.mode & 0o007:
        yield Finding("SL-MCH-18", {"folder": name, "mode": f"{facts.mode:04o}"})
    if facts.there and facts.owner != facts.own:
        yield Finding("SL-MCH-19", {"folder": name, "owner": facts.owner, "own": facts.own})
