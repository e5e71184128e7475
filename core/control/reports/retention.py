"""How long a chain keeps what its stores told: what is older goes, a few rows a transaction, so that nobody waits for it.

Events and reports count from when they came here, figures from the end of their hour or day, alerts from when they were cleared. A report
that waits for one before it is never taken away, nor is an alert that stands, nor what a store's log says of where it stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, delete, exists, or_, select, tuple_
from sqlmodel import Session, col

from storeloom.core.control.database import reading, writing
from storeloom.core.control.models.agents import Agent, AgentReport
from storeloom.core.control.models.identity import Chain
from storeloom.core.control.models.received import ReceivedEvent, UploadGap
from storeloom.core.control.models.reports import Alert, Figure, FigureSum, Retention
from storeloom.core.control.reports import files
from storeloom.core.control.services import Services

EVERY_S = 3600.0
AT_ONCE = 1000
KEPT = ("events", "hours", "days", "reports", "alerts")
Old = tuple[Table, ColumnElement[bool], Sequence[Any]]


def settings(session: Session, chain: str, *, lock: bool = False) -> Retention:
    """For how long a chain keeps what; the usual where it said nothing."""
    return session.get(Retention, (chain,), with_for_update=lock or None) or Retention(chain=chain)


def tick(services: Services) -> None:
    """Delete of every chain what is older than it wants kept, and files that nothing names."""
    now = services.now()
    with reading(services.engine) as session:
        chains = list(session.scalars(select(col(Chain.id)).order_by(col(Chain.id))))
    for chain in chains:
        clean(services, chain, now)
        files.sweep(services, chain, now)


def clean(services: Services, chain: str, now: datetime) -> int:
    """Delete what is older than a chain wants kept; how many rows."""
    with reading(services.engine) as session:
        kept = settings(session, chain)
    gone = 0
    for table, old, order in _old(chain, kept, now):
        key = list(table.primary_key)
        some = select(*key).where(table.c.chain == chain, old).order_by(*order).limit(AT_ONCE)
        count = AT_ONCE
        while count == AT_ONCE:
            with writing(services.engine) as session:
                rows = [tuple(row) for row in session.execute(some)]
                count = len(rows)
                if rows:
                    session.execute(delete(table).where(tuple_(*key).in_(rows)))
            gone += count
    return gone


def _columns(model: Any) -> Any:
    return model.__table__.c


def _old(chain: str, kept: Retention, now: datetime) -> Iterator[Old]:
    """Of each table what is too old, and the order of the index by which it is found."""
    before = {name: now - timedelta(days=getattr(kept, name)) for name in KEPT}
    events, gaps = _columns(ReceivedEvent), _columns(UploadGap)
    yield events.chain.table, events.kept < before["events"], (events.kept,)
    yield gaps.chain.table, gaps.reported < before["events"], ()
    figures, sums = _columns(Figure), _columns(FigureSum)
    hour, day = timedelta(hours=1), timedelta(hours=25)
    yield figures.chain.table, and_(figures.span == "hour", figures.begins < before["hours"] - hour), (figures.begins,)
    yield figures.chain.table, and_(figures.span == "day", figures.begins < before["days"] - day), (figures.begins,)
    yield sums.chain.table, sums.day < (before["days"] - timedelta(days=2)).date().isoformat(), (sums.day,)
    reports, agents = _columns(AgentReport), _columns(Agent)
    mine = and_(agents.chain == reports.chain, agents.store == reports.store)
    read = or_(reports.enrolment < agents.enrolment, and_(reports.enrolment == agents.enrolment, reports.seq <= agents.reported_seq))
    yield reports.chain.table, and_(reports.received < before["reports"], exists().where(mine, read)), (reports.received,)
    alerts = _columns(Alert)
    yield alerts.chain.table, and_(alerts.state == "cleared", alerts.closed < before["alerts"]), (alerts.closed,)
