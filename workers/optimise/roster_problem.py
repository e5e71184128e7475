"""What a roster is made of: shifts, people and their contracts, the demand curve, wishes, rules; and how the duties chosen cover the curve.

Times are datetimes of one zone or aware, lengths in minutes, money in minor units.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from itertools import pairwise

from storeloom.workers.optimise.plans import Checks

Week = tuple[int, int]
WEEK_DAYS = 7
DAY_MIN = 24 * 60
WEEK_MIN = WEEK_DAYS * DAY_MIN
MOST = 10**7
MOST_HEADS = 10**4
LAW = frozenset({"rest", "row", "overtime"})
"""Rules that are law in most places: rest between shifts, days in a row, overtime."""
PERSON, SHIFT, NEED, WISH, RULES = ("Person", "员工"), ("Shift", "班次"), ("Need", "用工需求"), ("Wish", "意愿"), ("Rules", "规则")


@dataclass(frozen=True, slots=True)
class Shift:
    """A shift that may be worked on a store day; `paid_min` is without the unpaid break, `closing` one that locks up."""

    day: date
    start: datetime
    end: datetime
    paid_min: int
    holiday: bool = False
    closing: bool = False

    @property
    def week(self) -> Week:
        year, week, _ = self.day.isocalendar()
        return year, week


@dataclass(frozen=True, slots=True)
class Duty:
    """A person on a shift in a role."""

    person: str
    role: str
    shift: Shift


@dataclass(frozen=True, slots=True)
class Person:
    """`pay` an hour; `overtime_left_min` what the law leaves of the month; `weekends` and `closings` such shifts of the last four weeks.

    A contract's hours in minutes a week: `least_week_min` promised, `most_week_min` not exceeded, not even by overtime (None: no limit).
    """

    id: str
    pay: int
    overtime_left_min: int = 0
    weekends: int = 0
    closings: int = 0
    least_week_min: int = 0
    most_week_min: int | None = None


@dataclass(frozen=True, slots=True)
class Need:
    """Heads wanted in a role from `start` to `end`; below `least` no roster may fall (0: missing heads only cost)."""

    role: str
    start: datetime
    end: datetime
    heads: float
    least: int = 0


@dataclass(frozen=True, slots=True)
class Wish:
    """To work within a time, or to be off in it."""

    person: str
    start: datetime
    end: datetime
    off: bool = False

    def kept(self, shift: Shift) -> bool:
        """Whether a shift is what was wished: within the wished time or around it; for time off, clear of it."""
        if self.off:
            return shift.end <= self.start or shift.start >= self.end
        return (self.start <= shift.start and shift.end <= self.end) or (shift.start <= self.start and self.end <= shift.end)


@dataclass(frozen=True, slots=True)
class Rules:
    """Limits and costs; costs of missing and needless staff are per hour, the others per case: a wish not kept, a weekend or closing shift
    above the average of all people, a change. Rules in `law` (of `rest`, `row`, `overtime`, `day`) are never proposed to be relaxed."""

    max_week_min: int = 2400
    min_rest_min: int = 660
    max_days_row: int = 6
    under_cost: int = 10000
    over_cost: int = 1000
    wish_cost: int = 500
    weekend_cost: int = 200
    change_cost: int = 0
    closing_cost: int = 0
    law: frozenset[str] = LAW


@dataclass(frozen=True, slots=True)
class Problem:
    """`standing` duties are settled: they cover needs and bind rest, weeks and rows. `locked` candidates must be taken.
    `zone`: in which answers tell times, where these are aware (None: as given)."""

    people: Mapping[str, Person]
    needs: Sequence[Need]
    candidates: Sequence[Duty]
    standing: Sequence[Duty] = ()
    locked: Sequence[Duty] = ()
    wishes: Sequence[Wish] = ()
    rules: Rules = field(default_factory=Rules)
    zone: tzinfo | None = None

    def clock(self, at: datetime) -> datetime:
        """A time as the store's clocks show it."""
        return at if self.zone is None or at.tzinfo is None else at.astimezone(self.zone)

    @property
    def choices(self) -> list[Duty]:
        """All duties that may be chosen, each once."""
        return list(dict.fromkeys([*self.candidates, *self.locked]))

    @property
    def present(self) -> list[Duty]:
        """Standing duties that count for the needs: those on a day with candidates, or at the time of a need of their role."""
        days = {duty.shift.day for duty in self.candidates}
        return [duty for duty in self.standing if duty.shift.day in days or any(_meets(duty, need) for need in self.needs)]


@dataclass(frozen=True, slots=True)
class Slot:
    """How a need is met in one stretch of time, in hours of missing (`under_h`) and needless (`over_h`) staff."""

    role: str
    start: datetime
    end: datetime
    need: float
    staff: int

    @property
    def hours(self) -> float:
        return (self.end - self.start).total_seconds() / 3600

    @property
    def under_h(self) -> float:
        return max(0.0, self.need - self.staff) * self.hours

    @property
    def over_h(self) -> float:
        return max(0.0, self.staff - self.need) * self.hours


