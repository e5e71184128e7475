"""What an item is expected to sell in a stretch of time, from forecasts over windows of any length: hours, parts of days, days.

A book is a list of `{"from", "to", "mean", "basis", "issued"}`. At each moment the forecast of a promotion or a new item counts before
the base, then the shorter window, then the later issue. A forecast is spread evenly over the opening time of its window. Opening time of
which no forecast tells counts as the mean of the rest. Unlike `outlook`, which keeps days, a book may mix hours and days.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from storeloom.core.kernel.events import parse_time
from storeloom.core.kernel.hours import StoreHours

Book = list[dict[str, Any]]
RANK = {"promotion": 0, "new": 0, "base": 1}
LONGEST = timedelta(days=400)  # a year and some: longer windows are no forecasts


def tells(data: Mapping[str, Any]) -> bool:
    """Whether a forecast is of a stretch of time that a book can hold."""
    return timedelta() < parse_time(data["to"]) - parse_time(data["from"]) <= LONGEST


def enter(book: Book, data: Mapping[str, Any], now: datetime) -> None:
    """Enter a `forecast.demand` that tells; an earlier issue for the same window and basis goes, and what ended before `now`."""
    if not tells(data):
        return
    row = {"from": data["from"], "to": data["to"], "mean": data["mean"], "basis": data.get("basis", "base")}
    row["issued"] = data.get("issued") or data["from"]
    same = [one for one in book if [one[key] for key in ("from", "to", "basis")] == [row[key] for key in ("from", "to", "basis")]]
    if any(parse_time(one["issued"]) > parse_time(row["issued"]) for one in same):
        return
    book[:] = [one for one in book if one not in same and parse_time(one["to"]) > now]
    book.append(row)


def expected(book: Book, hours: StoreHours, begin: datetime, end: datetime) -> float | None:
    """Units expected in [begin, end); None where no forecast tells of any of its opening time, 0 where it has none."""
    wanted = hours.open_seconds(begin, end)
    if wanted <= 0:
        return 0.0
    rows = [(parse_time(row["from"]), parse_time(row["to"]), row) for row in book]
    rows = [(start, stop, row) for start, stop, row in rows if start < end and stop > begin]
    edges = sorted({begin, end, *(edge for start, stop, _ in rows for edge in (start, stop) if begin < edge < end)})
    units = known = 0.0
    for here, there in pairwise(edges):
        over = [(start, stop, row) for start, stop, row in rows if start <= here and stop >= there]
        seconds = hours.open_seconds(here, there)
        if not over or not seconds:
            continue
        start, stop, row = min(over, key=_counts)
        units += row["mean"] * seconds / hours.open_seconds(start, stop)
        known += seconds
    return units * wanted / known if known else None


def _counts(one: tuple[datetime, datetime, Mapping[str, Any]]) -> tuple[int, float, float]:
    """What counts first of forecasts over the same moment."""
    start, stop, row = one
    return RANK.get(row["basis"], 1), (stop - start).total_seconds(), -parse_time(row["issued"]).timestamp()
