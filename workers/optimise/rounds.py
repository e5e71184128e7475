"""Times of day as a store writes them for its rounds: `11:00`, `open-90`, `close+30m`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from storeloom.core.kernel.hours import StoreHours

WEEK = 8
_EDGE = re.compile(r"(open|close)([+-]\d+)?m?")


def of_day(hours: StoreHours, texts: Iterable[str], day: date) -> list[datetime]:
    """The rounds of a store day, in order; none on a day on which the store stays closed. ValueError for a text that is no time."""
    span, found = hours.day(day), set()
    if span is None:
        return []
    for text in texts:
        edge = _EDGE.fullmatch(text)
        found.add(span[edge[1] == "close"] + timedelta(minutes=int(edge[2] or 0)) if edge else hours.at(day, text))
    return sorted(found)


def following(hours: StoreHours, texts: Iterable[str], at: datetime) -> datetime | None:
    """The first round after an instant; None where the next week has none."""
    known, today = list(texts), hours.store_day(at)
    days = (today + timedelta(days=ahead) for ahead in range(-1, WEEK))
    return min((one for day in days for one in of_day(hours, known, day) if one > at), default=None)
