"""What stores sent up: their events, where each store stands, what it lost, and who may send.

A store's events are keyed by its log's sequence and by their ids, so that a batch sent twice is stored once. A log that was made anew or
restored from an older copy begins a new `generation`: its sequences count afresh, its known events are told by their ids.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict
from sqlalchemy import JSON, CheckConstraint, Column, Engine, UniqueConstraint
from sqlmodel import Field, Session, SQLModel, col, select

from storeloom.core.control.database import UtcTime, reading, writing
from storeloom.core.kernel.errors import DeliveryFault, Finding

IDS_A_QUERY = 500
LARGEST = 10**18


class StoreToken(SQLModel, table=True):
    """The SHA-256 of the token by which a store is known; the token itself is kept nowhere."""

    __tablename__ = "store_token"
    __table_args__ = (CheckConstraint("length(sha256) = 64"), CheckConstraint("store <> ''"))
    store: str = Field(primary_key=True)
    sha256: str


class Position(SQLModel, table=True):
    """How far a store's log is stored here: up to record `seq`, whose id is `event`. `lost` counts records that never came."""

    __tablename__ = "upload_position"
    __table_args__ = (CheckConstraint("generation >= 1"), CheckConstraint("seq >= 0"), CheckConstraint("lost >= 0"))
    store: str = Field(primary_key=True)
    generation: int = 1
    seq: int = 0
    event: str = ""
    lost: int = 0
    reported: datetime = Field(sa_column=Column(UtcTime, nullable=False))


class ReceivedEvent(SQLModel, table=True):
    """One event of a store's log. `store` sent it; `about` is the store of its envelope, another one's where stores share forecasts."""

    __tablename__ = "received_event"
    __table_args__ = (UniqueConstraint("store", "id"), CheckConstraint("seq >= 1"))
    store: str = Field(primary_key=True, foreign_key="upload_position.store")
    generation: int = Field(primary_key=True)
    seq: int = Field(primary_key=True)
    id: str
    stream: str = Field(index=True)
    source: str
    about: str
    time: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    received: datetime = Field(sa_column=Column(UtcTime, nullable=False))
    hops: int
    cause: int
    data: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))


class UploadGap(SQLModel, table=True):
    """Records that left a store's log before they came up: `lost` of them behind `after`."""

    __tablename__ = "upload_gap"
    __table_args__ = (CheckConstraint("lost >= 1"),)
    store: str = Field(primary_key=True, foreign_key="upload_position.store")
    generation: int = Field(primary_key=True)
    after: int = Field(primary_key=True)
    lost: int
    reported: datetime = Field(sa_column=Column(UtcTime, nullable=False))


class Line(BaseModel):
    """One line of a batch, as it comes over the wire."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    seq: int
    id: str
    stream: str
    source: str
    store: str
    time: AwareDatetime
    received: AwareDatetime
    hops: int = Field(ge=0, le=LARGEST)
    cause: int = Field(ge=0, le=LARGEST)
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Batch:
    """The selected records of a log behind `after` up to `last`; both ends are named by sequence and id."""

    generation: int
    after: int
    after_event: str
    last: int
    last_event: str
    lost: int
    lines: Sequence[Line]


class OutOfStep(DeliveryFault):
    """A batch that does not follow what is stored; `position` says what would."""

    def __init__(self, finding: Finding, position: Position) -> None:
        super().__init__(finding)
        self.position = position


def set_token(engine: Engine, store: str, token: str) -> None:
    """Let a store send with this token, and with no other."""
    with writing(engine) as session:
        session.merge(StoreToken(store=store, sha256=_digest(token)))


def may_send(engine: Engine, store: str, token: str) -> bool:
    """Whether a token is the store's own."""
    with reading(engine) as session:
        known = session.get(StoreToken, store)
    return hmac.compare_digest(_digest(token), known.sha256 if known else _digest("")) and known is not None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def position(engine: Engine, store: str, now: datetime) -> Position:
    """Where a store stands; at the start when it never sent."""
    with reading(engine) as session:
        return session.get(Position, store) or Position(store=store, reported=now)


def begin_generation(engine: Engine, store: str, after: int, now: datetime) -> Position:
    """Begin the generation that follows `after`; the one that stands when it has begun already."""
    with writing(engine) as session:
        known = session.get(Position, store, with_for_update=True)
        if known is None or known.generation != after:
            return known or Position(store=store, reported=now)
        known.generation, known.seq, known.event, known.reported = after + 1, 0, "", now
        session.add(known)
    return known


def keep_batch(engine: Engine, store: str, batch: Batch, now: datetime) -> tuple[Position, int]:
    """Store a batch in one transaction; where the store stands now, and how many events were new. OutOfStep when it does not follow.

    A batch that is stored already changes nothing.
    """
    with writing(engine) as session:
        known = session.get(Position, store, with_for_update=True)
        if known is None:
            known = Position(store=store, reported=now)
            session.add(known)
        if batch.generation == known.generation and batch.last <= known.seq:
            return known, 0
        if (batch.generation, batch.after, batch.after_event) != (known.generation, known.seq, known.event):
            args = {"store": store, "got": batch.after, "expected": known.seq, "generation": known.generation}
            raise OutOfStep(Finding("SL-UPL-09", args), Position(**known.model_dump()))
        session.flush()
        new = _unknown(session, store, batch.lines)
        session.add_all(_row(store, batch.generation, line) for line in new)
        if batch.lost:
            session.add(UploadGap(store=store, generation=batch.generation, after=batch.after, lost=batch.lost, reported=now))
        known.seq, known.event, known.lost, known.reported = batch.last, batch.last_event, known.lost + batch.lost, now
    return known, len(new)


def _unknown(session: Session, store: str, lines: Sequence[Line]) -> list[Line]:
    """The lines whose events are not stored yet, of whatever generation."""
    known: set[str] = set()
    for start in range(0, len(lines), IDS_A_QUERY):
        ids = [line.id for line in lines[start : start + IDS_A_QUERY]]
        query = select(ReceivedEvent.id).where(ReceivedEvent.store == store, col(ReceivedEvent.id).in_(ids))
        known.update(session.exec(query))
    return [line for line in lines if line.id not in known]


def _row(store: str, generation: int, line: Line) -> ReceivedEvent:
    fields = line.model_dump(exclude={"store"})
    return ReceivedEvent(store=store, generation=generation, about=line.store, **fields)


def events(engine: Engine, store: str) -> list[ReceivedEvent]:
    """What came from a store, in the order of its log."""
    order = col(ReceivedEvent.generation), col(ReceivedEvent.seq)
    with reading(engine) as session:
        return list(session.exec(select(ReceivedEvent).where(ReceivedEvent.store == store).order_by(*order)))
