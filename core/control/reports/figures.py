"""Figures of stores by hour and by the store's own day.

A store tells each figure as it stands so far on its day, again and again (`span` `day`), or an hour's (`span` `hour`). What it told last,
by its clock, holds; what a day rose by from hour to hour is the hours' share. Hours are counted from the store's midnight, so that a day
over a clock change has 23 or 25 of them, and hours and day add up. Whatever is told twice, or late, or out of order, ends the same.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfoNotFoundError

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import Table
from sqlmodel import Session, select

from storeloom.core.control.models.fleet import Store
from storeloom.core.control.models.reports import Figure, FigureNews
from storeloom.core.control.reports.upsert import upsert
from storeloom.core.kernel.hours import StoreHours

LOG = logging.getLogger(__name__)
MOST = 10_000
HOUR, HALF_DAY = timedelta(hours=1), timedelta(hours=12)
OLDEST, AHEAD = timedelta(days=400), timedelta(hours=26)
COUNTED = frozenset({"count", "currency", "minor", "minor units", "kWh"})
HOWS = re.compile(r"sum|mean|last|max|min|median|p\d{1,2}")
ADDS = ("sum", "mean")  # an hour's share is what the day rose by; of all others it is how the day stood
AT_ONCE = 200
FIGURE: Table = Figure.__table__  # type: ignore[attr-defined]
NEWS: Table = FigureNews.__table__  # type: ignore[attr-defined]


class Told(BaseModel):
    """A figure as a store tells it. `how` it is made: `sum`, `mean` (of `weight` samples, or over a whole of `weight`), `last`, `max`,
    `min`, `median`, `p95`; where it is left out, what is counted by its unit is a sum and all else a mean."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    instance: str = Field(min_length=1, max_length=200)
    solution: str = Field(min_length=1, max_length=200)
    name: str = Field(min_length=1, max_length=200)
    unit: str = Field(max_length=50)
    span: Literal["hour", "day"]
    begins: AwareDatetime
    value: float = Field(allow_inf_nan=False, ge=-1e15, le=1e15)
    weight: float = Field(1.0, gt=0, le=1e15)
    how: str | None = None

    @property
    def made(self) -> str:
        if self.how is not None and HOWS.fullmatch(self.how):
            return self.how
        return "sum" if self.unit in COUNTED else "mean"


@dataclass(frozen=True, slots=True)
class Cell:
    """An hour of a figure: its share (`value` with the weight in it, `weight`), and what was told of it or of the day so far, and when."""

    value: float
    weight: float
    seen: datetime
    told: float
    told_weight: float
    of_day: bool

    def newer(self, other: Cell | None) -> bool:
        """Whether this was told later; of two told at once the greater holds, so that their order does not matter."""
        mine = self.seen, self.told_weight, self.told
        return other is None or mine > (other.seen, other.told_weight, other.told)


@dataclass
class Day:
    """A figure's day in a store: hours by their beginning; what of it is new."""

    begins: datetime
    last: Told
    hours: dict[datetime, Cell] = field(default_factory=dict)
    changed: set[datetime] = field(default_factory=set)

    def put(self, begins: datetime, cell: Cell) -> None:
        """Take what was told of an hour, unless something newer is known."""
        if cell.newer(self.hours.get(begins)):
            self.hours[begins] = cell
            self.changed.add(begins)

    def share_out(self, how: str) -> None:
        """Give each hour what the day rose by in it."""
        if how not in ADDS:
            return
        before, before_weight = 0.0, 0.0
        for begins in sorted(self.hours):
            cell = self.hours[begins]
            if not cell.of_day:
                continue
            value, weight = cell.told - before, 1.0 if how == "sum" else cell.told_weight - before_weight
            if (value, weight) != (cell.value, cell.weight):
                self.hours[begins] = replace(cell, value=value, weight=weight)
                self.changed.add(begins)
            before, before_weight = cell.told, cell.told_weight

    def whole(self, how: str) -> tuple[float, float]:
        """The day's value (with the weight in it) and weight."""
        cells = [self.hours[begins] for begins in sorted(self.hours)]
        if how in ADDS:
            parts = [cell for cell in cells if not cell.of_day] + [cell for cell in cells if cell.of_day][-1:]
            total = math.fsum(cell.told for cell in parts)
            return total, 1.0 if how == "sum" else math.fsum(cell.told_weight for cell in parts)
        pick = {"max": max, "min": min}.get(how)
        best = cells[-1] if pick is None else pick(cells, key=lambda cell: cell.told / cell.told_weight)
        return best.told, best.told_weight


