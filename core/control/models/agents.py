"""The agents in the stores: what each is to run, what it said that it runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, LargeBinary
from sqlmodel import Field

from storeloom.core.control.models.columns import document, moment
from storeloom.core.control.wall import OfChain

UNKNOWN = -1


class Agent(OfChain, table=True):
    """A store's agent. `public_key` is the X25519 key to which the store's secrets are sealed.

    `desired` is the release that the store is to run and `desired_number` counts its changes, so that an agent asks for what is newer;
    `wish` counts those that are somebody's wish for a release. `machine` is what the agent told of where it runs (`AgentMachine`).
    `health_s` and `any_time` say how it is to change over. `enrolment` counts the machines that were this store's agent: each numbers its
    reports from 1, `reported_seq` is the one up to which all are stored (`UNKNOWN` once a copy was put back: what the agent has told since
    then is not here, and the next that it sends begins the count), `told_seq` the newest heard of, `told_number` the desired state
    that the agent knew then.
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
    health_s: int = 900
    any_time: bool = False
    actual: str | None = None
    state: str = "enrolled"
    reported: dict[str, Any] | None = document(null=True)
    reported_seq: int = 0
    told_seq: int = 0
    told_number: int = 0
    enrolment: int = 1
    version: str = ""
    wish: int = 0
    machine: str | None = None


class AgentMachine(OfChain, table=True):
    """What agents told of where they run (`trust.wire.Machine`), by the SHA-256 of its canonical JSON: like machines are kept once."""

    __tablename__ = "agent_machine"
    __table_args__ = (CheckConstraint("length(sha256) = 64", name="sha256_is_hex"),)
    chain: str = Field(primary_key=True, foreign_key="chain.id")
    sha256: str = Field(primary_key=True)
    body: dict[str, Any] = document()


class AgentReport(OfChain, table=True):
    """What an agent told of its doings, in its own order; a repeat changes nothing."""

    __tablename__ = "agent_report"
    __table_args__ = (
        ForeignKeyConstraint(["chain", "store"], ["agent.chain", "agent.store"], ondelete="CASCADE"),
        Index("agent_report_by_age", "chain", "received"),
    )
    chain: str = Field(primary_key=True)
    store: str = Field(primary_key=True)
    enrolment: int = Field(primary_key=True)
    seq: int = Field(primary_key=True)
    at: datetime = moment()
    received: datetime = moment()
    kind: str
    release: str | None = None
    data: dict[str, Any] = document()


class ReleaseHealth(OfChain, table=True):
    """How a store ran under a release: `looks` at its health, how many of them `bad`, and of each solution instance
    [failures, events handled] in that time."""

    __tablename__ = "release_health"
    __table_args__ = (
        ForeignKeyConstraint(["chain", "store"], ["agent.chain", "agent.store"], ondelete="CASCADE"),
        ForeignKeyConstraint(["chain", "release"], ["release.chain", "release.id"]),
    )
    chain: str = Field(primary_key=True)
    store: str = Field(primary_key=True)
    release: str = Field(primary_key=True)
    begins: datetime = moment()
    last: datetime = moment()
    looks: int = 0
    bad: int = 0
    solutions: dict[str, Any] = document()


class SealedSecret(OfChain, table=True):
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
