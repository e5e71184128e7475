"""The audit log: who did what, each entry bound to the one before by its hash; entries are only ever added."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint
from sqlmodel import Field

from storeloom.core.control.models.columns import document, moment
from storeloom.core.control.wall import OfChain


class AuditEntry(OfChain, table=True):
    """One deed. `hash` is over this entry and the `previous` hash, hex SHA-256."""

    __tablename__ = "audit_entry"
    __table_args__ = (CheckConstraint("length(hash) = 64", name="hash_is_hex"), CheckConstraint("seq >= 1", name="seq_counts"))
    chain: str = Field(primary_key=True, foreign_key="chain.id")
    seq: int = Field(primary_key=True)
    at: datetime = moment()
    actor: str
    action: str
    object: str
    detail: dict[str, Any] = document()
    previous: str
    hash: str
