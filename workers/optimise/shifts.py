"""Rosters: who works which shift, at least cost within the rules, by CP-SAT (OR-Tools), with a greedy roster where none is found in time.

One Boolean a candidate (person, shift, role). The caller lists as candidates only what skills, papers, age and availability allow; rest,
days in a row, one shift a day and hours a week are kept here. Seed and number of threads are fixed and the search is bounded by the
solver's deterministic time, so the same problem gives the same roster. Times are datetimes of one zone or aware; money is in minor units.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any, Literal

Week = tuple[int, int]
Status = Literal["optimal", "feasible", "greedy"]
SEED = 68
OVERTIME_EXTRA, REST_DAY_EXTRA, HOLIDAY_EXTRA = 0.5, 1.0, 2.0
WEEK_DAYS = 7
MILLI = 1000
UNIT = 120 * MILLI


@dataclass(frozen=True, slots=True)
class Shift:
    """A shift that may be worked on a store day; `paid_min` is without the unpaid break."""

    day: date
    start: datetime
    end: datetime
    paid_min: int
    holiday: bool = False

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
    """`pay` an hour; `overtime_left_min` what the law leaves of the month; `weekends` weekend shifts of the last four weeks."""

    id: str
    pay: int
    overtime_left_min: int = 0
    weekends: int = 0


@dataclass(frozen=True, slots=True)
class Need:
    """Heads wanted in a role from `start` to `end`."""

    role: str
    start: datetime
    end: datetime
    heads: float


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
    """Limits and costs; costs of missing and needless staff are per hour, the others per case."""

    max_week_min: int = 2400
    min_rest_min: int = 660
    max_days_row: int = 6
    under_cost: int = 10000
    over_cost: int = 1000
    wish_cost: int = 500
    weekend_cost: int = 200
    change_cost: int = 0


@dataclass(frozen=True, slots=True)
class Problem:
    """`standing` duties are settled: they cover needs and bind rest, weeks and rows. `locked` candidates must be taken."""

    people: Mapping[str, Person]
    needs: Sequence[Need]
    candidates: Sequence[Duty]
    standing: Sequence[Duty] = ()
    locked: Sequence[Duty] = ()
    wishes: Sequence[Wish] = ()
    rules: Rules = field(default_factory=Rules)

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


@dataclass(frozen=True, slots=True)
class Roster:
    """The duties chosen, by day and person. `cost` is the objective, `bound` what no roster can undercut (None for a greedy one)."""

    status: Status
    duties: tuple[Duty, ...]
    slots: tuple[Slot, ...]
    cost: float | None = None
    bound: float | None = None


def solve(problem: Problem, time_limit_s: float) -> Roster:
    """The cheapest roster found within the limit; greedy where the solver has none by then, or none keeps all locked duties."""
    from ortools.sat.python import cp_model

    model = _Model(problem)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = SEED
    solver.parameters.max_deterministic_time = time_limit_s
    solver.parameters.max_time_in_seconds = time_limit_s
    status = solver.solve(model.model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return greedy(problem)
    duties = _ordered(duty for duty, chosen in model.chosen.items() if solver.value(chosen))
    slots = coverage(problem.needs, [*problem.present, *duties])
    name: Status = "optimal" if status == cp_model.OPTIMAL else "feasible"
    return Roster(name, duties, slots, solver.objective_value / UNIT, solver.best_objective_bound / UNIT)


def greedy(problem: Problem) -> Roster:
    """Largest gap first, filled with the cheapest legal person (of their shifts, the one that fills most), until nothing can be filled."""
    taken: list[Duty] = []
    for duty in problem.locked:
        if is_legal(problem, [*problem.standing, *taken], duty):
            taken.append(duty)
    hopeless: set[tuple[str, datetime]] = set()
    while True:
        duties, present = [*problem.standing, *taken], [*problem.present, *taken]
        gaps = [slot for slot in coverage(problem.needs, present) if slot.under_h > 0 and (slot.role, slot.start) not in hopeless]
        if not gaps:
            return Roster("greedy", _ordered(taken), coverage(problem.needs, present))
        gap = max(gaps, key=lambda slot: (slot.under_h, -slot.start.timestamp(), slot.role))
        fits = [duty for duty in problem.candidates if _covers(duty, gap) and is_legal(problem, duties, duty)]
        if not fits:
            hopeless.add((gap.role, gap.start))
            continue
        filled = {id(duty): sum(_shared_h(duty, slot) for slot in gaps) for duty in fits}
        taken.append(min(fits, key=lambda duty: (problem.people[duty.person].pay, duty.person, -filled[id(duty)], duty.shift.start)))


def is_legal(problem: Problem, duties: Sequence[Duty], duty: Duty) -> bool:
    """Whether a person may take a duty besides others: one a day, rest, days in a row, hours of the week with the overtime left."""
    own = [other.shift for other in duties if other.person == duty.person]
    shift, rules = duty.shift, problem.rules
    if any(not _compatible(shift, other, rules.min_rest_min) for other in own):
        return False
    days = {other.day for other in own} | {shift.day}
    if _longest_row(days, shift.day) > rules.max_days_row:
        return False
    minutes: dict[Week, int] = defaultdict(int)
    for other in [*own, shift]:
        minutes[other.week] += other.paid_min
    planned = {other.shift.week for other in problem.candidates}
    over = sum(max(0, minutes[week] - rules.max_week_min) for week in planned)
    return over <= problem.people[duty.person].overtime_left_min


def coverage(needs: Sequence[Need], duties: Iterable[Duty]) -> tuple[Slot, ...]:
    """Need and staff in stretches in which neither changes, by role and time; stretches with neither are left out."""
    by_role: dict[str, list[Duty]] = defaultdict(list)
    for duty in duties:
        by_role[duty.role].append(duty)
    slots: list[Slot] = []
    for role in sorted({need.role for need in needs}):
        wanted = [need for need in needs if need.role == role]
        spans = [(need.start, need.end) for need in wanted] + [(duty.shift.start, duty.shift.end) for duty in by_role[role]]
        for start, end in _stretches(spans):
            heads = sum(need.heads for need in wanted if need.start <= start and end <= need.end)
            staff = sum(duty.shift.start <= start and end <= duty.shift.end for duty in by_role[role])
            last = slots[-1] if slots else None
            if last and (last.role, last.end, last.need, last.staff) == (role, start, heads, staff):
                slots[-1] = Slot(role, last.start, end, heads, staff)
            elif heads > 0 or staff:
                slots.append(Slot(role, start, end, heads, staff))
    return tuple(slots)


class _Model:
    """The CP-SAT model of a problem; `chosen` holds the Boolean of each candidate."""

    def __init__(self, problem: Problem) -> None:
        from ortools.sat.python import cp_model

        self.problem = problem
        self.model = cp_model.CpModel()
        candidates = list(dict.fromkeys([*problem.candidates, *problem.locked]))
        self.chosen: dict[Duty, Any] = {duty: self.model.new_bool_var(f"x{n}") for n, duty in enumerate(candidates)}
        self.terms: list[Any] = []
        for duty in problem.locked:
            self.model.add(self.chosen[duty] == 1)
        for person in sorted({duty.person for duty in candidates}):
            self._person(problem.people[person])
        self._cover()
        self._wishes()
        self.model.minimize(sum(self.terms))

    def _person(self, person: Person) -> None:
        own: dict[Shift, list[Any]] = defaultdict(list)
        for duty, chosen in self.chosen.items():
            if duty.person == person.id:
                own[duty.shift].append(chosen)
        standing = [duty.shift for duty in self.problem.standing if duty.person == person.id]
        self._rest(own, standing)
        days = self._days(own, standing)
        self._weeks(person, own, standing, days)
        self._weekends(person, own)
        rules = self.problem.rules
        for shift, variables in own.items():
            factor = 1 + (HOLIDAY_EXTRA if shift.holiday else 0)
            wage = person.pay * shift.paid_min * factor / 60 + rules.change_cost
            self.terms += [round(wage * UNIT) * variable for variable in variables]

    def _rest(self, own: Mapping[Shift, list[Any]], standing: Sequence[Shift]) -> None:
        rest = self.problem.rules.min_rest_min
        shifts = sorted(own, key=lambda shift: (shift.start, shift.end))
        for n, shift in enumerate(shifts):
            self.model.add_at_most_one(own[shift])
            if any(not _compatible(shift, other, rest) for other in standing):
                self.model.add(sum(own[shift]) == 0)
            for later in shifts[n + 1 :]:
                if later.start > shift.end + timedelta(minutes=rest) and later.day != shift.day:
                    break
                if not _compatible(shift, later, rest):
                    self.model.add_at_most_one(own[shift] + own[later])

    def _days(self, own: Mapping[Shift, list[Any]], standing: Sequence[Shift]) -> dict[date, Any]:
        """Whether each day is worked, as an expression; no row of worked days is longer than the limit."""
        days: dict[date, Any] = {shift.day: 1 for shift in standing}
        for shift in own:
            if not isinstance(days.get(shift.day), int):
                days[shift.day] = sum(variable for other, variables in own.items() if other.day == shift.day for variable in variables)
        longest = self.problem.rules.max_days_row
        for first in {shift.day - timedelta(days=back) for shift in own for back in range(longest + 1)}:
            row = [days.get(first + timedelta(days=n), 0) for n in range(longest + 1)]
            if sum(isinstance(day, int) and day == 0 for day in row) == 0:
                self.model.add(sum(row) <= longest)
        return days

    def _weeks(self, person: Person, own: Mapping[Shift, list[Any]], standing: Sequence[Shift], days: Mapping[date, Any]) -> None:
        """Hours above the week's are overtime, within what the month leaves; a seventh day of a week is rest-day work."""
        overtime = []
        for year, week in sorted({shift.week for shift in own}):
            worked = sum(shift.paid_min for shift in standing if shift.week == (year, week))
            planned = sum(shift.paid_min * v for shift, variables in own.items() if shift.week == (year, week) for v in variables)
            extra = self.model.new_int_var(0, WEEK_DAYS * 24 * 60, "")
            self.model.add(worked + planned - self.problem.rules.max_week_min <= extra)
            overtime.append(extra)
            self.terms.append(round(person.pay * OVERTIME_EXTRA * UNIT / 60) * extra)
            monday = date.fromisocalendar(year, week, 1)
            six = [days.get(monday + timedelta(days=n), 0) for n in range(WEEK_DAYS - 1)]
            for shift, variables in own.items():
                if shift.day == monday + timedelta(days=WEEK_DAYS - 1):
                    seventh = self.model.new_bool_var("")
                    self.model.add(seventh >= sum(six) + sum(variables) - (WEEK_DAYS - 1))
                    self.terms.append(round(person.pay * shift.paid_min * REST_DAY_EXTRA * UNIT / 60) * seventh)
        already = sum(
            max(0, sum(s.paid_min for s in standing if s.week == week) - self.problem.rules.max_week_min) for week in {s.week for s in own}
        )
        self.model.add(sum(overtime) <= max(person.overtime_left_min, already))

    def _weekends(self, person: Person, own: Mapping[Shift, list[Any]]) -> None:
        """Weekend shifts above the four-week average of all people cost."""
        new = [variable for shift, variables in own.items() if shift.day.isoweekday() >= 6 for variable in variables]
        if not new:
            return
        heads = len(self.problem.people)
        total = sum(other.weekends for other in self.problem.people.values())
        above = self.model.new_int_var(0, heads * (len(new) + person.weekends + 1), "")
        self.model.add(above >= heads * (person.weekends + sum(new)) - total)
        self.terms.append(round(self.problem.rules.weekend_cost * UNIT / heads) * above)

    def _cover(self) -> None:
        rules = self.problem.rules
        by_role: dict[str, list[tuple[Shift, Any]]] = defaultdict(list)
        for duty, chosen in self.chosen.items():
            by_role[duty.role].append((duty.shift, chosen))
        for role in sorted({need.role for need in self.problem.needs} | set(by_role)):
            wanted = [need for need in self.problem.needs if need.role == role]
            there = [duty.shift for duty in self.problem.present if duty.role == role]
            lengths: dict[tuple[int, tuple[int, ...]], int] = defaultdict(int)
            spans = [(n.start, n.end) for n in wanted] + [(s.start, s.end) for s in there] + [(s.start, s.end) for s, _ in by_role[role]]
            for start, end in _stretches(spans):
                heads = sum(need.heads for need in wanted if need.start <= start and end <= need.end)
                heads -= sum(shift.start <= start and end <= shift.end for shift in there)
                able = tuple(n for n, (shift, _) in enumerate(by_role[role]) if shift.start <= start and end <= shift.end)
                lengths[round(heads * MILLI), able] += round((end - start).total_seconds() / 60)
            for (milli, able), minutes in lengths.items():
                staff = sum(by_role[role][n][1] for n in able)
                self._gap(milli, staff, len(able), minutes, rules)

    def _gap(self, milli: int, staff: Any, most: int, minutes: int, rules: Rules) -> None:
        """Cost of missing and needless staff where `milli` thousandths of a head are wanted and `staff` of `most` candidates come."""
        under = self.model.new_int_var(0, max(milli, 0), "")
        over = self.model.new_int_var(0, max(most * MILLI - milli, 0), "")
        self.model.add(under >= milli - MILLI * staff)
        self.model.add(over >= MILLI * staff - milli)
        scale = UNIT // MILLI // 60 * minutes
        self.terms += [rules.under_cost * scale * under, rules.over_cost * scale * over]

    def _wishes(self) -> None:
        cost = self.problem.rules.wish_cost * UNIT
        for wish in self.problem.wishes:
            own = [(duty.shift, chosen) for duty, chosen in self.chosen.items() if duty.person == wish.person]
            kept = self.model.new_bool_var("")
            if wish.off:
                for shift, chosen in own:
                    if not wish.kept(shift):
                        self.model.add_implication(kept, chosen.negated())
            else:
                self.model.add(kept <= sum(chosen for shift, chosen in own if wish.kept(shift)))
            self.terms.append(cost * (1 - kept))


