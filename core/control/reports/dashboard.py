"""A chain at one look: its stores, what is wrong, its devices, its figures on a day against the same weekday before, today's so
far against the same hours.

Every part is counted along an index, or read from the sums, so that the look at ten thousand stores costs what one at ten does.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, select
from sqlmodel import Session, col

from storeloom.core.control.models.agents import Agent
from storeloom.core.control.models.fleet import Device, Store
from storeloom.core.control.models.reports import Alert
from storeloom.core.control.reports import so_far, sums

QUIET = timedelta(minutes=30)
Counts = list[dict[str, Any]]


def stores(session: Session, chain: str, now: datetime) -> dict[str, Any]:
    """Open stores by what their agents are at, those without one, and how many agents were not heard of for QUIET."""
    same = and_(col(Agent.chain) == Store.chain, col(Agent.store) == Store.id)
    here = col(Store.chain) == chain, col(Store.closed).is_(None)
    state = func.coalesce(col(Agent.state), "without_agent")
    found = session.execute(select(state, func.count()).select_from(Store).outerjoin(Agent, same).where(*here).group_by(state)).all()
    silent = select(func.count()).select_from(Store).join(Agent, same).where(*here, col(Agent.seen) < now - QUIET)
    by_state = dict(sorted((str(name), int(count)) for name, count in found))
    return {"total": sum(by_state.values()), "by_state": by_state, "silent": session.scalar(silent)}


def open_alerts_query(chain: str) -> Any:
    """Open alerts by kind and severity, and how many of them nobody took up."""
    kinds = [col(Alert.kind), col(Alert.severity)]
    fresh = func.count() - func.count(col(Alert.acknowledged))
    return select(*kinds, func.count(), fresh).where(col(Alert.chain) == chain, col(Alert.state) == "open").group_by(*kinds)


def devices_query(chain: str) -> Any:
    """Devices by kind and state."""
    kinds = [col(Device.kind), col(Device.state)]
    return select(*kinds, func.count()).where(col(Device.chain) == chain).group_by(*kinds)


def summary(session: Session, chain: str, day: str, now: datetime) -> dict[str, Any]:
    """The whole look; figures of `day`, with the value and number of stores of a week before: of the whole day, or where it is today
    and not over, of what had been told by then."""
    alerts = session.execute(open_alerts_query(chain)).all()
    devices = session.execute(devices_query(chain)).all()
    week, until = sums.week_before(day), now - so_far.WEEK if day == so_far.today(session, chain, now) else None
    whole = {_key(row): row for row in session.execute(sums.totals(chain).where(sums.SUM.c.day == week))}
    before = whole if until is None else so_far.totals(session, chain, week, until)
    these = {_key(row): row for row in session.execute(sums.totals(chain).where(sums.SUM.c.day == day))}
    return {
        "day": day,
        "before": week,
        "before_until": until,
        "stores": stores(session, chain, now),
        "alerts": [dict(zip(("kind", "severity", "open", "unacknowledged"), row, strict=True)) for row in sorted(map(tuple, alerts))],
        "devices": [dict(zip(("kind", "state", "count"), row, strict=True)) for row in sorted(map(tuple, devices))],
        "figures": [_compared(key, these.get(key), before.get(key)) for key in sorted(these.keys() | before.keys())],
        "summed": max((row.summed for row in these.values()), default=None),
    }


def _key(row: Any) -> tuple[str, str, str, str]:
    return row.solution, row.name, row.unit, row.how


def _compared(key: tuple[str, str, str, str], now_at: Any, before: Any) -> dict[str, Any]:
    told: dict[str, Any] = dict(zip(("solution", "name", "unit", "how"), key, strict=True))
    for prefix, row in (("", now_at), ("before_", before)):
        told |= {f"{prefix}value": None if row is None else row.value, f"{prefix}stores": 0 if row is None else row.stores}
    return told
