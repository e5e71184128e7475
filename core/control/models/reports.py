"""What stores tell of their trade: figures by hour and day, their sums over regions, alerts; and for how long a chain keeps them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlmodel import Field

from storeloom.core.control.database import one_of
from storeloom.core.control.models.columns import document, moment
from storeloom.core.control.wall import OfChain

SPANS = ("hour", "day")
ALERT_STATES = ("open", "cleared")


class Figure(OfChain, table=True):
    """A solution's named figure in a store over an hour or a store's own day (`day`, a date on its wall; it has 23 to 25 hours).

    `how` it is made says how it is put together: of a `sum` `value` is the sum and `weight` 1, of all others `value` is the value times its
    `weight`, so that both are summed apart. `told` and `told_weight` are what the store said of its day so far, at `seen`: an hour's share
    is what they rose by.
    """

    __tablename__ = "figure"
    __table_args__ = (
        ForeignKeyConstraint(["chain", "store"], ["store.chain", "store.id"], ondelete="CASCADE"),
        one_of("span", SPANS),
        Index("figure_by_name", "chain", "solution", "name", "span", "begins", "store", "instance"),
        Index("figure_by_time", "chain", "span", "begins"),
        {"sqlite_with_rowid": False},
    )
    chain: str = Field(primary_key=True)
    store: str = Field(primary_key=True)
    instance: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    span: str = Field(primary_key=True)
    begins: datetime = moment(key=True)
    day: str = ""
    solution: str
    unit: str
    how: str = "mean"
    release: str | None = None
    value: float
    weight: float = 1.0
    seen: datetime | None = moment(null=True)
    told: float | None = None
    told_weight: float | None = None


class FigureNews(OfChain, table=True):
    """Stores that told figures of a day which are not yet in its sums; `turn` tells whether more came while they were summed."""

    __tablename__ = "figure_news"
    __table_args__ = (
        ForeignKeyConstraint(["chain", "store"], ["store.chain", "store.id"], ondelete="CASCADE"),
        {"sqlite_with_rowid": False},
    )
    chain: str = Field(primary_key=True)
    day: str = Field(primary_key=True)
    store: str = Field(primary_key=True)
    turn: int = 1


class FigureSum(OfChain, table=True):
    """A figure over the stores of a region (empty: of none) on their own days of one date. `low` and `high` are the least and greatest
    value of a store."""

    __tablename__ = "figure_sum"
    __table_args__ = ({"sqlite_with_rowid": False},)
    chain: str = Field(primary_key=True, foreign_key="chain.id")
    day: str = Field(primary_key=True)
    region: str = Field(primary_key=True)
    solution: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    unit: str = Field(primary_key=True)
    how: str = Field(primary_key=True)
    stores: int
    value: float
    weight: float
    low: float
    high: float
    summed: datetime = moment()


class FigureHourSum(OfChain, table=True):
    """A figure over a chain's stores in one hour of their day of a date, for the day of each chain that today is held against."""

    __tablename__ = "figure_hour_sum"
    __table_args__ = ({"sqlite_with_rowid": False},)
    chain: str = Field(primary_key=True, foreign_key="chain.id")
    day: str = Field(primary_key=True)
    begins: datetime = moment(key=True)
    solution: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    unit: str = Field(primary_key=True)
    how: str = Field(primary_key=True)
    stores: int
    value: float
    weight: float
    low: float
    high: float
    summed: datetime = moment()


class Alert(OfChain, table=True):
    """An alert of a store as it stands, from the store's last word on it at `changed`, in a `generation` of its log.

    `ref` names it in addresses. `episode` counts how often it was opened; who acknowledged it did so for that episode.
    """

    __tablename__ = "alert"
    __table_args__ = (
        ForeignKeyConstraint(["chain", "store"], ["store.chain", "store.id"], ondelete="CASCADE"),
        UniqueConstraint("chain", "ref"),
        one_of("state", ALERT_STATES),
        Index("alert_by_kind", "chain", "state", "kind", "severity"),
        Index("alert_by_age", "chain", "state", "closed"),
        Index("alert_by_time", "chain", "opened", "ref"),
    )
    chain: str = Field(primary_key=True)
    store: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    ref: str
    source: str
    kind: str
    severity: str
    state: str
    text: str
    subject: str = ""
    generation: int = Field(default=1, sa_type=BigInteger)
    episode: int = 1
    opened: datetime = moment()
    changed: datetime = moment()
    closed: datetime | None = moment(null=True)
    acknowledged: datetime | None = moment(null=True)
    acknowledged_by: str | None = None
    data: dict[str, Any] = document()


class Retention(OfChain, table=True):
    """For how many days a chain keeps what its stores told: events, hourly and daily figures, agents' reports, alerts that are over."""

    __tablename__ = "retention"
    __table_args__ = tuple(
        CheckConstraint(f"{name} >= 1", name=f"{name}_counts") for name in ("events", "hours", "days", "reports", "alerts")
    )
    chain: str = Field(primary_key=True, foreign_key="chain.id")
    events: int = 30
    hours: int = 35
    days: int = 800
    reports: int = 30
    alerts: int = 180
    version: int = 1
    changed: datetime | None = moment(null=True)
