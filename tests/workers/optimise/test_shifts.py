"""Rosters against days small enough to solve by hand."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from storeloom.workers.optimise.shifts import Duty, Need, Person, Problem, Rules, Shift, Wish, coverage, greedy, is_legal, solve

MONDAY = date(2026, 3, 2)


def at(hour: float, day: date = MONDAY) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=hour)


def shift(start: float, end: float, day: date = MONDAY, *, holiday: bool = False) -> Shift:
    return Shift(day, at(start, day), at(end, day), round((end - start) * 60), holiday)


EARLY, LATE = shift(9, 17), shift(13, 21)
NEEDS = (Need("cashier", at(9), at(13), 1), Need("cashier", at(13), at(17), 2), Need("cashier", at(17), at(21), 1))
PEOPLE = {"li": Person("li", 2400), "wang": Person("wang", 2200), "zhao": Person("zhao", 2500)}
LAST_NIGHT = Duty("zhao", "cashier", Shift(MONDAY - timedelta(days=1), at(-9), at(-1), 480))


def day(*people: str, **rules: int) -> Problem:
    """The catalogue's day: Wang is there from 12:00 only, Zhao worked until 23:00 the evening before."""
    able = [Duty(who, "cashier", s) for who in people for s in (EARLY, LATE) if not (who == "wang" and s is EARLY)]
    return Problem(PEOPLE, NEEDS, able, standing=[LAST_NIGHT], rules=Rules(**rules))


def names(problem: Problem, work: float = 10) -> dict[str, Shift]:
    return {duty.person: duty.shift for duty in solve(problem, work).duties}


def test_catalogue_day() -> None:
    roster = solve(day("li", "wang", "zhao"), 10)
    assert {d.person: d.shift for d in roster.duties} == {"li": EARLY, "wang": LATE}
    assert roster.proof.status == "optimal"
    assert roster.proof.objective == pytest.approx(36800) == roster.proof.bound
    assert not any(slot.under_h or slot.over_h for slot in roster.slots)


def test_catalogue_day_with_absences() -> None:
    assert names(day("li", "zhao")) == {"li": EARLY, "zhao": LATE}
    alone = solve(day("li"), 10)
    assert len(alone.duties) == 1 and sum(slot.under_h for slot in alone.slots) == 8


def test_greedy_takes_the_largest_gap_and_the_cheapest() -> None:
    roster = greedy(day("li", "wang", "zhao"))
    assert {d.person: d.shift for d in roster.duties} == {"wang": LATE, "li": EARLY}
    assert (roster.made_by, roster.proof.status) == ("greedy", "feasible")
    assert roster.proof.objective == pytest.approx(36800) and 0 < roster.proof.bound <= 36800


def test_no_time_gives_the_greedy_roster() -> None:
    assert solve(day("li", "wang", "zhao"), 1e-9).made_by == "greedy"


def test_impossible_locks_give_the_greedy_roster() -> None:
    locked = (Duty("zhao", "cashier", EARLY), Duty("li", "cashier", LATE))
    roster = solve(replace(day("li", "wang"), locked=locked), 10)
    assert roster.made_by == "greedy" and Duty("li", "cashier", LATE) in roster.duties and locked[0] not in roster.duties


def test_lock_is_kept() -> None:
    assert names(replace(day("li", "wang", "zhao"), locked=(Duty("zhao", "cashier", LATE),)))["zhao"] == LATE


def test_staff_dearer_than_the_gap_stay_home() -> None:
    assert names(day("li", "wang", "zhao", under_cost=2300)) == {"wang": LATE}


def test_over_cost_is_on_top_of_wages() -> None:
    need = (Need("cashier", at(9), at(12), 1),)
    problem = Problem({"li": Person("li", 2400)}, need, [Duty("li", "cashier", EARLY)], rules=Rules(under_cost=8000, over_cost=0))
    assert len(solve(problem, 10).duties) == 1  # 3 x 80 > 8 x 24
    assert len(solve(replace(problem, rules=Rules(under_cost=8000, over_cost=1000)), 10).duties) == 0  # 240 < 192 + 5 x 10


