"""What stores are to run: templates and overlays, every revision kept, and each store's own layer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKeyConstraint
from sqlmodel import Field, SQLModel

from storeloom.core.control.database import one_of
from storeloom.core.control.models.columns import document, moment

LEVELS = ("template", "format", "region", "store")


class Design(SQLModel, table=True):
    """A template (`template/1`) or an overlay (`overlay/1`) as it stands; `version` counts its revisions.

    `level` says what it is for: a `template` for those that name it, an overlay for a store `format`, a `region` or one `store`, named by
    `target`. `template` names the template that a store-level design builds on.
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


class DesignRevision(SQLModel, table=True):
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


class StoreDesign(SQLModel, table=True):
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
