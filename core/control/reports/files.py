"""A chain's files: rows that name them, bytes under their SHA-256. No name that came from outside is ever part of a path."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from sqlalchemy import func
from sqlmodel import Session, col, select

from storeloom.core.control.api.problems import ApiFault
from storeloom.core.control.database import reading
from storeloom.core.control.models.identity import Chain
from storeloom.core.control.models.ids import new_id
from storeloom.core.control.models.packages import StoredFile
from storeloom.core.control.services import Services
from storeloom.core.kernel.errors import Finding
from storeloom.core.trust import durable

LARGEST = 32 << 20
QUOTA = 20 << 30
UNNAMED = timedelta(days=1)
MediaType = Literal[
    "application/json",
    "application/octet-stream",
    "application/pdf",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/zip",
    "audio/mpeg",
    "audio/wav",
    "image/jpeg",
    "image/png",
    "image/webp",
    "text/csv",
    "text/plain",
    "video/mp4",
]


def place(services: Services, chain: str, sha256: str) -> Path:
    """Where bytes lie: under a hash of the chain's name and their own."""
    return services.folder / "files" / hashlib.sha256(chain.encode()).hexdigest()[:32] / sha256[:2] / sha256


def put(services: Services, chain: str, data: bytes) -> str:
    """Keep bytes, durably; their SHA-256. Bytes that are there already count as new, so that no sweep takes them meanwhile."""
    sha256 = hashlib.sha256(data).hexdigest()
    path = place(services, chain, sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone(path.parent):
        durable.write(path, data)
    durable.sync_folder(path.parent.parent)
    return sha256


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else puts or sweeps in a folder meanwhile, of whatever server."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def add(session: Session, chain: str, name: str, media_type: str, sha256: str, length: int, actor: str, now: datetime) -> StoredFile:
    """Name bytes that are kept; a file of the same name, kind and bytes is the one that is there. ApiFault 413 where the chain's files
    would be more than its QUOTA."""
    session.get_one(Chain, chain, with_for_update=True)  # of two that come at once, the later one sees the other
    same = StoredFile.sha256 == sha256, StoredFile.name == name, StoredFile.media_type == media_type
    there = session.exec(select(StoredFile).where(StoredFile.chain == chain, *same).order_by(col(StoredFile.id)).limit(1)).first()
    if there is not None:
        return there
    used = session.exec(select(func.coalesce(func.sum(StoredFile.length), 0)).where(StoredFile.chain == chain)).one()
    if int(used) + length > QUOTA:
        raise ApiFault(413, Finding("SL-REP-01", {"used": int(used) >> 20, "most": QUOTA >> 20}))
    key = {"chain": chain, "id": new_id(now), "name": name, "media_type": media_type}
    row = StoredFile(**key, sha256=sha256, length=length, uploaded=now, uploaded_by=actor)
    session.add(row)
    return row


def read(services: Services, row: StoredFile) -> bytes | None:
    """A file's bytes; None where they are not what was kept."""
    try:
        data = place(services, row.chain, row.sha256).read_bytes()
    except FileNotFoundError:
        return None
    return data if hashlib.sha256(data).hexdigest() == row.sha256 else None


def sweep(services: Services, chain: str, now: datetime) -> int:
    """Delete bytes that no row has named for UNNAMED; how many. What was put just now may get its row in a moment."""
    root = place(services, chain, "00").parent.parent
    old = (now - UNNAMED).timestamp()
    gone = 0
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        with _alone(folder), reading(services.engine) as session:
            names = [entry.name for entry in os.scandir(folder) if entry.stat().st_mtime < old]
            mine = StoredFile.chain == chain, col(StoredFile.sha256).in_(names)
            named = set(session.exec(select(StoredFile.sha256).where(*mine)))
            for name in names:
                if name not in named:
                    (folder / name).unlink()
                    gone += 1
    return gone
