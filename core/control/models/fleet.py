"""The chain's stores: regions, stores with their profiles, what their devices last said."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index
from sqlmodel import Field

from storeloom.core.control.models.columns import document, moment
from storeloom.core.control.wall import OfChain


class Region(OfChain, table=True):
    """A part of a chain; its overlay holds for all its stores."""

    __tablename__ = "region"
    __table_args__ = (ForeignKeyConstraint(["chain", "parent"], ["region.chain", "region.id"]),)
    chain: str = Field(primary_key=True, foreign_key="chain.id")
    id: str = Field(primary_key=True)
    name: str
    parent: str | None = None
    version: int = 1


class Store(OfChain, table=True):
    """A store. `profile` is a whole store profile (`store/1`); `ring` orders roll-outs (canary before region before all).

    `window` is when it may be updated: `{from, to, weekdays}` in the store's own time; null: at any time.
    """

    __tablename__ = "store"
    __table_args__ = (
        ForeignKeyConstraint(["chain", "region"], ["region.chain", "region.id"]),
        CheckConstraint("version >= 1", name="version_counts"),
    )
    chain: str = Field(primary_key=True, foreign_key="chain.id")
    id: str = Field(primary_key=True)
    name: str
    region: str | None = None
    ring: int = 1
    tags: list[str] = document()
    profile: dict[str, Any] = document()
    window: dict[str, Any] | None = document(null=True)
    version: int = 1
    created: datetime = moment()
    changed: datetime = moment()
    closed: datetime | None = moment(null=True)


class Device(OfChain, table=True):
    """What a device of a store last said of itself."""

    __tablename__ = "device"
    __table_args__ = (
        ForeignKeyConstraint(["chain", "store"], ["store.chain", "store.id"], ondelete="CASCADE"),
        Index("device_by_state", "chain", "state", "kind"),
    )
    chain: str = Field(primary_key=True)
    store: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    kind: str
    state: str
    since: datetime = moment()
    reported: datetime = moment()
    text: str = ""
    figures: dict[str, Any] = document()
