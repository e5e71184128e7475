"""Rosters against every roster there is on small instances, rules that must hold on any, and what to relax where none keeps them all."""

import itertools
import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storeloom.workers.optimise.plans import PlanFault
from storeloom.workers.optimise.roster_rules import cover_bound
from storeloom.workers.optimise.shifts import Duty, Need, Person, Problem, Rules, Shift, Wish, greedy, price, solve

MONDAY = date(2026, 3, 2)


def at(day, hour):
    return datetime(MONDAY.year, MONDAY.month, MONDAY.day, tzinfo=UTC) + timedelta(days=day, hours=hour)


def shift(day, start, end, **more):
    return Shift(MONDAY + timedelta(days=day), at(day, start), at(day, end), (end - start) * 60, **more)


def chance(seed, first=4, days=3, people=3):
    """Friday to Sunday, an early and a late shift (which closes), people of unlike pay, contracts and skills."""
    rng = random.Random(seed)
    shifts = [shift(day, *hours, closing=hours[1] == 22) for day in range(first, first + days) for hours in ((8, 15), (14, 22))]
    staff = {
        f"p{n}": Person(
            f"p{n}",
            rng.randrange(1800, 2600),
            rng.choice((0, 240)),
            rng.randrange(4),
            rng.randrange(4),
            rng.choice((0, 0, 420, 900)),
            rng.choice((None, 960)),
        )
        for n in range(people)
    }
    duties = [Duty(who, "cashier", one) for who in staff for one in shifts if rng.random() < 0.6][:11]
    needs = [Need("cashier", at(day, 8), at(day, 22), rng.choice((1, 1.5, 2)), rng.choice((0, 0, 1))) for day in range(first, first + days)]
    standing = [Duty("p0", "cashier", shift(first - 1, 14, 22))] if rng.random() < 0.5 else []
    wishes = [Wish("p1", at(first, 0), at(first + 1, 0), off=True), Wish("p2", at(first, 8), at(first, 15))]
    rules = Rules(
        max_week_min=rng.choice((900, 2400)), max_days_row=rng.choice((2, 6)), closing_cost=300, under_cost=rng.choice((2500, 9000))
    )
    locked = [rng.choice(duties)] if duties and rng.random() < 0.5 else []
    return Problem(staff, needs, duties, standing, locked, wishes, rules)


def legal(problem, duties):
    """All rules but least numbers and contracts, counted from the calendar."""
    for who in problem.people:
        own = sorted((d.shift for d in [*problem.standing, *duties] if d.person == who), key=lambda s: s.start)
        for one, other in itertools.pairwise(own):
            if one.day == other.day or (other.start - one.end).total_seconds() < 60 * problem.rules.min_rest_min:
                return False
        worked = {s.day for s in own}
        longest = problem.rules.max_days_row
        if any(all(day + timedelta(days=n) in worked for n in range(longest + 1)) for day in worked):
            return False
        weeks = {s.week for s in own if s.day >= min(d.shift.day for d in problem.choices)}
        over = [max(0, sum(s.paid_min for s in own if s.week == week) - problem.rules.max_week_min) for week in weeks]
        if sum(over) > problem.people[who].overtime_left_min:
            return False
    return True


def keeps(problem, duties):
    """Locks, least numbers, contracts."""
    if not set(problem.locked) <= set(duties):
        return False
    planned = {d.person for d in problem.choices}
    for who in planned:
        minutes = sum(d.shift.paid_min for d in [*problem.standing, *duties] if d.person == who)
        person = problem.people[who]
        if minutes < person.least_week_min or (person.most_week_min is not None and minutes > person.most_week_min):
            return False
    return all(staff(problem, duties, hour) >= need.least for need in problem.needs for hour in hours(need))


def hours(need):
    start = need.start
    while start < need.end:
        yield start
        start += timedelta(hours=1)


def staff(problem, duties, hour):
    return sum(d.shift.start <= hour < d.shift.end for d in [*problem.standing, *duties])


