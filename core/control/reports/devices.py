"""Devices of stores as they last said of themselves."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, select

from storeloom.core.control.models.fleet import Device
from storeloom.core.control.models.received import ReceivedEvent
from storeloom.core.control.reports.told import formed, known

STREAM = "device.status"
MOST = 2000
_KEPT = ("code", "firmware", "backup")


class Told(BaseModel):
    """What of a device's status is read."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    device: str = Field(min_length=1, max_length=200)
    kind: str = Field(max_length=100)
    state: str = Field(min_length=1, max_length=50)
    text: str = ""
    metrics: dict[str, Any] = Field(default_factory=dict)


def heed(session: Session, events: Iterable[ReceivedEvent], now: datetime) -> None:
    """Bring devices to what new events of one store, in the order of its log, say of them. What is malformed is left out, and what is older
    than what is known of the device."""
    told = [(event, one) for event in events if event.stream == STREAM and (one := formed(Told, event.data)) is not None]
    if not told:
        return
    first = told[0][0]
    rows = known(session, Device, first, sorted({one.device for _, one in told}))
    room = MOST - len(session.exec(select(Device.id).where(Device.chain == first.chain, Device.store == first.store).limit(MOST)).all())
    for event, one in told:
        at = min(event.time, now)
        row = rows.get(one.device)
        if row is None and room <= 0:
            continue
        if row is None:
            room -= 1
            key = {"chain": event.chain, "store": event.store, "id": one.device}
            row = rows[one.device] = Device(**key, kind=one.kind, state=one.state, since=at, reported=at, figures={})
        elif at < row.reported:
            continue
        if row.state != one.state:
            row.since = at
        row.kind, row.state, row.reported, row.text = one.kind, one.state, at, one.text[:500]
        said = {key: event.data[key] for key in _KEPT if isinstance(event.data.get(key), str)}
        row.figures = {**row.figures, **one.metrics, **said}
        session.add(row)
    session.flush()
