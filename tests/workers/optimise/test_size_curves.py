"""What share each size sells, and whole pieces of it."""

import pytest

from storeloom.workers.optimise.size_curves import allocate, corrected, curve, in_order, middle_first, pack, store_pieces, whole

CHAIN = {"S": 0.2, "M": 0.4, "L": 0.3, "XL": 0.1}
SHARES = {"S": 14, "M": 33, "L": 17, "XL": 6}


def test_sizes_in_their_order():
    assert in_order(["XL", "M", "S", "L"]) == ["S", "M", "L", "XL"]
    assert in_order(["38", "36.5", "one"]) == ["36.5", "38", "one"]
    assert middle_first(["S", "M", "L", "XL"]) == ["M", "L", "S", "XL"]


def test_sales_are_corrected_for_the_weeks_without_stock():
    assert corrected(2, 8, 4) == 4
    assert corrected(2, 8, 0) == 8
    assert corrected(2, 8, 9) == 2
    assert corrected(2, 1, 0.1) == 4
    assert corrected(0, 8, 0) == 0


def test_a_curve_leans_on_the_chain():
    found = curve({"S": 10, "M": 25, "L": 11, "XL": 4, "XXL": 9}, CHAIN, 20)
    assert found == {size: pytest.approx(units / 70) for size, units in SHARES.items()}
    assert curve({}, CHAIN, 0) == CHAIN


def test_whole_pieces_by_the_largest_remainder():
    first = middle_first(SHARES)
    assert whole(SHARES, 60, first) == {"S": 12, "M": 28, "L": 15, "XL": 5}
    assert whole(SHARES, 42, first) == {"S": 8, "M": 20, "L": 10, "XL": 4}
    assert whole({"S": 1, "M": 1, "L": 1}, 4, middle_first(["S", "M", "L"])) == {"S": 1, "M": 2, "L": 1}


def test_core_sizes_or_nothing():
    assert store_pieces(CHAIN, 2, ("S", "M", "L"), 1) is None
    assert store_pieces({"S": 0.05, "M": 0.8, "L": 0.15}, 3, ("S", "M", "L"), 1) == {"S": 1, "M": 1, "L": 1}
    assert store_pieces({"38": 0.5, "39": 0.5}, 1, ("S", "M", "L"), 1) == {"38": 1, "39": 0}


def test_the_share_of_a_store_that_gets_none_goes_to_the_others():
    bought = {"S": 12, "M": 28, "L": 15, "XL": 5}
    found = allocate(42, {"A": 40, "B": 2}, {"A": SHARES, "B": SHARES}, ("S", "M", "L"), 1, bought)
    assert found == {"A": {"S": 8, "M": 20, "L": 10, "XL": 4}}
    assert allocate(2, {"A": 1}, {"A": SHARES}, ("S", "M", "L"), 1, bought) == {}


def test_no_more_of_a_size_than_was_bought():
    found = allocate(4, {"A": 1, "B": 1}, {"A": {"S": 0.6, "M": 0.4}, "B": {"S": 0.9, "M": 0.1}}, (), 0, {"S": 2, "M": 2})
    assert sum(pieces["S"] for pieces in found.values()) == 2
    assert sum(pieces["M"] for pieces in found.values()) == 2


def test_packs_and_loose_pieces():
    packs = {"P": {"S": 1, "M": 2, "L": 1}}
    assert pack({"S": 3, "M": 6, "L": 4}, packs, 1.0) == ({"P": 3}, {"L": 1})
    assert pack({"S": 3, "M": 6, "L": 4}, packs, 0.1) == ({"P": 3}, {})
    assert pack({"S": 2}, {}, 2.0) == ({}, {"S": 2})
