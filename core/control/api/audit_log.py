"""The audit log, to be read and checked; there is no address that changes it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field
from sqlmodel import col, select

from storeloom.core.control import audit
from storeloom.core.control.api.paging import page
from storeloom.core.control.api.route import Answer, Call, Page, PageQuery, Resource, Wire
from storeloom.core.control.models.audit import AuditEntry

audit_log = Resource("audit")


class EntryOut(Wire):
    """One deed."""

    seq: int
    at: datetime
    actor: str
    action: str
    object: str
    detail: dict[str, Any]
    previous: str
    hash: str


class AuditQuery(PageQuery):
    """Which deeds: of one kind (`store.change`), of one actor (`user:01J...`)."""

    action: str | None = Field(None, max_length=100)
    actor: str | None = Field(None, max_length=200)


class Verified(Wire):
    """Whether the log holds: how many entries, the newest hash (keep it elsewhere), and where it does not."""

    ok: bool
    entries: int
    head: str
    faults: list[str]


@audit_log.route("GET", "/audit", "audit:read", "Read the audit log", "审计日志", query=AuditQuery, answer=Page[EntryOut])
def read_audit(call: Call) -> Answer:
    """Deeds in the order in which they were done."""
    found = select(AuditEntry).where(AuditEntry.chain == call.chain)
    if call.query.action is not None:
        found = found.where(AuditEntry.action == call.query.action)
    if call.query.actor is not None:
        found = found.where(AuditEntry.actor == call.query.actor)
    return Answer(page(call.session, found, [col(AuditEntry.seq)], call.query, lambda row: row.model_dump(exclude={"chain"})))


@audit_log.route("GET", "/audit/verify", "audit:read", "Check the audit log", "校验审计日志", answer=Verified)
def verify_audit(call: Call) -> Answer:
    """Go through the whole log of the chain."""
    checked = audit.verify(call.session, call.chain)
    return Answer({"ok": not checked.faults, "entries": checked.entries, "head": checked.head, "faults": list(checked.faults)})