def test_wish_tips_the_balance() -> None:
    people = {"li": Person("li", 2400), "wang": Person("wang", 2350)}
    problem = Problem(people, NEEDS[:1], [Duty(who, "cashier", shift(9, 13)) for who in people])
    assert list(names(problem)) == ["wang"]
    assert list(names(replace(problem, wishes=[Wish("li", at(9), at(13))]))) == ["li"]
    assert list(names(replace(problem, wishes=[Wish("wang", at(8), at(20), off=True)]))) == ["li"]
    assert list(names(replace(problem, wishes=[Wish("li", at(9), at(13))], rules=Rules(wish_cost=100)))) == ["wang"]


def week(days: int, hours: float = 8, **person: int) -> Problem:
    shifts = [shift(9, 9 + hours, MONDAY + timedelta(days=n)) for n in range(days)]
    needs = [Need("cashier", s.start, s.end, 1) for s in shifts]
    return Problem({"li": Person("li", 2000, **person)}, needs, [Duty("li", "cashier", s) for s in shifts])


def test_week_hours_and_overtime() -> None:
    assert len(solve(week(6), 10).duties) == 5
    worked = solve(week(6, overtime_left_min=480), 10)
    assert len(worked.duties) == 6 and worked.proof.objective == pytest.approx(48 * 2000 + 8 * 1000 + 200)
    assert len(solve(week(6, overtime_left_min=479), 10).duties) == 5
    assert len(greedy(week(6, overtime_left_min=479)).duties) == 5


def test_days_in_a_row_and_the_seventh_day() -> None:
    assert len(solve(week(7, 5), 10).duties) == 6 == len(greedy(week(7, 5)).duties)
    seven = solve(replace(week(7, 5), rules=Rules(max_days_row=7)), 10)
    assert len(seven.duties) == 7 and seven.proof.objective == pytest.approx(35 * 2000 + 5 * 2000 + 2 * 200)


def test_row_counts_last_week() -> None:
    before = [Duty("li", "cashier", shift(9, 13, MONDAY - timedelta(days=n))) for n in (1, 2, 3, 4)]
    assert {d.shift.day for d in solve(replace(week(3, 5), standing=before, rules=Rules(max_days_row=4)), 10).duties} == {
        MONDAY + timedelta(days=1),
        MONDAY + timedelta(days=2),
    }


def test_holiday_pays_three_times() -> None:
    feast = shift(9, 17, holiday=True)
    problem = Problem({"li": Person("li", 2000)}, [Need("cashier", at(9), at(17), 1)], [Duty("li", "cashier", feast)])
    assert solve(problem, 10).proof.objective == pytest.approx(3 * 8 * 2000)


def test_weekend_goes_to_whom_had_fewer() -> None:
    saturday = shift(9, 17, MONDAY + timedelta(days=5))
    people = {"li": Person("li", 2000, weekends=4), "wang": Person("wang", 2020, weekends=0)}
    need = [Need("cashier", saturday.start, saturday.end, 1)]
    problem = Problem(people, need, [Duty(who, "cashier", saturday) for who in people])
    assert list(names(problem)) == ["wang"]
    assert list(names(replace(problem, rules=Rules(weekend_cost=0)))) == ["li"]


def test_part_heads_and_slots() -> None:
    slots = coverage([Need("cashier", at(9), at(10), 1.5), Need("cashier", at(10), at(11), 1.5)], [Duty("li", "cashier", shift(9, 12))])
    assert [(s.start, s.end, s.under_h, s.over_h) for s in slots] == [(at(9), at(11), 1.0, 0.0), (at(11), at(12), 0.0, 1.0)]


def test_one_shift_a_day() -> None:
    problem = day("li")
    assert not is_legal(problem, [Duty("li", "cashier", shift(0, 2))], Duty("li", "cashier", LATE))
    assert is_legal(problem, [], Duty("li", "cashier", LATE))
