"""Orders that are fetched: picking, hand-over and returns, worked by hand."""

from __future__ import annotations

from typing import Any

from storeloom.workers.checkout import pickup_order as orders

RICE, MILK = "6900000000029", "6900000000012"


def placed(**more: Any) -> dict[str, Any]:
    lines = [
        {"line": 1, "gtin": RICE, "qty": 2, "price": 3500, "amount": 7000},
        {"line": 2, "gtin": MILK, "qty": 1, "price": 3000, "amount": 3000},
    ]
    data = {"order": "o", "channel": "app", "kind": "pickup", "lines": lines, "total": 9500, "delivery_fee": 500, "paid": True, **more}
    return orders.new_order(data, "o") | {"phase": "handed", "last": "2026-03-08"}


def test_what_was_paid_what_is_due_and_what_coupons_took_off() -> None:
    paid, unpaid = placed(), placed(paid=False, member="m1")
    assert (paid["total"], paid["due"], paid["coupon"], paid["to"]) == (9500, 0, 1000, "o")
    assert (unpaid["total"], unpaid["due"], unpaid["to"], orders.left(unpaid)) == (0, 9500, "m1", None)


def test_an_order_is_picked_when_each_line_was_or_was_not_there() -> None:
    lines = placed()["lines"]
    orders.pick(lines, [{"line": 1, "gtin": RICE, "asked": 2, "picked": 0}, {"line": 9, "gtin": RICE, "picked": 1}], None)
    assert not orders.is_picked(lines) and orders.pieces(lines) == [(MILK, 1)]
    orders.pick(lines, [{"line": 2, "gtin": MILK, "asked": 1, "picked": 1, "substitute": "6900000000036"}], "chilled")
    assert orders.is_picked(lines) and list(orders.goods(lines)) == ["2"]
    assert orders.product_of(lines["2"]) == "6900000000036" and lines["2"]["class"] == "chilled"


def test_a_line_comes_back_once_and_bears_its_share_of_the_coupon() -> None:
    order = placed()
    taken, refused = orders.take_back(
        order, [{"gtin": f"0{MILK}", "qty": 1}, {"gtin": MILK, "qty": 1}, {"gtin": "1", "qty": 1}], "2026-03-08"
    )
    assert [number for number, _ in taken] == ["2"] and [reason for reason, _ in refused] == ["returned_before", "not_on_order"]
    assert orders.refund(order) == 2700 and orders.refund(order) == 0
    taken, refused = orders.take_back(order, [{"gtin": RICE, "qty": 1}, {"gtin": RICE, "qty": 2}], "2026-03-01")
    assert [number for number, _ in taken] == ["1"] and refused[0][0] == "too_many" and orders.refund(order) == 3150


def test_what_was_not_picked_cannot_come_back_and_no_more_than_was_paid_is_refunded() -> None:
    order = placed()
    orders.pick(order["lines"], [{"line": 1, "gtin": RICE, "picked": 0}, {"line": 2, "gtin": MILK, "picked": 1}], None)
    assert orders.take_back(order, [{"gtin": RICE, "qty": 1}], "2026-03-08")[1][0][0] == "not_on_order"
    order["refunded"] = 9000
    assert orders.take_back(order, [{"gtin": MILK, "qty": 1}], "2026-03-08")[0] and orders.refund(order) == 500


def test_why_nothing_may_come_back() -> None:
    order = placed()
    assert orders.barred(None, "2026-03-01") == "not_found" and orders.barred({**order, "phase": "ready"}, "2026-03-01") == "not_collected"
    assert orders.barred(order, "2026-03-08") is None and orders.barred(order, "2026-03-09") == "too_late"
    assert orders.take_back(None, [{"gtin": MILK, "qty": 1}], "2026-03-01")[1][0][0] == "not_found"