def cost(problem, duties):
    """The objective by the hour, in the words of the catalogue."""
    rules, people, total = problem.rules, problem.people, 0.0
    days = {d.shift.day for d in problem.choices} | {need.start.date() for need in problem.needs}
    for day in days:
        for hour in (datetime(day.year, day.month, day.day, n, tzinfo=UTC) for n in range(24)):
            wanted = sum(need.heads for need in problem.needs if need.start <= hour < need.end)
            there = staff(problem, duties, hour)
            total += rules.under_cost * max(0, wanted - there) + rules.over_cost * max(0, there - wanted)
    for duty in duties:
        total += people[duty.person].pay * duty.shift.paid_min / 60
    for who in {d.person for d in problem.choices}:
        new = [d.shift for d in duties if d.person == who]
        minutes = sum(s.paid_min for s in new) + sum(d.shift.paid_min for d in problem.standing if d.person == who)
        total += people[who].pay / 2 * max(0, minutes - rules.max_week_min) / 60
        for kind, each, count in (
            ("weekends", rules.weekend_cost, sum(s.day.isoweekday() > 5 for s in new)),
            ("closings", 300, sum(s.closing for s in new)),
        ):
            average = sum(getattr(one, kind) for one in people.values()) / len(people)
            had = getattr(people[who], kind)
            total += each * (max(0, had + count - average) - max(0, had - average))
    off, early = problem.wishes
    total += rules.wish_cost * any(d.person == "p1" and not off.kept(d.shift) for d in duties)
    total += rules.wish_cost * (not any(d.person == "p2" and early.kept(d.shift) for d in duties))
    return total


def brute(problem):
    """The least cost over all sets of candidates that keep every rule; None where no set does."""
    choices, best = problem.choices, None
    for taken in itertools.product((False, True), repeat=len(choices)):
        duties = [duty for duty, chosen in zip(choices, taken, strict=True) if chosen]
        if legal(problem, duties) and keeps(problem, duties):
            worth = cost(problem, duties)
            best = worth if best is None else min(best, worth)
    return best


@pytest.mark.parametrize("seed", range(24))
def test_no_roster_is_cheaper(seed):
    problem = chance(seed)
    best, roster = brute(problem), solve(problem)
    if best is None:
        assert roster.proof.status == "infeasible" and roster.proof.proved and roster.proof.relax and roster.proof.binding
        return
    assert roster.proof.status == "optimal" and roster.proof.gap == pytest.approx(0, abs=1e-9)
    assert roster.proof.objective == pytest.approx(best, abs=0.01)
    assert price(problem, roster.duties) == pytest.approx(best, abs=0.01)
    assert legal(problem, roster.duties) and keeps(problem, roster.duties)
    assert cover_bound(problem) <= best + 1e-6


def test_both_answers_are_among_the_seeds():
    found = {brute(chance(seed)) is None for seed in range(24)}
    assert found == {True, False}


@settings(max_examples=15, deadline=None)
@given(st.integers(100, 10_000))
def test_no_roster_breaks_a_rule_of_law(seed):
    problem = chance(seed, first=0, days=7, people=4)
    for roster in (solve(problem, 0.2), greedy(problem)):
        assert legal(problem, roster.duties)
        if roster.proof.status != "infeasible":
            assert roster.proof.bound <= roster.proof.objective + 1e-6
            assert roster.proof.objective == pytest.approx(price(problem, roster.duties), abs=0.01)


def test_the_same_problem_gives_the_same_roster():
    problem = chance(7, first=0, days=7, people=4)
    assert solve(problem, 0.5) == solve(problem, 0.5)


def alone(**person):
    one = [shift(0, 8, 15), shift(1, 8, 15)]
    return Problem(
        {"li": Person("li", 2000, **person)}, [Need("cashier", s.start, s.end, 1) for s in one], [Duty("li", "cashier", s) for s in one]
    )


def test_a_lock_against_the_rest_of_law_is_what_gives():
    night = Duty("li", "cashier", shift(-1, 15, 23))
    problem = replace(alone(), standing=[night], locked=[Duty("li", "cashier", shift(0, 8, 15))])
    roster = solve(problem)
    (only,) = roster.proof.relax
    assert only.rule == "lock:li|2026-03-02T08:00:00+00:00|cashier" and only.en == "Do not ask li to work at 2026-03-02 08:00 as cashier."
    assert {note.rule.split(":")[0] for note in roster.proof.binding} == {"lock", "rest"}
    law = next(note for note in roster.proof.binding if note.rule == "rest:li")
    assert law.en == "Cannot be kept with the others: rest between shifts of li (law)." and law.zh.endswith("（法定）。")
    assert roster.made_by == "greedy" and [duty.shift.day.day for duty in roster.duties] == [3]


def test_a_house_rule_gives_where_that_is_fewer():
    """Three locks on three days against two days in a row: the one house rule, not the locks."""
    days = [shift(n, 8, 15) for n in range(6)]
    duties = [Duty("li", "cashier", s) for s in days]
    house = Problem(
        {"li": Person("li", 2000)}, [], duties, locked=duties, rules=Rules(max_days_row=1, law=frozenset({"rest"}), max_week_min=4000)
    )
    assert [note.rule for note in solve(house).proof.relax] == ["row:li"]
    law = replace(house, rules=replace(house.rules, law=frozenset({"row"})))
    assert {note.rule.split(":")[0] for note in solve(law).proof.relax} == {"lock"} and len(solve(law).proof.relax) == 3


