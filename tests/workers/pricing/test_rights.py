from datetime import UTC, datetime

from storeloom.workers.pricing import PriceBook, index_products, rights

EGGS, MILK = "6900000000101", "6900000000102"
PRODUCTS = index_products([{"gtin": EGGS, "category": "eggs"}, {"gtin": MILK, "category": "milk"}])
BOOK = PriceBook([{"gtin": EGGS, "price": 1000}, {"gtin": MILK, "price": 600}], products=PRODUCTS)
OFFER = {"promo": "p1", "kind": "fixed", "gtins": [EGGS], "value": 700}
AT = datetime(2026, 3, 2, tzinfo=UTC)


def priced(lines, left, *promotions):
    return rights.priced(lines, [OFFER, *promotions], left, BOOK, PRODUCTS, None, AT, UTC)


def test_units_beyond_the_right_cost_the_regular_price():
    found = priced([{"line": 1, "gtin": EGGS, "qty": 3}, {"line": 2, "gtin": MILK, "qty": 1}], {"p1": 2})
    assert (found.total, found.savings, found.used) == (3000, 600, {"p1": 2})
    assert found.lines[0] == {"line": 1, "gtin": EGGS, "qty": 3, "price": 1000, "discount": 600, "amount": 2400, "promo": "p1"}


def test_a_right_runs_over_lines_and_may_be_used_up():
    lines = [{"line": 1, "gtin": EGGS, "qty": 1}, {"line": 2, "gtin": EGGS, "qty": 1}]
    assert [line["amount"] for line in priced(lines, {"p1": 1}).lines] == [700, 1000]
    assert priced(lines, {"p1": 0}).used == {"p1": 0}


def test_other_promotions_hold_for_the_rest():
    found = priced([{"line": 1, "gtin": EGGS, "qty": 2}], {"p1": 1}, {"promo": "p2", "kind": "percent", "category": "eggs", "value": 10})
    assert found.total == 700 + 900


def test_weighed_goods_count_as_one_unit():
    assert [
        sorted(blocked) for _, blocked in rights.split([{"line": 1, "gtin": EGGS, "qty": 1, "weight_g": 500}], [OFFER], {"p1": 0}, PRODUCTS)
    ] == [["p1"]]
