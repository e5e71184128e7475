"""Daily energy from a meter's register: what a day used, and how much of it was really read.

A book is plain JSON: `{"last": [time, register], "day": ISO date, "start": register at its midnight or None, "minutes": minutes of the day
with a reading, "interval_min": usual minutes between readings or None}`. The register at midnight is read off the line between the readings
around it. Readings come in the order of time; late ones of the day at hand count as read.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from storeloom.core.kernel.hours import StoreHours

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MINUTES_A_DAY = 1440
Book = dict[str, Any]


class MeterDay(NamedTuple):
    """kWh of a store day, None where the register at its ends is not known; `share` of its readings that came."""

    day: date
    kwh: float | None
    share: float


def read(book: Book, at: datetime, total: float, interval_s: float | None, hours: StoreHours) -> list[MeterDay]:
    """Enter a reading; the days that it closes, in order. A register that falls (another meter) leaves its day unknown."""
    day, minute = hours.store_day(at), _minute(at, hours)
    if interval_s:
        book["interval_min"], book["told"] = interval_s / 60, True
    if not book.get("last"):
        _begin(book, day, total if minute == 0 else None)
        book |= {"last": [at.isoformat(), total], "minutes": [minute]}
        book.setdefault("interval_min", None)
        return []
    before, register = datetime.fromisoformat(book["last"][0]), book["last"][1]
    if at <= before:
        if day.isoformat() == book["day"] and minute not in book["minutes"]:
            book["minutes"].append(minute)
        return []
    closed = []
    while book["day"] < day.isoformat():
        following = date.fromisoformat(book["day"]) + DAY
        midnight = hours.midnight(following)
        end = register + (total - register) * ((midnight - before) / (at - before)) if total >= register else None
        used = end - book["start"] if end is not None and book["start"] is not None else None
        closed.append(MeterDay(following - DAY, used, _share(book, hours)))
        _begin(book, following, end)
    if total < register:
        book["start"] = None
    if minute not in book["minutes"]:
        book["minutes"].append(minute)
    book["last"] = [at.isoformat(), total]
    return closed


def hourly_mean(hours: Iterable[tuple[float, int]]) -> float | None:
    """The mean of a day from (sum, count) by hour, each hour alike however often it was read."""
    means = [total / count for total, count in hours if count]
    return statistics.fmean(means) if means else None


def window_mean(windows: Iterable[tuple[float, float]]) -> float | None:
    """The mean of (value, hours of the day that it holds)."""
    known = [(value, held) for value, held in windows if held > 0]
    whole = sum(held for _, held in known)
    return sum(value * held for value, held in known) / whole if whole else None


def held(begin: datetime, end: datetime, hours: StoreHours) -> list[tuple[date, float]]:
    """The store days of a window, each with the hours of it that it holds."""
    day, found = hours.store_day(begin), []
    while hours.midnight(day) < end:
        found.append((day, (min(end, hours.midnight(day + DAY)) - max(begin, hours.midnight(day))) / HOUR))
        day += DAY
    return found


def _begin(book: Book, day: date, start: float | None) -> None:
    book |= {"day": day.isoformat(), "start": start, "minutes": []}


def _minute(at: datetime, hours: StoreHours) -> int:
    return int((at - hours.midnight(hours.store_day(at))) / timedelta(minutes=1))


def _share(book: Book, hours: StoreHours) -> float:
    """Minutes with a reading by those that there should be. Unless the meter tells its interval, it is the usual one of the day, or of the
    day before where that is shorter; a minute at least."""
    found = sorted(book["minutes"])
    usual = statistics.median(after - before for before, after in pairwise(found)) if len(found) > 1 else None
    known = [one for one in (book["interval_min"], None if book.get("told") else usual) if one]
    interval = max(1.0, min(known, default=float(MINUTES_A_DAY)))
    if usual and not book.get("told"):
        book["interval_min"] = usual
    day = date.fromisoformat(book["day"])
    whole = (hours.midnight(day + DAY) - hours.midnight(day)) / timedelta(minutes=1)
    return min(1.0, len(found) / max(1, round(whole / interval)))
