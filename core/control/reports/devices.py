"""Devices of stores as they last said of themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlmodel import Session, col, select

from storeloom.core.control.models.fleet import Device
from storeloom.core.control.models.received import ReceivedEvent

STREAM = "device.status"
MOST = 2000
AT_ONCE = 500
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
    told = [(event, one) for event in events if event.stream == STREAM and (one := _formed(event.data)) is not None]
    if not told:
        return
    first = told[0][0]
    known = _known(session, first, sorted({one.device for _, one in told}))
    room = MOST - len(session.exec(select(Device.id).where(Device.chain == first.chain, Device.store == first.store).limit(MOST)).all())
    for event, one in told:
        at = min(event.time, now)
        row = known.get(one.device)
        if row is None and room <= 0:
            continue
        if row is None:
            room -= 1
            key = {"chain": event.chain, "store": event.store, "id": one.device}
            row = known[one.device] = Device(**key, kind=one.kind, state=one.state, since=at, reported=at, figures={})
        elif at < row.reported:
            continue
        if row.state != one.state:
            row.since = at
        row.kind, row.state, row.reported, row.text = one.kind, one.state, at, one.text[:500]
        said = {key: event.data[key] for key in _KEPT if isinstance(event.data.get(key), str)}
        row.figures = {**row.figures, **one.metrics, **said}
        session.add(row)
    session.flush()


def _formed(data: Mapping[str, Any]) -> Told | None:
    try:
        return Told.model_validate(data)
    except ValidationError:
        return None


def _known(session: Session, event: ReceivedEvent, ids: list[str]) -> dict[str, Device]:
    found: dict[str, Device] = {}
    for start in range(0, len(ids), AT_ONCE):
        mine = Device.chain == event.chain, Device.store == event.store, col(Device.id).in_(ids[start : start + AT_ONCE])
        found.update({row.id: row for row in session.exec(select(Device).where(*mine).with_for_update())})
    return found