def coverage(needs: Sequence[Need], duties: Iterable[Duty], roles: Iterable[str] = ()) -> tuple[Slot, ...]:
    """Need and staff in stretches in which neither changes, by role (the needs', and `roles`) and time; empty stretches left out."""
    by_role: dict[str, list[Duty]] = defaultdict(list)
    for duty in duties:
        by_role[duty.role].append(duty)
    slots: list[Slot] = []
    for role in sorted({need.role for need in needs} | set(roles)):
        wanted = [need for need in needs if need.role == role]
        spans = [(need.start, need.end) for need in wanted] + [(duty.shift.start, duty.shift.end) for duty in by_role[role]]
        for start, end in stretches(spans):
            heads = sum(need.heads for need in wanted if need.start <= start and end <= need.end)
            staff = sum(duty.shift.start <= start and end <= duty.shift.end for duty in by_role[role])
            last = slots[-1] if slots else None
            if last and (last.role, last.end, last.need, last.staff) == (role, start, heads, staff):
                slots[-1] = Slot(role, last.start, end, heads, staff)
            elif heads > 0 or staff:
                slots.append(Slot(role, start, end, heads, staff))
    return tuple(slots)


def stretches(spans: Iterable[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """The times between one edge of any span and the next."""
    return list(pairwise(sorted({edge for span in spans for edge in span})))


def ordered(duties: Iterable[Duty]) -> tuple[Duty, ...]:
    return tuple(sorted(duties, key=lambda duty: (duty.shift.start, duty.person, duty.role)))


def _meets(duty: Duty, need: Need) -> bool:
    return duty.role == need.role and duty.shift.start < need.end and need.start < duty.shift.end


def check(problem: Problem) -> None:
    """Raise PlanFault with all that is wrong in a problem. Nothing needed, or nobody to choose, is no fault: the roster is then empty."""
    checks = Checks()
    people, duties = problem.people, problem.choices
    for person in people.values():
        checks.within(PERSON, person.id, "pay", person.pay, 0, MOST)
        for key in ("overtime_left_min", "weekends", "closings"):
            checks.within(PERSON, person.id, key, getattr(person, key), 0, MOST)
        checks.within(PERSON, person.id, "least_week_min", person.least_week_min, 0, WEEK_MIN)
        if person.most_week_min is not None:
            checks.within(PERSON, person.id, "most_week_min", person.most_week_min, person.least_week_min, WEEK_MIN)
    _check_times(checks, problem)
    for who in dict.fromkeys(duty.person for duty in duties if duty.person not in people):
        checks.known(SHIFT, "-", "person", who, people)
    for shift in dict.fromkeys(duty.shift for duty in duties):
        checks.within(SHIFT, f"{shift.start:%Y-%m-%d %H:%M}", "paid_min", shift.paid_min, 0, WEEK_MIN)
    for need in problem.needs:
        checks.within(NEED, _named(need), "heads", need.heads, 0, MOST_HEADS)
        checks.within(NEED, _named(need), "least", need.least, 0, MOST_HEADS)
    rules = problem.rules
    for key, most in (("max_week_min", WEEK_MIN), ("min_rest_min", WEEK_MIN), ("max_days_row", 366)):
        checks.within(RULES, "-", key, getattr(rules, key), 0, most)
    for key in ("under_cost", "over_cost", "wish_cost", "weekend_cost", "change_cost", "closing_cost"):
        checks.within(RULES, "-", key, getattr(rules, key), 0, MOST)
    for name in sorted(rules.law - {*LAW, "day"}):
        checks.known(RULES, "-", "law", name, {*LAW, "day"})
    checks.done()


def _check_times(checks: Checks, problem: Problem) -> None:
    """Ends after beginnings, and all times with a zone or all without."""
    spans = [(NEED, _named(need), need.start, need.end) for need in problem.needs]
    spans += [(WISH, wish.person, wish.start, wish.end) for wish in problem.wishes]
    shifts = dict.fromkeys(duty.shift for duty in [*problem.choices, *problem.standing])
    spans += [(SHIFT, f"{shift.start:%Y-%m-%d %H:%M}", shift.start, shift.end) for shift in shifts]
    zoned = {edge.tzinfo is not None for _, _, *edges in spans for edge in edges}
    if len(zoned) > 1:
        checks.wrong(RULES, "-", "times", "with and without a zone", "all with a zone or all without", "全部带时区或全部不带时区")
    for what, name, start, end in spans:
        if (start.tzinfo is None) == (end.tzinfo is None) and end <= start:
            checks.wrong(what, name, "end", end.isoformat(), f"after {start.isoformat()}", f"晚于 {start.isoformat()}")


def _named(need: Need) -> str:
    return f"{need.role} {need.start:%Y-%m-%d %H:%M}"
