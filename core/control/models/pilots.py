"""Pilot projects: what is tried in some stores before it goes to all, and what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlmodel import Field

from storeloom.core.control.database import one_of
from storeloom.core.control.models.columns import document, moment
from storeloom.core.control.wall import OfChain

STEPS = ("registered", "estimated", "reviewed", "running", "evaluated", "decided")


class Pilot(OfChain, table=True):
    """A pilot project at one of its six steps. Each part is a document of `api.pilots`' forms; a `round` that was decided to be followed by
    another one stands in `rounds` with its choice, evaluation and decision."""

    __tablename__ = "pilot"
    __table_args__ = (one_of("step", STEPS),)
    chain: str = Field(primary_key=True, foreign_key="chain.id")
    id: str = Field(primary_key=True)
    name: str
    step: str = "registered"
    round: int = 1
    plan: dict[str, Any] = document()
    estimate: dict[str, Any] | None = document(null=True)
    choice: dict[str, Any] | None = document(null=True)
    evaluation: dict[str, Any] | None = document(null=True)
    decision: dict[str, Any] | None = document(null=True)
    notes: list[dict[str, Any]] = document()
    rounds: list[dict[str, Any]] = document()
    version: int = 1
    created: datetime = moment()
    created_by: str
    changed: datetime = moment()
