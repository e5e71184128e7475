"""What joins an order and what leaves it."""

from math import inf

import pytest

from storeloom.workers.optimise.joint_fill import Item, fill, pull, put_off


def item(gtin, cover, case_days=1.0, value=100, load=(0.0,), units=0, fixed=False):
    return Item(gtin, cover, case_days, value, load, 6, units, fixed)


def test_cases_go_to_the_lowest_cover_until_enough():
    items = [item("X", 4), item("Y", 6, 2.0), item("Z", 12)]
    value = {"X": 6000, "Y": 5000, "Z": 1}
    pulled = pull(items, 10, 21, lambda: sum(value[one.gtin] * one.units / 6 for one in items) >= 60000)
    assert pulled == {"X": 8, "Y": 3}
    assert [one.cover for one in items] == [12, 12, 12]


def test_no_case_lifts_cover_beyond_the_limit_and_what_does_not_sell_is_none():
    items = [item("X", 4, 3.0), item("Y", 0, inf)]
    assert pull(items, 10, 12, lambda: False) == {"X": 2}


def test_a_full_load_takes_no_more_and_the_next_lowest_may_still_fit():
    items = [item("A", 1, load=(0.4,), units=12), item("B", 2, load=(0.2,))]
    assert fill(items) == pytest.approx(0.8)
    assert pull(items, 10, 30, lambda: False) == {"B": 1}


def test_cases_of_the_highest_cover_are_put_off_but_no_fixed_ones():
    items = [
        item("A", 9, load=(0.5, 0.1), units=12),
        item("B", 20, load=(0.5, 0.1), units=6, fixed=True),
        item("C", 8, load=(0.5, 0.1), units=6),
    ]
    assert put_off(items) == {"A": 12}
    assert fill(items) == pytest.approx(1.0)


def test_only_fixed_items_stay_over_the_load():
    items = [item("B", 20, load=(0.6,), units=12, fixed=True)]
    assert put_off(items) == {}
    assert fill(items) == pytest.approx(1.2)
    assert fill([]) == 0
