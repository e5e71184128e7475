"""Rosters of a pool: versions, withdrawn and moved shifts, needs by slot, the days that matter, and what is forgotten."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from storeloom.workers.optimise.lending import Loan, Need, Stint
from storeloom.workers.optimise.pool_rosters import PoolRosters

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


def stint(staff="li", store="A", start=10, end=18, role="cashier"):
    return Stint(staff, store, role, MONDAY + start * HOUR, MONDAY + end * HOUR)


@pytest.fixture
def state():
    return {}


@pytest.fixture
def rosters(state):
    return PoolRosters(lambda at: at.date(), state)


def test_a_shift_is_known_by_its_store_and_id(rosters, state):
    assert rosters.fix("s1", 1, stint()) == [stint()]
    assert rosters.fix("s1", 1, stint("wang", "B")) == [stint("wang", "B")]
    assert rosters.stints([MONDAY.date()]) == [stint(), stint("wang", "B")]
    assert json.loads(json.dumps(state)) == state


def test_a_change_tells_what_was_and_what_is(rosters):
    rosters.fix("s1", 1, stint())
    assert rosters.fix("s1", 1, stint()) == []
    moved = stint(start=34, end=42)
    assert rosters.fix("s1", 2, moved) == [stint(), moved]
    assert rosters.stints([MONDAY.date()]) == [] and rosters.stints([moved.start.date()]) == [moved]


def test_an_older_version_counts_for_nothing_even_after_a_withdrawal(rosters):
    rosters.fix("s1", 3, stint())
    assert rosters.fix("s1", 4, stint(), withdrawn=True) == [stint()]
    assert rosters.fix("s1", 3, stint()) == [] and rosters.stints([MONDAY.date()]) == []


def test_needs_by_slot(rosters):
    first, second, end = (MONDAY + hour * HOUR for hour in (10, 11, 12))
    assert rosters.require("A", "cashier", first, second, 3) == 0
    rosters.require("A", "cashier", second, end, 4)
    assert rosters.require("A", "cashier", first, second, 2) == 3
    assert rosters.required([MONDAY.date()])("A", "cashier") == [(first, second, 2), (second, end, 4)]
    assert rosters.required([MONDAY.date()])("B", "cashier") == []


def test_two_days_around_a_need_matter(rosters):
    night = Need("g", "B", "cashier", MONDAY + 22 * HOUR, MONDAY + 25 * HOUR, 1)
    assert [str(day) for day in rosters.days([night])] == [f"2026-{day}" for day in ("02-28", "03-01", "03-02", "03-03", "03-04", "03-05")]
    assert rosters.days([]) == []


@pytest.mark.parametrize(("start", "end", "shift"), [(10, 18, "s1"), (10, 17, None), (11, 18, None)])
def test_a_loan_of_a_whole_shift_is_that_shift(rosters, start, end, shift):
    rosters.fix("s1", 1, stint())
    need = Need("g", "B", "cashier", MONDAY + start * HOUR, MONDAY + end * HOUR, 1)
    assert rosters.home_shift(Loan(need, "li", "A", 20, need.start, need.end)) == shift


def test_past_days_are_forgotten_with_all_that_hangs_on_them(rosters, state):
    kept = stint("wang", "B", start=34, end=42)
    rosters.fix("s1", 1, stint())
    rosters.fix("s2", 1, kept)
    rosters.require("A", "cashier", MONDAY, MONDAY + HOUR, 3)
    rosters.forget(kept.start.date())
    assert sorted(state) == ["roster:2026-03-03:B", "shift:B|s2"]
