"""A store's opening hours and days, in its own time zone.

Spec, in store time: `{"open": "08:00", "close": "22:00"}`, weekdays that differ (`"sat": {"open": ..., "close": ...}`, `"sun": false` for
closed), and dates that differ (`"dates": {"2026-02-17": false}`); `"closed": [date, ...]` is short for closed dates. `24:00` is the end
of the day; a close at or before the opening lies on the next day.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _minutes(clock: str) -> int:
    hour, minute = (int(part) for part in clock.split(":")[:2])
    return 60 * hour + minute


class StoreHours:
    """Opening hours over time; all times that go in and come out are UTC."""

    def __init__(self, zone: str, spec: Mapping[str, Any]) -> None:
        self.zone = ZoneInfo(zone)
        self.spec = spec
        self._closed = {str(day) for day in spec.get("closed", ())}
        self._dates: Mapping[str, Any] = spec.get("dates", {})
        self.day = lru_cache(maxsize=512)(self._day)

    def local(self, at: datetime) -> datetime:
        """The same instant on the store's wall."""
        return at.astimezone(self.zone)

    def store_day(self, at: datetime) -> date:
        """The store day (calendar date in its zone) of an instant."""
        return at.astimezone(self.zone).date()

    def trading_day(self, at: datetime) -> date:
        """The store day on which the opening hours around an instant began; while closed, the calendar date."""
        span = self.span(at)
        return self.store_day(span[0] if span else at)

    def ended_day(self, at: datetime) -> date:
        """The trading day whose end an instant is, as that of a schedule at closing time or at midnight."""
        return self.trading_day(at - timedelta(microseconds=1))

    def at(self, day: date, clock: str) -> datetime:
        """The instant of a wall time `HH:MM` (or `24:00`) on a store day; a time skipped by the clock change moves forward."""
        hour, minute = divmod(_minutes(clock), 60)
        if hour == 24:
            day, hour = day + timedelta(days=1), 0
        return datetime.combine(day, time(hour, minute), self.zone).astimezone(UTC)

    def midnight(self, day: date) -> datetime:
        return self.at(day, "00:00")

    def _day(self, day: date) -> tuple[datetime, datetime] | None:
        key = day.isoformat()
        if key in self._closed:
            return None
        hours = self._dates.get(key, self.spec.get(WEEKDAYS[day.weekday()], self.spec))
        if not hours or "open" not in hours:
            return None
        overnight = _minutes(hours["close"]) <= _minutes(hours["open"])
        opens, closes = self.at(day, hours["open"]), self.at(day + timedelta(days=overnight), hours["close"])
        return (opens, closes) if opens < closes else None  # a clock change can swallow the hours whole

    def is_open(self, at: datetime) -> bool:
        return self.span(at) is not None

    def span(self, at: datetime) -> tuple[datetime, datetime] | None:
        """The opening and closing instants around `at` (half open), None while closed."""
        today = self.store_day(at)
        for day in (today, today - timedelta(days=1)):
            hours = self.day(day)
            if hours and hours[0] <= at < hours[1]:
                return hours
        return None

    def next_open(self, at: datetime) -> datetime | None:
        """The first opening after `at`, within a year."""
        return self._next(at, 0)

    def next_close(self, at: datetime) -> datetime | None:
        """The first closing after `at`, within a year."""
        return self._next(at, 1)

    def _next(self, at: datetime, edge: int) -> datetime | None:
        day = self.store_day(at) - timedelta(days=1)
        for _ in range(368):
            hours = self.day(day)
            if hours and hours[edge] > at:
                return hours[edge]
            day += timedelta(days=1)
        return None

    def open_seconds(self, start: datetime, end: datetime) -> float:
        """Seconds of opening time in [start, end)."""
        total = 0.0
        day = self.store_day(start) - timedelta(days=1)
        while self.midnight(day) < end:
            hours = self.day(day)
            if hours:
                overlap = (min(end, hours[1]) - max(start, hours[0])).total_seconds()
                total += max(0.0, overlap)
            day += timedelta(days=1)
        return total
