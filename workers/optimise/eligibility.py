"""Who may be given work: employment, availability, age limits, skills and papers, from the rows of the tables `staff` and `skills`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

Row = Mapping[str, Any]


class Skills:
    """The table `skills`: what people hold, and what roles ask for (all of it, save what is marked `mandatory: false`)."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._held: dict[str, dict[str, Row]] = defaultdict(dict)
        self._asked: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            if row.get("staff"):
                self._held[row["staff"]][row["skill"]] = row
            elif row.get("role"):
                self._asked[row["role"]].append(row)

    def holds(self, staff: str, skill: str, day: date, level: float = 1) -> bool:
        """Whether a person has a skill at this level, with its paper valid on the day."""
        row = self._held.get(staff, {}).get(skill)
        if row is None or row.get("level", level) < level:
            return False
        start, end = (str(row.get(key) or "")[:10] for key in ("valid_from", "valid_to"))
        return (not start or start <= day.isoformat()) and (not end or day.isoformat() <= end)

    def may_work(self, person: Row, role: str, day: date) -> bool:
        """Whether a person may work in a role: its mandatory skills, and either the role itself or every skill that it asks for.

        For a person without `roles`, a role that asks for nothing needs the skill of its own name where anybody holds that.
        """
        asked = self._asked.get(role, [])
        held = [self.holds(person["staff"], row["skill"], day, row.get("level", 1)) for row in asked]
        if not all(has for has, row in zip(held, asked, strict=True) if row.get("mandatory", True)):
            return False
        roles = person.get("roles")
        if roles is None and not asked:
            return self.holds(person["staff"], role, day) or not any(role in skills for skills in self._held.values())
        return (roles is None and bool(asked)) or role in (roles or ()) or (bool(asked) and all(held))


def is_employed(person: Row, day: date) -> bool:
    """From the day of hiring to the day before leaving; `left` may be true alone."""
    hired, left = str(person.get("hired") or "")[:10], str(person.get("left") or "")[:10]
    return person.get("left") is not True and hired <= day.isoformat() and (not left or day.isoformat() < left)


def is_available(availability: Iterable[Row] | None, start: datetime, end: datetime) -> bool:
    """Whether [{weekday 1..7, from, to}] holds all of a time given in store time; nothing given means always.

    A `to` at or before its `from` lies on the next day.
    """
    windows = list(availability or ())
    if not windows:
        return True
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    for window in windows:
        first, last = _clock(window.get("from", "00:00")), _clock(window.get("to", "24:00"))
        last = last if last > first else last + timedelta(days=1)
        if window["weekday"] == start.isoweekday() and midnight + first <= start and end <= midnight + last:
            return True
    return False


def _clock(text: str) -> timedelta:
    hour, minute = (int(part) for part in text.split(":")[:2])
    return timedelta(hours=hour, minutes=minute)


def of_section(staff: Iterable[Row], section: str | None, begin: datetime, end: datetime) -> list[str]:
    """Who of a section is employed and available for all of a time given in store time, by id; nobody where no section is named."""
    return sorted(
        row["staff"]
        for row in staff
        if section
        and row.get("section") == section
        and is_employed(row, begin.date())
        and is_available(row.get("availability"), begin, end)
    )
