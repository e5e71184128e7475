"""Weeks as stores plan by them: Monday to Sunday, ended by the close of the last open day."""

from __future__ import annotations

from datetime import date, timedelta

from storeloom.core.kernel.hours import StoreHours

DAY = timedelta(days=1)


def ends_week(hours: StoreHours, day: date) -> bool:
    """Whether no later day of the week is open: Sunday, or the last open day before it."""
    return not any(hours.day(day + n * DAY) for n in range(1, 8 - day.isoweekday()))


def monday(day: date) -> str:
    """The Monday that begins a day's week, by which the week is named."""
    return (day - (day.isoweekday() - 1) * DAY).isoformat()


def window(day: date, weeks: int) -> list[str]:
    """The Mondays of so many weeks up to the day's, the oldest first."""
    first = date.fromisoformat(monday(day))
    return [(first - 7 * n * DAY).isoformat() for n in range(weeks - 1, -1, -1)]
