"""Certificates and skills of people: when papers run out, what an unused skill is worth, and whom to train where a skill hangs on few."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

QUALIFIED, TOP = 2, 4
BANDS = (("morning", time(5)), ("afternoon", time(12)), ("evening", time(17)))
LEAST_IN_BAND = timedelta(hours=1)
ROLE_PAPERS = {"deli": ("health",), "forklift": ("forklift_licence",), "pharmacy": ("pharmacist",)}
"""Papers that a role must have where nobody says otherwise."""


def runs_out(issued: date, months: int) -> date:
    """The first day on which a certificate of so many months is not valid; the day of the month is clipped to its end."""
    year, month = divmod(issued.year * 12 + issued.month - 1 + months, 12)
    return date(year, month + 1, min(issued.day, monthrange(year, month + 1)[1]))


def level_on(level: int, since: date, day: date, decay_days: int) -> int:
    """A level that falls by one for every full `decay_days` without use, never below 0."""
    return max(0, level - max(0, (day - since).days) // decay_days)


def bands(start: datetime, end: datetime) -> list[tuple[date, str]]:
    """The bands (day, name) that a shift, in store time, lies in for an hour or more; the evening ends at five in the morning."""
    found, day = [], start.date() - timedelta(days=1)
    while day <= end.date():
        edges = [datetime.combine(day, begin, start.tzinfo) for _, begin in BANDS]
        edges.append(datetime.combine(day + timedelta(days=1), BANDS[0][1], start.tzinfo))
        for place, (name, _) in enumerate(BANDS):
            if min(end, edges[place + 1]) - max(start, edges[place]) >= LEAST_IN_BAND:
                found.append((day, name))
        day += timedelta(days=1)
    return found


@dataclass(frozen=True, slots=True)
class Gap:
    """A band of a day in which too few are qualified for a skill; `learners` work in it and are not."""

    skill: str
    day: date
    band: str
    depth: int
    learners: tuple[str, ...]


def depths(
    shifts: Iterable[tuple[str, str, date, str]], used: Callable[[str], Iterable[str]], able: Callable[[str, str, date], bool]
) -> list[Gap]:
    """How deep each skill is in each band: shifts are (staff, role, day, band); a skill counts where a role at work uses it."""
    at_work: dict[tuple[date, str], dict[str, set[str]]] = {}
    for staff, role, day, band in shifts:
        at_work.setdefault((day, band), {}).setdefault(role, set()).add(staff)
    found = []
    for (day, band), roles in sorted(at_work.items()):
        people = sorted(set().union(*roles.values()))
        for skill in sorted({skill for role in roles for skill in used(role)}):
            qualified = [staff for staff in people if able(staff, skill, day)]
            found.append(Gap(skill, day, band, len(qualified), tuple(staff for staff in people if staff not in qualified)))
    return found


def missing_hours(courses: Iterable[Mapping[str, Any]], skill: str, level: int) -> tuple[float, list[str]] | None:
    """Hours and ids of the courses that still lead from a level to a qualified one; None where none reaches it."""
    path = [row for row in courses if row.get("skill") == skill and level < (row.get("level") or QUALIFIED) <= QUALIFIED]
    if not any((row.get("level") or QUALIFIED) == QUALIFIED for row in path):
        return None
    return sum(row.get("minutes") or 0 for row in path) / 60, sorted(row["course"] for row in path)


def proposals(
    gaps: Iterable[Gap], hours: Callable[[str, str], float | None], wage: Callable[[str], float]
) -> dict[tuple[str, str], tuple[int, float]]:
    """(staff, skill) -> (gaps closed, hours) of whom to train: for each gap who closes most gaps an hour; ties: lowest wage, then id."""
    every = list(gaps)
    closes: dict[tuple[str, str], int] = {}
    for gap in every:
        for staff in gap.learners:
            closes[staff, gap.skill] = closes.get((staff, gap.skill), 0) + 1
    found = {}
    for gap in every:
        ways = [(staff, needed) for staff in gap.learners if (needed := hours(staff, gap.skill)) is not None]
        if ways:
            staff, needed = min(ways, key=lambda way: (-closes[way[0], gap.skill] / max(way[1], 1e-9), wage(way[0]), way[0]))
            found[staff, gap.skill] = (closes[staff, gap.skill], needed)
    return found
