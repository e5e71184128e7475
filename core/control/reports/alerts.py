"""Alerts of stores: opened, told anew and cleared under their id by the stores, acknowledged by an operator."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from storeloom.core.control.models.received import ReceivedEvent
from storeloom.core.control.models.reports import Alert
from storeloom.core.control.reports.told import formed, known

STREAM = "alert.raise"


class Told(BaseModel):
    """What of an alert is read; all of it is kept."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    alert: str = Field(min_length=1, max_length=500)
    kind: str = Field(max_length=200)
    severity: str = Field(max_length=20)
    state: str = Field(pattern="^(open|cleared)$")
    text: str = ""
    subject: str = ""


def heed(session: Session, events: Iterable[ReceivedEvent], now: datetime) -> None:
    """Bring alerts to what new events of one store, in the order of its log, say of them. What is no alert by its form is left out, and
    what a restored log tells once more: it is older than what the log before said last."""
    told = [(event, one) for event in events if event.stream == STREAM and (one := formed(Told, event.data)) is not None]
    if not told:
        return
    rows = known(session, Alert, told[0][0], sorted({one.alert for _, one in told}))
    for event, one in told:
        row, at = rows.get(one.alert), min(event.time, now)
        if row is None:
            row = rows[one.alert] = _opened(event, one, at)
        elif event.generation != row.generation and at < row.changed:
            continue
        elif one.state == "open" and row.state == "cleared":
            row.episode, row.opened, row.closed, row.acknowledged, row.acknowledged_by = row.episode + 1, at, None, None, None
        if one.state == "cleared" and row.closed is None:
            row.closed = at
        row.state, row.kind, row.severity, row.source = one.state, one.kind, one.severity, event.source
        row.changed, row.generation = at, event.generation
        row.text, row.subject, row.data = one.text, one.subject, event.data
        session.add(row)
    session.flush()


def ref(store: str, alert: str) -> str:
    """A name of an alert that fits into an address."""
    return hashlib.sha256(f"{store}|{alert}".encode()).hexdigest()[:32]


def _opened(event: ReceivedEvent, one: Told, at: datetime) -> Alert:
    return Alert(
        chain=event.chain,
        store=event.store,
        id=one.alert,
        ref=ref(event.store, one.alert),
        source=event.source,
        kind=one.kind,
        severity=one.severity,
        state=one.state,
        text=one.text,
        generation=event.generation,
        opened=at,
        changed=at,
        data=event.data,
    )


def acknowledge(session: Session, row: Alert, actor: str, now: datetime) -> bool:
    """Note who took an alert up; False where somebody did before, which stands."""
    if row.acknowledged is not None:
        return False
    row.acknowledged, row.acknowledged_by = now, actor
    session.add(row)
    return True
