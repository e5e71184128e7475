"""Public holidays of mainland China with the weekends that are worked instead.

Years 2025 and 2026, from the State Council's yearly notices of November 2024 and November 2025. A year that is not
listed has weekends only: a guess at an unpublished notice would teach a forecast a false calendar.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True, slots=True)
class Holiday:
    """A block of days off, `last` included."""

    name: str
    first: date
    last: date


HOLIDAYS = (
    Holiday("元旦", date(2025, 1, 1), date(2025, 1, 1)),
    Holiday("春节", date(2025, 1, 28), date(2025, 2, 4)),
    Holiday("清明节", date(2025, 4, 4), date(2025, 4, 6)),
    Holiday("劳动节", date(2025, 5, 1), date(2025, 5, 5)),
    Holiday("端午节", date(2025, 5, 31), date(2025, 6, 2)),
    Holiday("国庆节、中秋节", date(2025, 10, 1), date(2025, 10, 8)),
    Holiday("元旦", date(2026, 1, 1), date(2026, 1, 3)),
    Holiday("春节", date(2026, 2, 15), date(2026, 2, 23)),
    Holiday("清明节", date(2026, 4, 4), date(2026, 4, 6)),
    Holiday("劳动节", date(2026, 5, 1), date(2026, 5, 5)),
    Holiday("端午节", date(2026, 6, 19), date(2026, 6, 21)),
    Holiday("中秋节", date(2026, 9, 25), date(2026, 9, 27)),
    Holiday("国庆节", date(2026, 10, 1), date(2026, 10, 7)),
)

WORKDAYS = (
    date(2025, 1, 26),
    date(2025, 2, 8),
    date(2025, 4, 27),
    date(2025, 9, 28),
    date(2025, 10, 11),
    date(2026, 1, 4),
    date(2026, 2, 14),
    date(2026, 2, 28),
    date(2026, 5, 9),
    date(2026, 9, 20),
    date(2026, 10, 10),
)


def holiday_on(day: date) -> Holiday | None:
    return next((block for block in HOLIDAYS if block.first <= day <= block.last), None)


def is_day_off(day: date) -> bool:
    """True on a public holiday and on a weekend that is not worked instead."""
    if holiday_on(day) is not None:
        return True
    return day.weekday() >= 5 and day not in WORKDAYS


def eve_of_holiday(day: date, ahead: int = 3) -> Holiday | None:
    """The holiday that begins within `ahead` days after this day: people stock up for it."""
    return next((b for b in HOLIDAYS if timedelta(0) < b.first - day <= timedelta(days=ahead)), None)
