"""When a store may change over: its own hours of the night, over clock changes, as instants."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from storeloom.core.kernel.hours import StoreHours
from storeloom.core.trust.wire import Switch

TOLD = 14


def windows(zone: str, window: Mapping[str, Any] | None, now: datetime, count: int = TOLD) -> list[Switch] | None:
    """The next `count` windows that are not yet over (the first may have begun); None where the store may change over at any time.

    `window`: `begins`, `until` (`HH:MM` of the store's wall clock, the next day where not later) and `weekdays` (1 Monday to 7) of its
    beginning. A wall time that a clock change skips moves forward; a window that it swallows whole is left out.
    """
    if window is None:
        return None
    hours = StoreHours(zone, {})
    overnight = window["until"] <= window["begins"]
    found: list[Switch] = []
    day = hours.store_day(now) - timedelta(days=1)
    for _ in range(7 * (count + 2)):
        if day.isoweekday() in window["weekdays"]:
            begins, ends = hours.at(day, window["begins"]), hours.at(day + timedelta(days=overnight), window["until"])
            if begins < ends and ends > now:
                found.append(Switch(begins=begins, ends=ends))
        if len(found) == count:
            break
        day += timedelta(days=1)
    return found
