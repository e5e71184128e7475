"""Daily figures of stores as a panel: one row a store and day."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlmodel import Session, col

from storeloom.core.control.models.reports import Figure
from storeloom.core.control.pilots.forms import Metric

if TYPE_CHECKING:
    import polars as pl

AT_ONCE = 400


def panel(session: Session, chain: str, metric: Metric, since: date, until: date, stores: Iterable[str] | None = None) -> pl.DataFrame:
    """`unique_id` (store), `ds` (its day), `y` of a figure on the days `since` to `until`, both included; of all stores where none are
    named. Several instances of the solution in one store count together: sums add, means are weighed."""
    import polars as pl

    keys = [col(Figure.store), col(Figure.day), col(Figure.how)]
    asked = select(*keys, func.sum(col(Figure.value)), func.sum(col(Figure.weight))).group_by(*keys)
    asked = asked.where(col(Figure.chain) == chain, col(Figure.solution) == metric.solution, col(Figure.name) == metric.name)
    asked = asked.where(col(Figure.span) == "day", col(Figure.day).between(since.isoformat(), until.isoformat()))
    rows = []
    for part in [None] if stores is None else _parts(sorted(set(stores))):
        found = session.execute(asked if part is None else asked.where(col(Figure.store).in_(part))).all()
        rows += [(store, date.fromisoformat(day), value if how == "sum" else value / weight) for store, day, how, value, weight in found]
    return pl.DataFrame(rows, schema={"unique_id": pl.String, "ds": pl.Date, "y": pl.Float64}, orient="row").unique(
        ["unique_id", "ds"], keep="first", maintain_order=True
    )


def _parts(names: list[str]) -> Iterable[list[str]]:
    return (names[first : first + AT_ONCE] for first in range(0, len(names), AT_ONCE))
