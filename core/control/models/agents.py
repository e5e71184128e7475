"""The agents in the stores: what each is to run, what it said that it runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKeyConstraint, LargeBinary
from sqlmodel import Field, SQLModel

from storeloom.core.control.models.columns import document, moment


class Agent(SQLModel, table=True):
    """A store's agent. `public_key` is the X25519 key to which the store's secrets are sealed.

    `desired` is the release that the store is to run and `desired_number` counts its changes, so that an agent asks for what is newer.
    """

    __tablename__ = "agent"
    __table_args__ = (
        ForeignKeyConstraint(["chain", "store"], ["store.chain", "store.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(["chain", "desired"], ["release.chain", "release.id"]),
        ForeignKeyConstraint(["chain", "actual"], ["release.chain", "release.id"]),
    )
    chain: str = Field(primary_key=True)
    store: str = Field(primary_key=True)
    public_key: bytes = Field(sa_type=LargeBinary)
    enrolled: datetime = moment()
    seen: datetime | None = moment(null=True, index=True)
    desired: str | None = None
    desired_number: int = 0
    actual: str | None = None
    state: str = "enrolled"
    reported: dict[str, Any] | None = document(null=True)
    reported_seq: int = 0


class AgentReport(SQLModel, table=True):
    """What an agent told of its doings, in its own order; a repeat changes nothing."""

    __tablename__ = "agent_report"
    __table_args__ = (ForeignKeyConstraint(["chain", "store"], ["agent.chain", "agent.store"], ondelete="CASCADE"),)
    chain: str = Field(primary_key=True)
    store: str = Field(primary_key=True)
    seq: int = Field(primary_key=True)
    at: datetime = moment()
    received: datetime = moment(index=True)
    kind: str
    release: str | None = None
    data: dict[str, Any] = document()


class SealedSecret(SQLModel, table=True):
    """A secret of a store, sealed to its agent's key; nobody here can open it."""

    __tablename__ = "sealed_secret"
    __table_args__ = (ForeignKeyConstraint(["chain", "store"], ["store.chain", "store.id"], ondelete="CASCADE"),)
    chain: str = Field(primary_key=True)
    store: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    sealed: bytes = Field(sa_type=LargeBinary)
    key_id: str
    version: int = 1
    changed: datetime = moment()
    changed_by: str
