"""Sums of figures over regions and the chain, a row a figure and day: a dashboard reads hundreds of rows where stores told millions.

A day's sums are always made whole from what its stores told, so that they cannot drift; only days of which something new was told are
made anew. `value` and `weight` are summed apart: a mean over stores weighs each by what it averaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import String, Table, and_, case, delete, func, insert, literal, select, text, tuple_
from sqlmodel import Session, col

from storeloom.core.control.database import UtcTime, reading, writing
from storeloom.core.control.models.fleet import Region, Store
from storeloom.core.control.models.reports import Figure, FigureNews, FigureSum
from storeloom.core.control.services import Services

EVERY_S = 60.0
LOCK = text("SELECT pg_advisory_xact_lock(hashtext('storeloom-sums'), hashtext(:chain))")
SUM: Table = FigureSum.__table__  # type: ignore[attr-defined]
EARLIEST, LATEST = timedelta(hours=15), timedelta(hours=13)  # when a date begins anywhere, from its midnight in UTC
SEEN = 500


def tick(services: Services) -> None:
    """Make anew the sums of every day of which something new was told."""
    with reading(services.engine) as session:
        due = session.execute(select(FigureNews.chain, FigureNews.day).distinct().order_by(FigureNews.chain, FigureNews.day)).all()  # type: ignore[call-overload]
    for chain, day in due:
        with writing(services.engine) as session:
            make(session, chain, day, services.now())


def make(session: Session, chain: str, day: str, now: datetime) -> None:
    """Make a day's sums anew, and cross off what is in them; what comes meanwhile stays marked."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(LOCK, {"chain": chain})
    marked = FigureNews.chain == chain, FigureNews.day == day
    turns = session.execute(select(FigureNews.store, FigureNews.turn).where(*marked)).all()  # type: ignore[call-overload]
    session.execute(delete(FigureSum).where(FigureSum.chain == chain, FigureSum.day == day))  # type: ignore[arg-type]
    session.execute(insert(SUM).from_select([column.name for column in SUM.columns], _sums(chain, day, now)))
    key = tuple_(col(FigureNews.store), col(FigureNews.turn))
    for start in range(0, len(turns), SEEN):
        session.execute(delete(FigureNews).where(*marked, key.in_([tuple(row) for row in turns[start : start + SEEN]])))  # type: ignore[arg-type]


def _sums(chain: str, day: str, now: datetime) -> Any:
    """The sums of a day, read from what its stores told."""
    midnight = datetime.fromisoformat(f"{day}T00:00:00+00:00")
    region = func.coalesce(col(Store.region), "")
    key = [region, col(Figure.solution), col(Figure.name), col(Figure.unit), col(Figure.how)]
    each = col(Figure.value) / func.nullif(col(Figure.weight), 0)
    figures = [func.sum(Figure.value), func.sum(Figure.weight), func.coalesce(func.min(each), 0), func.coalesce(func.max(each), 0)]
    stores = func.count(col(Figure.store).distinct())
    where = and_(
        col(Figure.chain) == chain,
        col(Figure.span) == "day",
        col(Figure.begins).between(midnight - EARLIEST, midnight + LATEST),
        col(Figure.day) == day,
    )
    same = and_(col(Store.chain) == Figure.chain, col(Store.id) == Figure.store)
    columns = [literal(chain, String), literal(day, String), *key, stores, *figures, literal(now, UtcTime)]
    return select(*columns).select_from(Figure).join(Store, same).where(where).group_by(*key)


def regions(session: Session, chain: str, region: str) -> list[str]:
    """A region and all that lie in it."""
    children: dict[str | None, list[str]] = {}
    for one, parent in session.execute(select(Region.id, Region.parent).where(Region.chain == chain)).all():  # type: ignore[call-overload]
        children.setdefault(parent, []).append(one)
    found, rest = [], [region]
    while rest:
        one = rest.pop()
        if one not in found:
            found.append(one)
            rest += children.get(one, [])
    return found


def totals(chain: str, *, within: Sequence[str] | None = None) -> Any:
    """What to select for sums over the chain, or over regions: a row a day and figure, `value` ready to be shown."""
    table = SUM.c
    value, weight = func.sum(table.value), func.sum(table.weight)
    shown = func.coalesce(_by_how(table.how, value, weight), 0.0).label("value")
    kept = [table.day, table.solution, table.name, table.unit, table.how]
    found = select(*kept, func.sum(table.stores).label("stores"), shown, func.max(table.summed).label("summed")).where(table.chain == chain)
    if within is not None:
        found = found.where(table.region.in_(within))
    return found.group_by(*kept)


def _by_how(how: Any, value: Any, weight: Any) -> Any:
    """How sums are told: a sum as it is, an extreme as the extreme, all else as the mean that its weights make."""
    low, high = func.min(SUM.c.low), func.max(SUM.c.high)
    return case((how == "sum", value), (how == "max", high), (how == "min", low), else_=value / func.nullif(weight, 0))


def week_before(day: str) -> str:
    """The same weekday, a week before."""
    return (date.fromisoformat(day) - timedelta(days=7)).isoformat()