def keep(session: Session, chain: str, store: str, release: str | None, rows: Any, at: datetime) -> int:
    """Take figures that a store told at `at` (its time, none later than now); how many were of the form. What is not is left out, and what
    is of a day long past or to come. The store's reports are taken one after the other: its agent's row is locked."""
    told = [one for one in (_formed(row) for row in _rows(rows)) if one is not None and at - OLDEST <= one.begins <= at + AHEAD]
    row = session.get(Store, (chain, store))
    if not told or row is None:
        return 0
    hours = store_hours(store, row.profile["zone"])
    days: dict[tuple[str, str, str], Day] = {}
    for one in told:
        day = _day(hours, one)
        begins = one.begins.astimezone(UTC) if one.span == "day" else hours.midnight(day)
        days.setdefault((one.instance, one.name, day.isoformat()), Day(begins, one)).last = one
    _load(session, chain, store, days)
    for one in told:
        day = _day(hours, one)
        found = days[one.instance, one.name, day.isoformat()]
        weight = 1.0 if one.made == "sum" else one.weight
        begins = _hour(found.begins, hours.midnight(day + timedelta(days=1)), at) if one.span == "day" else one.begins.astimezone(UTC)
        found.put(begins, Cell(one.value * weight, weight, at, one.value * weight, weight, one.span == "day"))
    _write(session, chain, store, release, days)
    return len(told)


def store_hours(store: str, zone: str) -> StoreHours:
    """The wall clock of a store. Where its profile names a zone that nobody knows, days are told by UTC and the log says so: no report is
    turned away for it."""
    try:
        return StoreHours(zone, {})
    except (ZoneInfoNotFoundError, ValueError, OSError):
        LOG.warning("store %s: no time zone '%s'; its days are taken by UTC", store, zone)
        return StoreHours("UTC", {})


def _rows(rows: Any) -> Iterable[Any]:
    return rows[:MOST] if isinstance(rows, list) else ()


def _formed(row: Any) -> Told | None:
    try:
        return Told.model_validate(row)
    except ValidationError:
        return None


def _day(hours: StoreHours, one: Told) -> date:
    """The store day that something was told of; a day's begin is its midnight, also where the store's zone was corrected here by now."""
    return hours.store_day(one.begins + HALF_DAY if one.span == "day" else one.begins)


def _hour(begins: datetime, ends: datetime, at: datetime) -> datetime:
    """The beginning of the hour of a day that ends with or holds `at`; the first or last one where it lies outside."""
    last = max(0, math.ceil((ends - begins) / HOUR) - 1)
    number = math.ceil((at - begins) / HOUR) - 1
    return begins + max(0, min(last, number)) * HOUR


def _load(session: Session, chain: str, store: str, days: Mapping[tuple[str, str, str], Day]) -> None:
    """What is known of these days."""
    instances, names = ({key[part] for key in days} for part in (0, 1))
    span = min(day.begins for day in days.values()) - HALF_DAY, max(day.begins for day in days.values()) + timedelta(days=2)
    table = FIGURE.c
    columns = table.instance, table.name, table.day, table.begins, table.value, table.weight, table.seen, table.told, table.told_weight
    mine = table.chain == chain, table.store == store, table.span == "hour", table.begins >= span[0], table.begins <= span[1]
    for some in (sorted(names)[start : start + AT_ONCE] for start in range(0, len(names), AT_ONCE)):
        found = select(*columns).where(*mine, table.instance.in_(sorted(instances)), table.name.in_(some))  # type: ignore[call-overload]
        for instance, name, day, begins, value, weight, seen, told, told_weight in session.connection().execute(found):
            known = days.get((instance, name, day))
            if known is not None and seen is not None:
                of_day = told is not None
                cell = Cell(value, weight, seen, told if of_day else value, told_weight if of_day else weight, of_day)
                known.hours[begins] = cell


def _write(session: Session, chain: str, store: str, release: str | None, days: Mapping[tuple[str, str, str], Day]) -> None:
    """Write what is new, and mark the days whose sums it changes."""
    rows: list[dict[str, Any]] = []
    news: set[str] = set()
    for (instance, name, text), day in sorted(days.items()):
        how = day.last.made
        day.share_out(how)
        if not day.changed:
            continue
        news.add(text)
        what = {"solution": day.last.solution, "unit": day.last.unit, "how": how, "release": release, "day": text}
        key = {"chain": chain, "store": store, "instance": instance, "name": name}
        for begins in sorted(day.changed):
            cell = day.hours[begins]
            so_far = {"told": cell.told, "told_weight": cell.told_weight} if cell.of_day else {"told": None, "told_weight": None}
            stand = {"value": cell.value, "weight": cell.weight, "seen": cell.seen}
            rows.append({**key, "span": "hour", "begins": begins, **what, **stand, **so_far})
        value, weight = day.whole(how)
        seen = max(cell.seen for cell in day.hours.values())
        stand = {"value": value, "weight": weight, "seen": seen, "told": None, "told_weight": None}
        rows.append({**key, "span": "day", "begins": day.begins, **what, **stand})
    upsert(session, FIGURE, rows)
    upsert(session, NEWS, [{"chain": chain, "day": day, "store": store, "turn": 1} for day in sorted(news)], counted="turn")
