"""For how long a device that reports about itself was up: a good report counts for a while, a bad one until the next.

An entry is JSON: {"at": time of the last report, "works": what it said (None: nothing yet), "counted": time up to which it is counted}.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from storeloom.core.kernel.events import parse_time, plain

Entry = dict[str, Any]
Seconds = Callable[[datetime, datetime], float]


def begin(at: datetime, counted: datetime | None = None) -> Entry:
    """A device of which nothing is known but that it was last waited for at `at`."""
    return {"at": plain(at), "works": None, "counted": plain(counted or at)}


def silent_s(entry: Entry, now: datetime) -> float:
    """Seconds since the last report."""
    return (now - parse_time(entry["at"])).total_seconds()


def count(entry: Entry, now: datetime, trusted_s: float, seconds: Seconds) -> tuple[float, float]:
    """Seconds up and seconds in all since the last counting, as `seconds` measures them (a store's open seconds); a report that said so is
    trusted for `trusted_s`. (0, 0) while nothing has been reported."""
    start = parse_time(entry["counted"])
    if now <= start:
        return 0.0, 0.0
    entry["counted"] = plain(now)
    if entry["works"] is None:
        return 0.0, 0.0
    trusted = min(now, parse_time(entry["at"]) + timedelta(seconds=trusted_s)) if entry["works"] else start
    return seconds(start, trusted) if trusted > start else 0.0, seconds(start, now)
