"""What `calendar.event`s say of a store day as a day of energy use: whether it can be compared, whether the store was closed.

Events are plain JSON: `{"from", "to": RFC 3339, "kind", "comparable": bool or None}`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from storeloom.core.kernel.events import parse_time
from storeloom.core.kernel.hours import StoreHours

DAY = timedelta(days=1)
Mark = Mapping[str, Any]


def comparable(events: Iterable[Mark], day: date, hours: StoreHours) -> bool:
    """Whether no event says that the day, or part of it, is not."""
    begin, end = hours.midnight(day), hours.midnight(day + DAY)
    return not any(one["comparable"] is False and max(begin, _from(one)) < min(end, _to(one)) for one in events)


def closed(events: Iterable[Mark], day: date, hours: StoreHours) -> bool:
    """Whether the store is closed all day: without opening hours, or within one closure from its opening to its close or to midnight."""
    span = hours.day(day)
    if span is None:
        return True
    closes = min(span[1], hours.midnight(day + DAY))
    return any(one["kind"] == "closure" and _from(one) <= span[0] and _to(one) >= closes for one in events)


def _from(one: Mark) -> datetime:
    return parse_time(one["from"])


def _to(one: Mark) -> datetime:
    return parse_time(one["to"])
