"""What stores told a week ago by this time of their day: what today, which is not over, is fairly held against.

Sums over the chain by hour of the one day that is needed are made once, from the hourly figures, and made anew where stores told more of
that day. An hour that is not over counts by the share of it that is. Over a change of the clock hours are one apart for a week.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import String, Table, and_, delete, func, insert, literal, select
from sqlmodel import Session, col

from storeloom.core.control.database import UtcTime, reading, writing
from storeloom.core.control.models.fleet import Store
from storeloom.core.control.models.identity import Chain
from storeloom.core.control.models.reports import Figure, FigureHourSum, FigureSum
from storeloom.core.control.reports import sums
from storeloom.core.control.reports.figures import ADDS, store_hours
from storeloom.core.control.services import Services

WEEK, HOUR = timedelta(days=7), timedelta(hours=1)
HOURS: Table = FigureHourSum.__table__  # type: ignore[attr-defined]
Key = tuple[str, str, str, str]


class Total(NamedTuple):
    """A figure over the chain, ready to be shown."""

    value: float
    stores: int


def today(session: Session, chain: str, now: datetime) -> str:
    """The date on the wall of the chain's first store; in UTC where it has none."""
    first = select(Store.id, Store.profile).where(col(Store.chain) == chain, col(Store.closed).is_(None)).order_by(col(Store.id)).limit(1)  # type: ignore[call-overload]
    found = session.execute(first).one_or_none()
    day = now.astimezone(UTC).date() if found is None else store_hours(found.id, found.profile["zone"]).store_day(now)
    return day.isoformat()


def tick(services: Services) -> None:
    """Have the hours of each chain's day a week ago at hand."""
    now = services.now()
    with reading(services.engine) as session:
        days = {chain: sums.week_before(today(session, chain, now)) for chain in session.scalars(select(Chain.id))}  # type: ignore[call-overload]
        due = [(chain, day) for chain, day in days.items() if _stale(session, chain, day)]
    for chain, day in due:
        with writing(services.engine) as session:
            make(session, chain, day, now)


def _stale(session: Session, chain: str, day: str) -> bool:
    """Whether a day has sums that its hours were not made with."""
    made = session.scalar(select(func.max(HOURS.c.summed)).where(HOURS.c.chain == chain, HOURS.c.day == day))
    told = session.scalar(select(func.max(FigureSum.summed)).where(col(FigureSum.chain) == chain, col(FigureSum.day) == day))
    return told is not None and (made is None or made < told)


def make(session: Session, chain: str, day: str, now: datetime) -> None:
    """Make the hours of a day anew; those of other days are needed no more."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sums.LOCK, {"chain": chain})
    midnight = datetime.fromisoformat(f"{day}T00:00:00+00:00")
    key = [col(Figure.begins), col(Figure.solution), col(Figure.name), col(Figure.unit), col(Figure.how)]
    each = col(Figure.value) / func.nullif(col(Figure.weight), 0)
    told = [func.sum(Figure.value), func.sum(Figure.weight), func.coalesce(func.min(each), 0), func.coalesce(func.max(each), 0)]
    stores = func.count(col(Figure.store).distinct())
    where = and_(
        col(Figure.chain) == chain,
        col(Figure.span) == "hour",
        col(Figure.begins).between(midnight - sums.EARLIEST, midnight + timedelta(days=1) + sums.LATEST),
        col(Figure.day) == day,
    )
    session.execute(delete(HOURS).where(HOURS.c.chain == chain))
    columns = [literal(chain, String), literal(day, String), *key, stores, *told, literal(now, UtcTime)]
    session.execute(insert(HOURS).from_select([column.name for column in HOURS.columns], select(*columns).where(where).group_by(*key)))


def totals(session: Session, chain: str, day: str, until: datetime) -> dict[Key, Total]:
    """A day's figures by what its stores had told at a moment; of the stores the most that told in one hour."""
    found: dict[Key, list[Any]] = {}
    for row in session.execute(select(HOURS).where(HOURS.c.chain == chain, HOURS.c.day == day, HOURS.c.begins < until)):
        share = min(1.0, (until - row.begins) / HOUR)
        found.setdefault((row.solution, row.name, row.unit, row.how), []).append((row, share))
    return {key: _total(key[3], rows) for key, rows in found.items()}


def _total(how: str, rows: list[Any]) -> Total:
    stores = max(row.stores for row, _ in rows)
    if how in ("max", "min"):
        return Total(max(row.high for row, _ in rows) if how == "max" else min(row.low for row, _ in rows), stores)
    if how not in ADDS:  # how the day stood last
        newest = max(row.begins for row, _ in rows)
        rows = [(row, 1.0) for row, _ in rows if row.begins == newest]
    value, weight = (sum(getattr(row, name) * share for row, share in rows) for name in ("value", "weight"))
    if how == "sum":
        return Total(value, stores)
    return Total(value / weight if weight else 0.0, stores)
