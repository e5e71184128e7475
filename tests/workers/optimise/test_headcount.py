"""How many contracts and on-call hours."""

from datetime import UTC, datetime

import pytest

from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.optimise.headcount import Contract, Headcount, base_load, cheapest, like_stores, monthly_attrition, quantile, weekly

FULL, PART = Contract(40, 160000), Contract(20, 70000)


def test_the_worked_week() -> None:
    found = cheapest(520 / 0.88, FULL, PART, 4500, 0.6, 0)
    assert (found.full, found.part, found.on_call, found.cost) == (9, 11, 11, 2259500)
    assert found.full_share == pytest.approx(360 / 591)


def test_it_is_the_cheapest_of_all() -> None:
    for paid in (10.0, 61.5, 100.0, 233.3):
        for share in (0.0, 0.5, 1.0):
            options = [
                (n * 160000 + m * 70000 + g * 4500, g)
                for n in range(9)
                for m in range(15)
                for g in range(240)
                if 40 * n + 20 * m + g >= paid and 40 * n >= share * (40 * n + 20 * m + g)
            ]
            found = cheapest(paid, FULL, PART, 4500, share, 0)
            assert (found.cost, found.on_call) == min(options)


def test_ties_go_to_fewer_on_call_hours_and_contracts_cover_what_they_must() -> None:
    assert cheapest(40, FULL, Contract(20, 80000), 4000, 0.0, 0) == Headcount(1, 0, 0, 160000, 1.0)
    assert cheapest(30, FULL, PART, 100, 0.0, 0) == Headcount(0, 0, 30, 3000, 0.0)
    assert cheapest(30, FULL, PART, 100, 0.0, 15) == Headcount(0, 1, 10, 71000, 0.0)
    with pytest.raises(ValueError, match="hours"):
        cheapest(30, Contract(0, 1), PART, 100, 0.0, 0)


def test_peaks_are_cut_off() -> None:
    # the 85 % quantile of 100, 100, 100, 200 lies at place 2.55: 155
    base, peak = base_load([100, 200, 100, 100], 0.85)
    assert (base, peak) == (pytest.approx((300 + 155) / 4), pytest.approx(45 / 4))
    assert base_load([520], 0.85) == (520, 0)
    assert quantile([1, 2, 3, 4, 5], 0.75) == 4


def test_attrition_and_like_stores() -> None:
    assert monthly_attrition(20, 20, 12) == pytest.approx(0.05)
    assert monthly_attrition(0, 0, 0) is None
    assert like_stores(100, {"a": (125, 5), "b": (126, 5), "c": (75, 3), "d": (100, 0)}, 0.25) == {"a": 25, "c": 25}


def test_weeks_begin_with_the_first_window_and_part_weeks_are_left_out() -> None:
    hours, now = StoreHours("UTC", {"open": "08:00", "close": "22:00"}), datetime(2026, 4, 1, 6, tzinfo=UTC)

    def at(day: int, hour: int = 0) -> datetime:
        return datetime(2026, 4, day, hour, tzinfo=UTC)

    slots = [("till", at(day, 8), at(day, 18), 20.0) for day in range(1, 17)]
    past = [("till", at(1, 0), at(1, 6), 99.0)]
    found = weekly([*past, *slots, ("stock", at(5), at(12), 70.0)], hours, now, 13)
    assert (found.start, found.count) == (at(1), 2)
    assert found.sums == {"till": pytest.approx((140, 140)), "stock": pytest.approx((30, 40))}
    assert weekly(past, hours, now, 13).count == 0
