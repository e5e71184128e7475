"""Roll-outs: the way of a release over the stores, in waves."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKeyConstraint
from sqlmodel import Field

from storeloom.core.control.database import one_of
from storeloom.core.control.models.columns import document, moment
from storeloom.core.control.wall import OfChain

ROLLOUT_STATES = ("planned", "running", "paused", "rolling_back", "done", "aborted", "rolled_back")
WAVE_STATES = ("waiting", "open", "watching", "passed", "failed")
STEP_STATES = ("waiting", "offered", "updating", "watching", "done", "failed", "taken_back", "skipped")


class Rollout(OfChain, table=True):
    """A release on its way. `strategy` holds its waves, gates and limits; `plan_digest` binds it to the plan that was approved.

    `turn` counts whatever changed it, so that of two servers that judge it at once only one is heeded; `open_steps` is whether stores may
    still have to be brought along (those that were away) once it is over.
    """

    __tablename__ = "rollout"
    __table_args__ = (ForeignKeyConstraint(["chain", "release"], ["release.chain", "release.id"]), one_of("state", ROLLOUT_STATES))
    chain: str = Field(primary_key=True, foreign_key="chain.id")
    id: str = Field(primary_key=True)
    release: str
    state: str = "planned"
    strategy: dict[str, Any] = document()
    plan_digest: str
    reason: dict[str, Any] | None = document(null=True)
    version: int = 1
    turn: int = 0
    open_steps: bool = False
    created: datetime = moment()
    created_by: str
    changed: datetime = moment()


class Wave(OfChain, table=True):
    """One wave: opened, watched, judged. `verdict` says which gates were looked at, what they saw and what they decided."""

    __tablename__ = "rollout_wave"
    __table_args__ = (ForeignKeyConstraint(["chain", "rollout"], ["rollout.chain", "rollout.id"]), one_of("state", WAVE_STATES))
    chain: str = Field(primary_key=True)
    rollout: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    name: str
    state: str = "waiting"
    opened: datetime | None = moment(null=True)
    closed: datetime | None = moment(null=True)
    verdict: dict[str, Any] | None = document(null=True)


class Step(OfChain, table=True):
    """A store's way through a roll-out. `before` is the release that it goes back to."""

    __tablename__ = "rollout_step"
    __table_args__ = (
        ForeignKeyConstraint(["chain", "rollout"], ["rollout.chain", "rollout.id"]),
        ForeignKeyConstraint(["chain", "store"], ["store.chain", "store.id"]),
        one_of("state", STEP_STATES),
    )
    chain: str = Field(primary_key=True)
    rollout: str = Field(primary_key=True)
    store: str = Field(primary_key=True)
    wave: int
    state: str = "waiting"
    before: str | None = None
    reason: dict[str, Any] | None = document(null=True)
    changed: datetime = moment()


class RolloutEvent(OfChain, table=True):
    """What happened in a roll-out, in order, for those who watch it."""

    __tablename__ = "rollout_event"
    __table_args__ = (ForeignKeyConstraint(["chain", "rollout"], ["rollout.chain", "rollout.id"]),)
    chain: str = Field(primary_key=True)
    rollout: str = Field(primary_key=True)
    seq: int = Field(primary_key=True)
    at: datetime = moment()
    kind: str
    wave: int | None = None
    data: dict[str, Any] = document()