def test_least_numbers_and_promised_hours_say_by_how_much():
    short = replace(alone(), needs=[Need("cashier", at(0, 8), at(0, 15), 1, least=3)])
    (note,) = solve(short).proof.relax
    assert (note.rule, note.by) == ("least:cashier|2026-03-02T08:00:00+00:00", 2) and "fall 2 short" in note.en
    (hours_,) = solve(alone(least_week_min=900)).proof.relax
    assert (hours_.rule, hours_.by) == ("least_hours:li|2026-W10", 60) and "少 60 分钟" in hours_.zh
    assert solve(alone(least_week_min=840)).proof.status == "optimal"
    (lock,) = solve(replace(alone(most_week_min=420), locked=alone().candidates)).proof.relax
    assert lock.rule.startswith("lock:li")
    three = [Duty("li", "cashier", shift(n, 8, 15)) for n in range(3)]
    (most,) = solve(replace(alone(most_week_min=420), candidates=three, locked=three)).proof.relax
    assert most.rule == "most_hours:li|2026-W10"


def test_promised_hours_are_planned_though_nobody_is_needed():
    idle = replace(alone(least_week_min=420), needs=[])
    roster = solve(idle)
    assert len(roster.duties) == 1 and "just the promised hours" in roster.proof.binding[0].en
    assert not solve(replace(idle, people={"li": Person("li", 2000)})).duties


def test_closings_go_to_whom_had_fewer():
    late = shift(0, 14, 22, closing=True)
    people = {"li": Person("li", 2000, closings=4), "wang": Person("wang", 2020)}
    problem = Problem(people, [Need("cashier", late.start, late.end, 1)], [Duty(who, "cashier", late) for who in people])
    assert [d.person for d in solve(problem).duties] == ["li"]
    assert [d.person for d in solve(replace(problem, rules=Rules(closing_cost=200))).duties] == ["wang"]


def test_a_gap_names_who_might_fill_it_and_why_not():
    night = Duty("li", "cashier", shift(-1, 15, 23))
    roster = solve(replace(alone(), standing=[night]))
    note = roster.proof.binding[0]
    assert note.by == 7 and note.en == "cashier 03-02 08:00-15:00 lacks 1: li: rest between shifts (law); nobody else may work there then."
    dear = solve(replace(alone(), rules=Rules(under_cost=1000)))
    assert "li: dearer than the gap" in dear.proof.binding[0].en and "li：成本高于缺岗" in dear.proof.binding[0].zh


def test_standing_shifts_that_break_rules_do_not_stop_the_others():
    """Seven days stand already; the eighth is not planned, the week after is."""
    stands = [Duty("li", "cashier", shift(n, 8, 12)) for n in range(7)]
    duties = [Duty("li", "cashier", shift(n, 8, 12)) for n in (7, 9)]
    needs = [Need("cashier", d.shift.start, d.shift.end, 1) for d in duties]
    roster = solve(Problem({"li": Person("li", 2000)}, needs, duties, standing=stands))
    assert roster.proof.status == "optimal" and [d.shift.day.day for d in roster.duties] == [11]


def test_all_faults_are_told_at_once():
    bad = Shift(MONDAY, at(0, 9), at(0, 8), -5)
    naive = Need("cashier", datetime(2026, 3, 2, 9), datetime(2026, 3, 2, 8), float("nan"), -1)
    people = {"li": Person("li", -1, least_week_min=600, most_week_min=500)}
    problem = Problem(
        people,
        [naive],
        [Duty("li", "cashier", bad), Duty("x", "cashier", shift(0, 9, 10))],
        rules=Rules(min_rest_min=-1, law=frozenset({"tea"})),
    )
    with pytest.raises(PlanFault) as fault:
        solve(problem)
    assert len(fault.value.findings) == 11
    text = str(fault.value)
    for word in (
        "pay is -1",
        "most_week_min is 500",
        "end is",
        "paid_min is -5",
        "heads is nan",
        "least is -1",
        "min_rest_min is -1",
        "tea",
        "with and without a zone",
        "person names x",
    ):
        assert word in text, word
    with pytest.raises(PlanFault):
        greedy(problem)


def test_nothing_needed_and_nobody_there():
    empty = solve(Problem({}, [], []))
    assert (empty.proof.status, empty.proof.objective, empty.duties) == ("optimal", 0, ())
    lonely = solve(Problem({}, [Need("cashier", at(0, 8), at(0, 9), 1)], []))
    assert lonely.proof.status == "optimal" and lonely.proof.objective == 10000 and "nobody else may work" in lonely.proof.binding[0].en