def _compatible(one: Shift, other: Shift, rest_min: int) -> bool:
    """Whether one person may work both: different days, and the rest between them."""
    first, second = (one, other) if one.start <= other.start else (other, one)
    return one.day != other.day and second.start - first.end >= timedelta(minutes=rest_min)


def _longest_row(days: set[date], day: date) -> int:
    """Length of the row of worked days that a day stands in."""
    first = last = day
    while first - timedelta(days=1) in days:
        first -= timedelta(days=1)
    while last + timedelta(days=1) in days:
        last += timedelta(days=1)
    return (last - first).days + 1


def _stretches(spans: Iterable[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    edges = sorted({edge for span in spans for edge in span})
    return list(pairwise(edges))


def _meets(duty: Duty, need: Need) -> bool:
    return duty.role == need.role and duty.shift.start < need.end and need.start < duty.shift.end


def _covers(duty: Duty, slot: Slot) -> bool:
    return duty.role == slot.role and _shared_h(duty, slot) > 0


def _shared_h(duty: Duty, slot: Slot) -> float:
    """Hours of a slot that a duty of its role covers."""
    if duty.role != slot.role:
        return 0.0
    return max(0.0, (min(duty.shift.end, slot.end) - max(duty.shift.start, slot.start)).total_seconds() / 3600)


def _ordered(duties: Iterable[Duty]) -> tuple[Duty, ...]:
    return tuple(sorted(duties, key=lambda duty: (duty.shift.start, duty.person, duty.role)))
