"""Counters of people at doors, hour by hour: windows that came, hours that a silence spoilt, and what is put in their place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median

Span = tuple[datetime, datetime]
HOUR = timedelta(hours=1)


def hours(opens: datetime, closes: datetime, hour_start: datetime) -> list[Span]:
    """The clock hours of opening time, the first and last cut to it; `hour_start` is where the hour of the opening began."""
    found, begin = [], hour_start
    while begin < closes:
        found.append((max(begin, opens), min(begin + HOUR, closes)))
        begin += HOUR
    return found


def silences(windows: Iterable[Span], opens: datetime, closes: datetime, least: timedelta) -> list[Span]:
    """The stretches of opening time of at least `least` that no window covers."""
    found, heard = [], opens
    for begin, end in [*sorted(windows), (closes, closes)]:
        if min(begin, closes) - heard >= least:
            found.append((heard, min(begin, closes)))
        heard = max(heard, end)
    return found


def is_spoilt(hour: Span, silent: Iterable[Span]) -> bool:
    """Whether a silence reaches into an hour."""
    return any(begin < hour[1] and end > hour[0] for begin, end in silent)


def usual(history: Sequence[Sequence[float]]) -> tuple[float, float] | None:
    """The median in and out of the same hour of the week, None without history."""
    return (float(median(one[0] for one in history)), float(median(one[1] for one in history))) if history else None


def total(windows: Mapping[str, Sequence[float]]) -> tuple[float, float]:
    """In and out of windows together."""
    return sum(one[0] for one in windows.values()), sum(one[1] for one in windows.values())
