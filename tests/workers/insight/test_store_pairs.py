"""Pairs of stores by hand."""

import pytest

from storeloom.workers.insight.store_pairs import Profile, change, closest, kept_weeks


def profile(store: str, *sales: float, receipts: float = 10) -> Profile:
    return Profile(store, sales, [receipts] * len(sales))


def test_the_closest_are_paired_first_and_each_store_once() -> None:
    found = closest([profile("D", 40, 40), profile("A", 10, 10), profile("C", 12, 12), profile("B", 11.5, 11.5)], 2)
    assert [pair.stores for pair in found] == [("B", "C"), ("A", "D")]
    assert len(closest([profile(name, 1, 1) for name in "ABCDE"], 9)) == 2
    assert closest([], 3) == closest([profile("A", 1, 1)], 3) == []


def test_trend_and_receipts_tell_stores_of_equal_sales_apart() -> None:
    rising = [profile("A", 8, 10, 12), profile("B", 12, 10, 8), profile("C", 8, 10, 12), profile("D", 12, 10, 8)]
    assert [pair.stores for pair in closest(rising, 2)] == [("A", "C"), ("B", "D")]
    busy = [
        profile("A", 9, 9, receipts=5),
        profile("B", 9, 9, receipts=50),
        profile("C", 9, 9, receipts=50),
        profile("D", 9, 9, receipts=5),
    ]
    assert [pair.stores for pair in closest(busy, 2)] == [("A", "D"), ("B", "C")]


def test_weeks_without_the_item_are_left_out_and_half_of_them_must_stay() -> None:
    assert kept_weeks([100, 85.7, 90, 100], 90) == [0, 2, 3]
    assert kept_weeks([100, 0], 90) == [0]
    assert kept_weeks([100, 0, 0], 90) is None
    assert change([10, 20], [30, 99, 50], [0, 2]) == pytest.approx(25)
