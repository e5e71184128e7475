"""Spans of the store's day, written `HH:MM-HH:MM` in store time and half open; one that ends before it begins runs past midnight."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from storeloom.core.kernel.hours import StoreHours

SPAN = r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$"
PARTS = (("night", 0), ("morning", 6), ("noon", 11), ("afternoon", 14), ("evening", 17), ("night", 22))
FRIDAY = 5


def within(hours: StoreHours, at: datetime, span: str) -> bool:
    """Whether an instant lies in a span of its store day."""
    begins, ends = span.split("-")
    clock = f"{hours.local(at):%H:%M}"
    return begins <= clock < ends if begins < ends else clock >= begins or clock < ends


def begin(hours: StoreHours, day: date, span: str) -> datetime:
    """The instant at which a span begins on a store day."""
    return hours.at(day, span.split("-")[0])


def part_of(hours: StoreHours, at: datetime) -> str:
    """The part of the day of an instant: morning from 6, noon from 11, afternoon from 14, evening from 17, night from 22."""
    hour = hours.local(at).hour
    return next(name for name, first in reversed(PARTS) if hour >= first)


def is_weekday(day: date) -> bool:
    return day.isoweekday() <= FRIDAY


def next_weekday(day: date) -> date:
    """The first day from Monday to Friday after a day."""
    day += timedelta(days=1)
    while not is_weekday(day):
        day += timedelta(days=1)
    return day
