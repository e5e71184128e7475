"""What stores sent up: their events, where each store's log stands here, what it lost."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlmodel import Field

from storeloom.core.control.models.columns import document, moment
from storeloom.core.control.wall import OfChain

_POSITION = ["upload_position.chain", "upload_position.store"]


class Position(OfChain, table=True):
    """How far a store's log is stored here: up to record `seq`, whose id is `event`. `lost` counts records that never came."""

    __tablename__ = "upload_position"
    __table_args__ = (
        ForeignKeyConstraint(["chain", "store"], ["store.chain", "store.id"], ondelete="CASCADE"),
        CheckConstraint("generation >= 1", name="generation_counts"),
        CheckConstraint("seq >= 0", name="seq_counts"),
        CheckConstraint("lost >= 0", name="lost_counts"),
    )
    chain: str = Field(primary_key=True)
    store: str = Field(primary_key=True)
    generation: int = Field(default=1, sa_type=BigInteger)
    seq: int = Field(default=0, sa_type=BigInteger)
    event: str = ""
    lost: int = Field(default=0, sa_type=BigInteger)
    reported: datetime = moment()


class ReceivedEvent(OfChain, table=True):
    """One event of a store's log. `about` is the store of its envelope, another one's where stores share forecasts; `kept` is when it came
    here, which its retention counts from."""

    __tablename__ = "received_event"
    __table_args__ = (
        ForeignKeyConstraint(["chain", "store"], _POSITION, ondelete="CASCADE"),
        UniqueConstraint("chain", "store", "id"),
        CheckConstraint("seq >= 1", name="seq_counts"),
        Index("received_event_by_age", "chain", "kept"),
    )
    chain: str = Field(primary_key=True)
    store: str = Field(primary_key=True)
    generation: int = Field(primary_key=True, sa_type=BigInteger)
    seq: int = Field(primary_key=True, sa_type=BigInteger)
    id: str
    stream: str
    source: str
    about: str
    time: datetime = moment()
    received: datetime = moment()
    kept: datetime = moment()
    hops: int = Field(sa_type=BigInteger)
    cause: int = Field(sa_type=BigInteger)
    data: dict[str, Any] = document()


class UploadGap(OfChain, table=True):
    """Records that left a store's log before they came up: `lost` of them behind `after`."""

    __tablename__ = "upload_gap"
    __table_args__ = (
        ForeignKeyConstraint(["chain", "store"], _POSITION, ondelete="CASCADE"),
        CheckConstraint("lost >= 1", name="lost_counts"),
    )
    chain: str = Field(primary_key=True)
    store: str = Field(primary_key=True)
    generation: int = Field(primary_key=True, sa_type=BigInteger)
    after: int = Field(primary_key=True, sa_type=BigInteger)
    lost: int = Field(sa_type=BigInteger)
    reported: datetime = moment()
