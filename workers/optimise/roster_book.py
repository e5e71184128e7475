"""A store's roster as rows (staff, skills, needs, duties, wishes, absences), turned into the problem of `shifts.solve` and counted.

Rows are plain JSON, times in them RFC 3339 text. Nothing here decides anything: it gathers who may be planned for what.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from storeloom.core.kernel.events import parse_time
from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.optimise.eligibility import Skills, is_available, is_employed
from storeloom.workers.optimise.roster_pay import wages, week_overtime
from storeloom.workers.optimise.roster_problem import Duty, Need, Person, Problem, Rules, Shift, Wish, coverage

Row = Mapping[str, Any]
Slots = Mapping[str, Sequence[Any]]
LONG_SHIFT_MIN = 360
CURFEW = "22:00"
WEEKEND_SPAN = timedelta(days=28)


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for all: shift templates `HH:MM-HH:MM`, the unpaid break of long shifts, the month's overtime, rules and costs."""

    templates: Sequence[str]
    break_min: int
    max_overtime_month_min: int
    rules: Rules


@dataclass(frozen=True, slots=True)
class DayFigures:
    """Hours needed and covered, wages without overtime in minor units, wishes and wishes kept of a day."""

    need_h: float
    covered_h: float
    wages: float
    wishes: int
    kept: int


