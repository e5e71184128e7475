"""What marks a week beside its sales: the kinds of calendar entries that fall into it, and the class of its weather.

Weather by day is plain JSON: `{day: [warmest C, rain mm, issued]}`; calendar entries are `{name: [kind, first day, last day]}` (ISO days).
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from datetime import date, timedelta
from typing import Any

HOT_C, COLD_C, WET_MM = 30, 5, 30
LEAST_DAYS = 4
ORDINARY = ("workday", "promotion", "relayout")
Weather = MutableMapping[str, list[Any]]


def enter(weather: Weather, day: str, warmest_c: float, rain_mm: float, issued: str) -> None:
    """Enter the weather of a part of a day: parts of one issue add up, a later issue takes the place of an earlier one."""
    known = weather.get(day)
    if known is None or issued > known[2]:
        weather[day] = [warmest_c, rain_mm, issued]
    elif issued == known[2]:
        weather[day] = [max(known[0], warmest_c), known[1] + rain_mm, issued]


def of_week(first: date, calendar: Mapping[str, list[str]], weather: Mapping[str, list[Any]]) -> list[str]:
    """The marks of the seven days from `first` on: kinds of the calendar, and hot (mean of the days' warmest hours from 30 C), cold (below
    5 C) and wet (from 30 mm) where the weather of at least four days is known."""
    days = [(first + timedelta(days=n)).isoformat() for n in range(7)]
    marks = {kind for kind, begins, ends in calendar.values() if begins <= days[-1] and ends >= days[0]} - {*ORDINARY}
    known = [weather[day] for day in days if day in weather]
    if len(known) >= LEAST_DAYS:
        warmth = sum(one[0] for one in known) / len(known)
        marks |= {"hot"} if warmth >= HOT_C else {"cold"} if warmth < COLD_C else set()
        marks |= {"wet"} if sum(one[1] for one in known) >= WET_MM else set()
    return sorted(marks)
