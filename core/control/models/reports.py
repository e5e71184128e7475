"""What stores tell of their trade: figures and alerts, rolled up by hour and day."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKeyConstraint, Index
from sqlmodel import Field, SQLModel

from storeloom.core.control.database import one_of
from storeloom.core.control.models.columns import document, moment

SPANS = ("hour", "day")


class Figure(SQLModel, table=True):
    """A solution's named figure in a store over an hour or a store's own day. `value` and `weight` of a mean are summed apart."""

    __tablename__ = "figure"
    __table_args__ = (
        ForeignKeyConstraint(["chain", "store"], ["store.chain", "store.id"], ondelete="CASCADE"),
        one_of("span", SPANS),
        Index("figure_by_name", "chain", "solution", "name", "span", "begins"),
    )
    chain: str = Field(primary_key=True)
    store: str = Field(primary_key=True)
    instance: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    span: str = Field(primary_key=True)
    begins: datetime = moment(key=True)
    solution: str
    unit: str
    release: str | None = None
    value: float
    weight: float = 1.0


class Alert(SQLModel, table=True):
    """An alert of a store as it stands: opened, taken up, closed."""

    __tablename__ = "alert"
    __table_args__ = (ForeignKeyConstraint(["chain", "store"], ["store.chain", "store.id"], ondelete="CASCADE"),)
    chain: str = Field(primary_key=True)
    store: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    source: str
    kind: str = Field(index=True)
    severity: str
    state: str
    text: str
    subject: str = ""
    opened: datetime = moment(index=True)
    closed: datetime | None = moment(null=True)
    data: dict[str, Any] = document()
