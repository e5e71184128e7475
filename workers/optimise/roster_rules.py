"""Which rule keeps a person from a duty, what a roster costs, the roster of the thumb rule, and a cost that no roster can undercut."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Literal

from storeloom.workers.optimise.roster_problem import (
    WEEK_DAYS,
    Duty,
    Need,
    Person,
    Problem,
    Shift,
    Slot,
    Week,
    coverage,
    ordered,
    stretches,
)

OVERTIME_EXTRA, REST_DAY_EXTRA, HOLIDAY_EXTRA = 0.5, 1.0, 2.0
SATURDAY = 6
Rule = Literal["overlap", "day", "rest", "row", "contract", "overtime"]


def blocked(problem: Problem, duties: Sequence[Duty], duty: Duty) -> Rule | None:
    """The first rule that keeps a person from a duty besides others; None where it is free to be taken."""
    own = [other.shift for other in duties if other.person == duty.person]
    shift, rules, person = duty.shift, problem.rules, problem.people[duty.person]
    for other in own:
        if clash := between(shift, other, rules.min_rest_min):
            return clash
    if _longest_row({other.day for other in own} | {shift.day}, shift.day) > rules.max_days_row:
        return "row"
    minutes: dict[Week, int] = defaultdict(int)
    for other in [*own, shift]:
        minutes[other.week] += other.paid_min
    if person.most_week_min is not None and minutes[shift.week] > person.most_week_min:
        return "contract"
    planned = {other.shift.week for other in problem.candidates} | {shift.week}
    over = sum(max(0, minutes[week] - rules.max_week_min) for week in planned)
    return "overtime" if over > person.overtime_left_min else None


def is_legal(problem: Problem, duties: Sequence[Duty], duty: Duty) -> bool:
    """Whether a person may take a duty besides others: one a day, rest, days in a row, hours of the week with the overtime left."""
    return blocked(problem, duties, duty) is None


def between(one: Shift, other: Shift, rest_min: int) -> Rule | None:
    """What keeps one person from working two shifts: they overlap, lie on one day, or leave too little rest."""
    first, second = (one, other) if one.start <= other.start else (other, one)
    if second.start < first.end:
        return "overlap"
    if one.day == other.day:
        return "day"
    return "rest" if second.start - first.end < timedelta(minutes=rest_min) else None


def _longest_row(days: set[date], day: date) -> int:
    """Length of the row of worked days that a day stands in."""
    first = last = day
    while first - timedelta(days=1) in days:
        first -= timedelta(days=1)
    while last + timedelta(days=1) in days:
        last += timedelta(days=1)
    return (last - first).days + 1


def wage(person: Person, shift: Shift) -> float:
    """What a shift pays before overtime; on a public holiday threefold."""
    return person.pay * shift.paid_min * (1 + (HOLIDAY_EXTRA if shift.holiday else 0)) / 60


def slots_of(problem: Problem, duties: Sequence[Duty]) -> tuple[Slot, ...]:
    """How needs are covered by the duties chosen and those that stand, of all roles planned."""
    return coverage(problem.needs, [*problem.present, *duties], {duty.role for duty in problem.choices})


def price(problem: Problem, duties: Sequence[Duty]) -> float:
    """The cost that `shifts.solve` keeps low, counted from the duties: wages with their extras, missing and needless staff, wishes not
    kept, weekend and closing shifts above the average, changes. Extras of standing duties in weeks that are planned are in it."""
    rules, total = problem.rules, 0.0
    total += sum(rules.under_cost * slot.under_h + rules.over_cost * slot.over_h for slot in slots_of(problem, duties))
    for duty in duties:
        total += wage(problem.people[duty.person], duty.shift) + rules.change_cost
    for who in dict.fromkeys(duty.person for duty in problem.choices):
        total += _extras(problem, problem.people[who], [duty.shift for duty in duties if duty.person == who])
    for wish in problem.wishes:
        own = [wish.kept(duty.shift) for duty in duties if duty.person == wish.person]
        total += 0 if (all(own) if wish.off else any(own)) else rules.wish_cost
    return total


def _extras(problem: Problem, person: Person, own: Sequence[Shift]) -> float:
    """Overtime, seventh days, and what the spread of weekends and closings costs."""
    rules = problem.rules
    standing = [duty.shift for duty in problem.standing if duty.person == person.id]
    total, heads = 0.0, len(problem.people)
    for week in {duty.shift.week for duty in problem.choices if duty.person == person.id}:
        minutes = sum(shift.paid_min for shift in [*standing, *own] if shift.week == week)
        total += person.pay * OVERTIME_EXTRA / 60 * max(0, minutes - rules.max_week_min)
        days = {shift.day.isoweekday() for shift in [*standing, *own] if shift.week == week}
        sunday = [shift for shift in own if shift.week == week and shift.day.isoweekday() == WEEK_DAYS]
        if len(days) == WEEK_DAYS:
            total += sum(person.pay * shift.paid_min * REST_DAY_EXTRA / 60 for shift in sunday)
    for cost, before, new, every in (
        (rules.weekend_cost, person.weekends, sum(is_weekend(shift) for shift in own), [one.weekends for one in problem.people.values()]),
        (rules.closing_cost, person.closings, sum(shift.closing for shift in own), [one.closings for one in problem.people.values()]),
    ):
        average = sum(every) / heads
        total += cost * (max(0.0, before + new - average) - max(0.0, before - average))
    return total


def is_weekend(shift: Shift) -> bool:
    return shift.day.isoweekday() >= SATURDAY


def greedy(problem: Problem) -> tuple[Duty, ...]:
    """Largest gap first, filled with the cheapest legal person (of their shifts, the one that fills most), until nothing can be filled."""
    taken: list[Duty] = []
    own: dict[str, list[Duty]] = defaultdict(list)
    for duty in problem.standing:
        own[duty.person].append(duty)

    def take(duty: Duty) -> None:
        taken.append(duty)
        own[duty.person].append(duty)

    for duty in problem.locked:
        if is_legal(problem, own[duty.person], duty):
            take(duty)
    present, hopeless = problem.present, set[tuple[str, datetime]]()
    while True:
        slots = coverage(problem.needs, [*present, *taken])
        gaps = [slot for slot in slots if slot.under_h > 0 and (slot.role, slot.start) not in hopeless]
        if not gaps:
            return ordered(taken)
        gap = max(gaps, key=lambda slot: (slot.under_h, -slot.start.timestamp(), slot.role))
        fits = [duty for duty in problem.candidates if shared_h(duty, gap) > 0 and is_legal(problem, own[duty.person], duty)]
        if not fits:
            hopeless.add((gap.role, gap.start))
            continue
        filled = {id(duty): sum(shared_h(duty, slot) for slot in gaps) for duty in fits}
        take(min(fits, key=lambda duty: (problem.people[duty.person].pay, duty.person, -filled[id(duty)], duty.shift.start)))


def shared_h(duty: Duty, slot: Slot) -> float:
    """Hours of a slot that a duty of its role covers."""
    if duty.role != slot.role or duty.shift.start >= slot.end or duty.shift.end <= slot.start:
        return 0.0
    return (min(duty.shift.end, slot.end) - max(duty.shift.start, slot.start)).total_seconds() / 3600


def cover_bound(problem: Problem) -> float:
    """A cost that no roster undercuts, from the curve alone: each stretch is staffed as suits it best, every hour at the least wage that
    any candidate's shift there comes to, by no more people than there are. Rest, weeks and fairness can only add to it."""
    rules, total = problem.rules, 0.0
    by_role: dict[str, list[Duty]] = defaultdict(list)
    for duty in problem.choices:
        by_role[duty.role].append(duty)
    for role in sorted({need.role for need in problem.needs} | set(by_role)):
        wanted = [need for need in problem.needs if need.role == role]
        there = [duty.shift for duty in problem.present if duty.role == role]
        own = by_role[role]
        spans = [(need.start, need.end) for need in wanted] + [(s.start, s.end) for s in [*there, *(duty.shift for duty in own)]]
        for start, end in stretches(spans):
            able = [duty for duty in own if duty.shift.start <= start and end <= duty.shift.end]
            rate = min((_hourly(problem.people, duty) + _change(rules.change_cost, duty) for duty in able), default=0.0)
            heads = _heads(wanted, start, end) - sum(shift.start <= start and end <= shift.end for shift in there)
            hours = (end - start).total_seconds() / 3600
            total += hours * _least_cost(heads, len({duty.person for duty in able}), rate, rules.under_cost, rules.over_cost)
    return total


def _heads(wanted: Iterable[Need], start: datetime, end: datetime) -> float:
    return sum(need.heads for need in wanted if need.start <= start and end <= need.end)


def _least_cost(heads: float, most: int, rate: float, under: float, over: float) -> float:
    """The least cost of an hour over all numbers of staff: it is convex, so that only the numbers about the heads wanted and none count."""
    tries = {0, min(most, max(0, int(heads))), min(most, max(0, int(heads) + 1))}
    return min(staff * rate + under * max(0.0, heads - staff) + over * max(0.0, staff - heads) for staff in tries)


def _hourly(people: Mapping[str, Person], duty: Duty) -> float:
    return wage(people[duty.person], duty.shift) / _hours(duty.shift)


def _change(cost: float, duty: Duty) -> float:
    return cost / _hours(duty.shift)


def _hours(shift: Shift) -> float:
    return (shift.end - shift.start).total_seconds() / 3600