class RosterBook:
    """All that is known of a roster at one time.

    `needs`: by day (ISO date) slots {"role|from": [to, heads]}. `duties`: {staff, role, start, end, state}, of which those in state draft
    and published are the roster itself and others (a loan, another system's shift) only bind their people. `wishes`: {staff, start, end,
    off}. `absences`: {staff, start, end}. `holidays`: pairs of times. What ends before it begins counts for nothing, heads and pay
    below nil for nil.
    """

    def __init__(
        self,
        hours: StoreHours,
        terms: Terms,
        *,
        staff: Iterable[Row],
        skills: Iterable[Row],
        needs: Mapping[str, Slots],
        duties: Iterable[Row],
        wishes: Iterable[Row] = (),
        absences: Iterable[Row] = (),
        holidays: Iterable[Sequence[str]] = (),
    ) -> None:
        self._hours, self._terms, self._needs = hours, terms, needs
        self._staff = {str(row["staff"]): row for row in staff}
        self._pay = {who: max(0, int(row.get("hourly_pay", 0))) for who, row in self._staff.items()}
        self._skills = Skills(skills)
        self._holidays = [(parse_time(start), parse_time(end)) for start, end in holidays]
        self._absences = [(row["staff"], parse_time(row["start"]), parse_time(row["end"])) for row in absences]
        self._wishes = [
            Wish(row["staff"], parse_time(row["start"]), parse_time(row["end"]), bool(row["off"]))
            for row in wishes
            if row["staff"] in self._staff and _lasts(row)
        ]
        rows = [row for row in duties if _lasts(row)]
        self._standing = [self._duty(row) for row in rows]
        self._roster = [duty for duty, row in zip(self._standing, rows, strict=True) if row["state"] in ("draft", "published")]

    def problem(self, days: Sequence[date], locks: Iterable[Row] = ()) -> Problem:
        """The problem of these days. Locks are {staff, role, start, end} to force, or {staff, date, off: true} to forbid."""
        asked = list(locks)
        needs = [need for day in days for need in self.needs(day)]
        roles = sorted({need.role for need in needs if need.heads > 0})
        forbidden = {(lock["staff"], lock.get("date")) for lock in asked if lock.get("off")}
        forced = [lock for lock in asked if lock.get("start") and not lock.get("off") and lock.get("staff") in self._staff and _lasts(lock)]
        locked = [self._duty(lock) for lock in forced]
        candidates = [
            Duty(who, role, shift)
            for shift in (self._shift(day, template) for day in days for template in self._terms.templates)
            for who, person in sorted(self._staff.items())
            if (who, shift.day.isoformat()) not in forbidden and self._available(person, shift)
            for role in roles
            if self._skills.may_work(person, role, shift.day)
        ]
        people = {who: self._person(who, days) for who in sorted({duty.person for duty in [*candidates, *locked]})}
        wishes = [wish for wish in self._wishes if self._hours.store_day(wish.start) in days]
        return Problem(people, needs, candidates, self._standing, locked, wishes, self._terms.rules, self._hours.zone)

    def needs(self, day: date) -> list[Need]:
        """The needs of a day."""
        slots = self._needs.get(day.isoformat(), {})
        keys = ((key.partition("|"), to, heads) for key, (to, heads) in sorted(slots.items()))
        spans = ((role, parse_time(start), parse_time(to), max(0.0, float(heads))) for (role, _, start), to, heads in keys)
        return [Need(role, start, to, heads) for role, start, to, heads in spans if start < to]

    def figures(self, day: date) -> DayFigures:
        """What the roster of a day comes to."""
        duties = [duty for duty in self._roster if duty.shift.day == day]
        slots = [slot for slot in coverage(self.needs(day), duties) if slot.need]
        need_h = sum(slot.need * slot.hours for slot in slots)
        wishes = [wish for wish in self._wishes if self._hours.store_day(wish.start) == day]
        kept = sum(self._is_kept(wish, duties) for wish in wishes)
        return DayFigures(need_h, need_h - sum(slot.under_h for slot in slots), wages(duties, self._pay), len(wishes), kept)

    def overtime(self, monday: date) -> tuple[int, float]:
        """Of a week: overtime minutes, and what they and seventh days add to the wages."""
        week = monday.isocalendar()[:2]
        return week_overtime([duty for duty in self._roster if duty.shift.week == week], self._pay, self._terms.rules.max_week_min)

    @staticmethod
    def _is_kept(wish: Wish, duties: Iterable[Duty]) -> bool:
        own = [wish.kept(duty.shift) for duty in duties if duty.person == wish.person]
        return all(own) if wish.off else any(own)

    def _shift(self, day: date, template: str) -> Shift:
        first, last = template.split("-")
        start, end = self._hours.at(day, first), self._hours.at(day, last)
        return self._between(start, end if end > start else self._hours.at(day + timedelta(days=1), last))

    def _between(self, start: datetime, end: datetime) -> Shift:
        length = round((end - start).total_seconds() / 60)
        day = self._hours.store_day(start)
        noon = self._hours.at(day, "12:00")
        holiday = any(first <= noon < last for first, last in self._holidays)
        return Shift(day, start, end, length - (self._terms.break_min if length >= LONG_SHIFT_MIN else 0), holiday)

    def _duty(self, row: Row) -> Duty:
        return Duty(row["staff"], row.get("role") or "", self._between(parse_time(row["start"]), parse_time(row["end"])))

    def _person(self, who: str, days: Sequence[date]) -> Person:
        """Pay, the overtime that the month leaves outside the weeks planned, and weekend shifts of the last four weeks."""
        first, own = days[0], [duty for duty in self._standing if duty.person == who]
        planned = {day.isocalendar()[:2] for day in days}
        month = [duty for duty in own if (duty.shift.day.year, duty.shift.day.month) == (first.year, first.month)]
        normal = self._terms.rules.max_week_min
        weeks = {duty.shift.week for duty in month} - planned
        spent = sum(week_overtime([d for d in month if d.shift.week == week], self._pay, normal)[0] for week in weeks)
        weekends = sum(timedelta(0) < first - duty.shift.day <= WEEKEND_SPAN and duty.shift.day.isoweekday() >= 6 for duty in own)
        return Person(who, self._pay[who], max(0, self._terms.max_overtime_month_min - spent), weekends)

    def _available(self, person: Row, shift: Shift) -> bool:
        """Employed, of age for the hour, within the availability of that weekday, and not absent."""
        if person.get("minor") and shift.end > self._hours.at(shift.day, CURFEW):
            return False
        if any(who == person["staff"] and start < shift.end and shift.start < end for who, start, end in self._absences):
            return False
        start, end = self._hours.local(shift.start), self._hours.local(shift.end)
        return is_employed(person, shift.day) and is_available(person.get("availability"), start, end)


def _lasts(row: Row) -> bool:
    return parse_time(row["start"]) < parse_time(row["end"])
