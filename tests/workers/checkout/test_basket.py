"""An open basket: scans, prices, weights, receipt lines."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from storeloom.workers.checkout import basket
from storeloom.workers.pricing import Price

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
MILK = {"gtin": "6901234567892", "name": "Milk", "weight_g": 1000, "category": "dairy"}
APPLE = {"gtin": "2010001000006", "unit": "kg"}


def line(gtin: str, qty: float = 1, unit_g: float | None = 500, price: int = 650, per_kg: bool = False) -> dict[str, Any]:
    return {"gtin": gtin, "name": gtin, "qty": qty, "price": price, "per_kg": per_kg, "unit_g": unit_g}


def priced(lines: list[dict[str, Any]], **more: Any) -> basket.Totals:
    given = {"promotions": (), "coupons": (), "products": (MILK,), "member": None, "at": AT, "zone": UTC} | more
    return basket.reprice(lines, **given)


def test_a_scale_label_carries_product_and_weight() -> None:
    assert basket.read_scan({"code": "2310001012345"}, date(2026, 3, 2)) == ("02310001000007", 1234)
    assert basket.read_scan({"gtin": "1", "weight_g": 300}, date(2026, 3, 2)) == ("1", 300)
    assert basket.read_scan({"gtin": "1", "code": "6901234567890"}, date(2026, 3, 2)) == ("1", None)
    assert basket.read_scan({"code": "6901234567890"}, date(2026, 3, 2)) == (None, None)


def test_price_holds_to_its_last_moment_and_none_is_none() -> None:
    rows = [{"gtin": MILK["gtin"], "price": 1290, "per": "each", "from": "2026-03-01", "to": "2026-03-02"}]
    found = basket.price_now(MILK, rows, datetime(2026, 3, 1, 23, 59, tzinfo=UTC), None, UTC)
    assert found is not None and found.price == 1290
    assert basket.price_now(MILK, rows, AT, None, UTC) is None
    assert basket.price_now(MILK, [], AT, None, UTC) is None


def test_lines_weigh_what_the_label_or_the_table_says() -> None:
    assert basket.new_line(MILK, Price(MILK["gtin"], 1290, "each", "base"), 2, 40)["unit_g"] == 1000
    loose = basket.new_line(APPLE, Price(APPLE["gtin"], 398, "kg", "base"), 1, None)
    assert (loose["unit_g"], loose["per_kg"], loose["name"]) == (None, True, APPLE["gtin"])


def test_the_last_scanned_pieces_go_first() -> None:
    lines = [line("b", qty=2), line("a"), line("b")]
    assert basket.take_out(lines, "b", 2) == 2
    assert [(one["gtin"], one["qty"]) for one in lines] == [("b", 1), ("a", 1)]
    assert basket.take_out(lines, "b", 3) == 1
    assert basket.take_out(lines, "c", 1) == 0


def test_weighed_and_counted_lines_are_priced_together() -> None:
    lines = [line(MILK["gtin"], qty=2, price=1000), line(APPLE["gtin"], unit_g=1250, price=400, per_kg=True)]
    off = {"promo": "p", "kind": "percent", "value": 10, "category": "dairy", "to": "2026-03-03"}
    assert priced(lines, promotions=[off]) == (2300, 200, ())
    assert basket.receipt_lines(lines) == [
        {"line": 1, "gtin": MILK["gtin"], "qty": 2, "price": 1000, "amount": 1800, "entry": "scan", "discount": 200, "promo": "p"},
        {"line": 2, "gtin": APPLE["gtin"], "qty": 1, "price": 400, "amount": 500, "weight_g": 1250, "entry": "weigh"},
    ]
    assert [row["entry"] for row in basket.receipt_lines(lines, entry="vision")] == ["vision", "weigh"]


def test_loose_goods_cost_nothing_until_they_are_weighed() -> None:
    assert priced([line("a", unit_g=None, price=400, per_kg=True)]).total == 0


def test_coupons_that_reduced_are_named() -> None:
    coupon = {"coupon": "c1", "template": "t", "kind": "amount", "value": 100, "gtins": ["b"]}
    assert priced([line("b")], coupons=[coupon]) == (550, 100, ("c1",))


@pytest.mark.parametrize("weight, expected", [(2014, False), (1530, True), (1531, False), (1470, True)])
def test_two_percent_of_the_cart(weight: float, expected: bool) -> None:
    assert basket.fits(weight, [line("a", unit_g=1000), line("b")], 10, 2) is expected


def test_a_light_cart_has_its_grams() -> None:
    assert basket.fits(110, [line("a", unit_g=100)], 10, 2)
    assert not basket.fits(111, [line("a", unit_g=100)], 10, 2)


def test_one_loose_line_takes_the_rest() -> None:
    lines = [line("a"), line("b", qty=2, unit_g=None)]
    assert not basket.weigh_loose(510, lines, 10)
    assert basket.weigh_loose(900, lines, 10)
    assert lines[1]["unit_g"] == 200
    assert not basket.weigh_loose(1500, lines, 10)
    assert not basket.weigh_loose(900, [line("a", unit_g=None), line("b", unit_g=None)], 10)
