"""The audit log: each entry bound to the one before by its hash, so that none can be changed, left out or put in between unseen.

Whoever holds the newest hash (it is printed by `storeloom audit verify`, and can be kept elsewhere) can tell a log that was rewritten as a
whole. Secrets and personal data do not belong in it: `detail` names what was changed, not the values.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import text
from sqlmodel import Session, col, select

from storeloom.core.control.models.audit import AuditEntry
from storeloom.core.control.models.columns import iso

FIRST = "0" * 64
LOCK = text("SELECT pg_advisory_xact_lock(hashtext('storeloom-audit'), hashtext(:chain))")


def note(
    session: Session, chain: str, now: datetime, actor: str, action: str, what: str, detail: Mapping[str, Any] | None = None
) -> AuditEntry:
    """Add an entry within the transaction of the deed itself: both are there, or neither."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(LOCK, {"chain": chain})
    last = session.exec(select(AuditEntry).where(AuditEntry.chain == chain).order_by(col(AuditEntry.seq).desc()).limit(1)).first()
    entry = AuditEntry(
        chain=chain,
        seq=1 if last is None else last.seq + 1,
        at=now,
        actor=actor,
        action=action,
        object=what,
        detail=dict(detail or {}),
        previous=FIRST if last is None else last.hash,
        hash="",
    )
    entry.hash = digest(entry)
    session.add(entry)
    session.flush()
    return entry


def digest(entry: AuditEntry) -> str:
    """The hash of an entry over all that it says and the hash before it."""
    said = entry.model_dump(exclude={"hash", "at"}) | {"at": iso(entry.at)}
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()


@dataclass(frozen=True)
class Checked:
    """What a check of a chain's log found: how many entries, the newest hash, and the entries that do not hold, in words."""

    entries: int
    head: str
    faults: tuple[str, ...]


def verify(session: Session, chain: str) -> Checked:
    """Go through a chain's log from its beginning."""
    entries = session.exec(
        select(AuditEntry).where(AuditEntry.chain == chain).order_by(col(AuditEntry.seq)).execution_options(yield_per=1000)
    )
    number, previous = 0, FIRST
    wrong: list[str] = []
    for entry in entries:
        number += 1
        if entry.seq != number:
            wrong.append(f"{number}: missing, {entry.seq} follows")
            number = entry.seq
        elif entry.previous != previous:
            wrong.append(f"{entry.seq}: not bound to the entry before")
        if entry.hash != digest(entry):
            wrong.append(f"{entry.seq}: changed")
        previous = entry.hash
    return Checked(number, previous, tuple(wrong))
