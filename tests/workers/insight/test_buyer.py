"""A member's purchases: days, gaps, basket, what is owned and in which sizes, by hand."""

from datetime import date

import pytest

from storeloom.workers.gs1 import item_key
from storeloom.workers.insight import buyer

PRODUCTS = {
    "a": {"size": "M", "category": "tops"},
    "b": {"size": "L", "category": "tops"},
    "s": {"size": "38", "category": "shoes"},
    "c": {"category": "care"},
}


def record(*buys):
    made = {}
    for number, (day, amount, pieces) in enumerate(buys):
        assert buyer.enter(made, f"r{number}", date.fromisoformat(day), amount, pieces)
    return made


def test_a_repeat_is_told_and_old_receipts_go():
    made = record(*[(f"2026-01-{n % 28 + 1:02d}", 100, {}) for n in range(buyer.KEPT + 1)])
    assert len(made["buys"]) == buyer.KEPT and made["buys"][0]["receipt"] == "r1"
    assert not buyer.enter(made, "r9", date(2026, 2, 1), 100, {})


def test_days_gap_and_basket():
    made = record(("2026-01-01", 100, {}), ("2026-01-01", 300, {}), ("2026-01-11", 200, {}), ("2026-01-31", 600, {}))
    assert buyer.days(made) == [date(2026, 1, 1), date(2026, 1, 11), date(2026, 1, 31)]
    assert buyer.usual_gap(buyer.days(made)) == 15 and buyer.mean_basket(made) == 300
    assert buyer.usual_gap([date(2026, 1, 1)]) is None and buyer.mean_basket({}) is None


def test_what_comes_back_is_owned_no_more():
    made = record(("2026-01-01", 300, {"a": 2, "s": 1}), ("2026-01-05", 100, {"b": 1}))
    assert not buyer.give_back(made, "r0", -100, {"s": -1})
    assert buyer.owned(made) == {"a": 2, "b": 1} and buyer.mean_basket(made) == 150
    assert buyer.give_back(made, "r1", -100, {"b": -1}) and buyer.days(made) == [date(2026, 1, 1)]
    assert not buyer.give_back(made, "r7", -1, {"a": -1})
    buyer.void(made, "r0")
    assert buyer.owned(made) == {}


def test_the_own_size_is_the_most_bought_then_the_latest():
    made = record(("2026-01-01", 1, {"a": 1, "s": 3}), ("2026-01-05", 1, {"b": 1, "c": 1}))
    own = buyer.sizes(made, PRODUCTS)
    assert own == {"tops": "L", "shoes": "38", None: "38"}
    assert buyer.sizes(record(("2026-01-01", 1, {"a": 2}), ("2026-01-05", 1, {"b": 1})), PRODUCTS)["tops"] == "M"


@pytest.mark.parametrize(("product", "fits"), [("a", False), ("b", True), ("s", True), ("c", True)])
def test_own_size_by_category(product, fits):
    assert buyer.fits(PRODUCTS[product], {"tops": "L", "shoes": "38", None: "38"}) is fits
    assert buyer.fits(PRODUCTS[product], {}) and not buyer.fits({"size": "S", "category": "hats"}, {None: "38"})


def test_pieces_of_lines():
    lines = [{"gtin": "06901234567892", "qty": 1}, {"gtin": "6901234567892", "qty": 2}, {"gtin": "7", "qty": -1}]
    assert buyer.pieces(lines) == {item_key("6901234567892"): 3, item_key("7"): -1}
