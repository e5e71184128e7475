"""When a closed store arms and disarms. All times are UTC."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import NamedTuple, Protocol

DAYS_BACK = 366


class Hours(Protocol):
    """Opening hours; see `core.kernel.hours.StoreHours`."""

    def day(self, day: date, /) -> tuple[datetime, datetime] | None: ...
    def store_day(self, at: datetime) -> date: ...
    def is_open(self, at: datetime) -> bool: ...
    def next_open(self, at: datetime) -> datetime | None: ...


class Night(NamedTuple):
    """The closed time from `closed`: armed from `arm` on, told as late at `tell`; `disarm` is None where no opening follows."""

    closed: datetime
    arm: datetime
    tell: datetime
    disarm: datetime | None


def night_at(hours: Hours, at: datetime, *, delay: timedelta, before_opening: timedelta) -> Night | None:
    """The closed time around an instant, its closing included; None while the store is open, is about to open, or never closed in the
    last year, and where it opens again before it could be armed."""
    closed = None if hours.is_open(at) else _last_close(hours, at)
    if closed is None:
        return None
    opens = hours.next_open(closed - timedelta(microseconds=1))
    disarm = None if opens is None else opens - before_opening
    if disarm is not None and (at >= disarm or disarm <= closed + delay):
        return None
    return Night(closed, closed + delay, closed + 2 * delay, disarm)


def arms_at(arm: datetime, seen: datetime | None, empty: timedelta) -> datetime:
    """The first instant from `arm` on at which nobody has been seen for `empty`; a store that saw nobody is empty."""
    return arm if seen is None else max(arm, seen + empty)


def _last_close(hours: Hours, at: datetime) -> datetime | None:
    day = hours.store_day(at) + timedelta(days=1)
    for _ in range(DAYS_BACK):
        span = hours.day(day)
        if span is not None and span[1] <= at:
            return span[1]
        day -= timedelta(days=1)
    return None
