"""How fast new items come from the back room to the shelf: what of their time on it they should have sold, and scores over many of them."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from storeloom.core.kernel.hours import StoreHours

FIRST_SALE = timedelta(days=7)
GTIN = re.compile(r"(?<!\d)\d{8,14}(?!\d)")


@dataclass(frozen=True, slots=True)
class Launch:
    """A new item: `hours` of opening time from its receipt to the shelf (None: not there yet), `waited` those until now where it is not."""

    start: datetime
    hours: float | None
    waited: float
    first_sale: datetime | None

    def in_time(self, limit_h: float) -> bool | None:
        """None while it may still come in time."""
        if self.hours is None:
            return False if self.waited >= limit_h else None
        return self.hours <= limit_h

    def sold_early(self, now: datetime) -> bool | None:
        """Whether its first sale came within 7 days of its receipt; None while it still may."""
        if self.first_sale is not None:
            return self.first_sale <= self.start + FIRST_SALE
        return False if now > self.start + FIRST_SALE else None


def scores(launches: Iterable[Launch], limit_h: float, now: datetime) -> list[dict[str, Any]]:
    """Parts of a `score.report`: items, share on shelf in time, median hours, share with a first sale in 7 days; without what is open."""
    known = list(launches)
    parts: list[dict[str, Any]] = [{"name": "items", "value": len(known)}]
    timed = [flag for one in known if (flag := one.in_time(limit_h)) is not None]
    hours = [one.hours for one in known if one.hours is not None]
    early = [flag for one in known if (flag := one.sold_early(now)) is not None]
    if timed:
        parts.append({"name": "on_shelf_in_time", "value": round(100 * sum(timed) / len(timed), 2), "unit": "%"})
    if hours:
        parts.append({"name": "median_hours", "value": round(statistics.median(hours), 4), "unit": "h"})
    if early:
        parts.append({"name": "first_sale_in_7_days", "value": round(100 * sum(early) / len(early), 2), "unit": "%"})
    return parts


def usual(hours: StoreHours, begin: datetime, end: datetime, daily: float) -> float:
    """Units expected in a stretch of time at so many an open day, spread evenly over its opening hours."""
    total, day = 0.0, hours.store_day(begin) - timedelta(days=1)
    while day <= hours.store_day(end):
        opening = hours.day(day)
        if opening:
            overlap = min(end, opening[1]) - max(begin, opening[0])
            total += max(0.0, overlap / (opening[1] - opening[0]))
        day += timedelta(days=1)
    return daily * total


def named(data: Mapping[str, Any]) -> set[str]:
    """Every word that the answer to a task names: keys and values of `values`, the words of its note and the numbers in it."""
    note = data.get("note") or ""
    words = {*re.findall(r"\w+", note), *GTIN.findall(note)}
    waiting: list[Any] = [data.get("values") or {}]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple):
            waiting += one
        elif isinstance(one, str):
            words.add(one)
    return words
