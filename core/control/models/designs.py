"""What stores are to run: templates and overlays, every revision kept, and each store's own layer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint
from sqlmodel import Field

from storeloom.core.control.database import one_of
from storeloom.core.control.models.columns import document, moment
from storeloom.core.control.wall import OfChain

LEVELS = ("template", "format", "region")


class Design(OfChain, table=True):
    """A template (`template/1`) or an overlay (`overlay/1`) as it stands; `version` counts its revisions.

    `level` says what it is for: a `template` for the stores that are built on it, an overlay for a store `format` or a `region`, named by
    `target`. `template` narrows an overlay to stores on that template. A store's own layer stands in `StoreDesign`.
    """

    __tablename__ = "design"
    __table_args__ = (one_of("level", LEVELS),)
    chain: str = Field(primary_key=True, foreign_key="chain.id")
    id: str = Field(primary_key=True)
    level: str
    target: str | None = None
    template: str | None = None
    name: str
    version: int = 1
    body: dict[str, Any] = document()
    changed: datetime = moment()
    changed_by: str
    retired: datetime | None = moment(null=True)


class DesignRevision(OfChain, table=True):
    """A revision as it was written; never changed."""

    __tablename__ = "design_revision"
    __table_args__ = (ForeignKeyConstraint(["chain", "design"], ["design.chain", "design.id"]),)
    chain: str = Field(primary_key=True)
    design: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    body: dict[str, Any] = document()
    at: datetime = moment()
    author: str
    note: str = ""


class StoreDesign(OfChain, table=True):
    """Which template a store is built on, at which of its revisions, and the store's own layer over all others."""

    __tablename__ = "store_design"
    __table_args__ = (
        ForeignKeyConstraint(["chain", "store"], ["store.chain", "store.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(["chain", "template"], ["design.chain", "design.id"]),
    )
    chain: str = Field(primary_key=True)
    store: str = Field(primary_key=True)
    template: str
    template_version: int
    own: dict[str, Any] = document()
    version: int = 1
    changed: datetime = moment()
    changed_by: str


class StoreDesignRevision(OfChain, table=True):
    """A store's design as it was written; never changed."""

    __tablename__ = "store_design_revision"
    __table_args__ = (ForeignKeyConstraint(["chain", "store"], ["store_design.chain", "store_design.store"], ondelete="CASCADE"),)
    chain: str = Field(primary_key=True)
    store: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    template: str
    template_version: int
    own: dict[str, Any] = document()
    at: datetime = moment()
    author: str
    note: str = ""


class Price(OfChain, table=True):
    """What a part costs and draws, from least to most: a device of a `kind` (`camera`, or `camera/onvif_camera` for one driver), or `edge`,
    the host of a store. Costs in minor units of `currency`; power in watts while it runs, for `hours_per_day`. Null: not known.
    """

    __tablename__ = "price"
    __table_args__ = (
        CheckConstraint("cost_low is null or (cost_low >= 0 and cost_low <= cost_high)", name="cost_is_a_range"),
        CheckConstraint("power_low_w is null or (power_low_w >= 0 and power_low_w <= power_high_w)", name="power_is_a_range"),
        CheckConstraint("hours_per_day >= 0 and hours_per_day <= 24", name="hours_of_a_day"),
    )
    chain: str = Field(primary_key=True, foreign_key="chain.id")
    kind: str = Field(primary_key=True)
    currency: str = Field(primary_key=True)
    cost_low: int | None = Field(None, sa_type=BigInteger)
    cost_high: int | None = Field(None, sa_type=BigInteger)
    power_low_w: float | None = None
    power_high_w: float | None = None
    hours_per_day: float = 24.0
    source: str = ""
    version: int = 1
    changed: datetime = moment()
    changed_by: str
