"""Kept answers: discounts that go on, and returns at the price paid."""

from typing import Any

from storeloom.workers.pricing.answers import keep_discounts, returned_lines


def line(number: int, gtin: str, qty: float, price: int, discount: int) -> dict[str, Any]:
    return {"line": number, "gtin": gtin, "qty": qty, "price": price, "discount": discount, "amount": round(price * qty) - discount}


MILK, SOAP = line(1, "milk", 2, 1500, 810), line(2, "soap", 1, 2600, 490)
BOUGHT = {"lines": [MILK, SOAP], "total": 4300, "savings": 1300}


def test_soap_refunds_what_it_cost() -> None:
    back: dict[str, dict[str, int]] = {}
    assert returned_lines(BOUGHT, back, "x1", [{"gtin": "soap", "qty": -1}]) == [{**SOAP, "qty": -1, "discount": -490, "amount": -2110}]
    assert back["2"] == {"x1": 1}
    assert len(returned_lines(BOUGHT, back, "x1", [{"gtin": "soap"}])) == 1  # asked again under the same receipt
    assert returned_lines(BOUGHT, back, "x2", [{"gtin": "soap"}]) == []  # it is back already


def test_pieces_sum_to_what_was_paid() -> None:
    odd = {"lines": [line(1, "milk", 3, 1000, 999)]}
    back: dict[str, dict[str, int]] = {}
    amounts = [returned_lines(odd, back, f"x{n}", [{"gtin": "milk", "qty": 1}])[0]["amount"] for n in range(3)]
    assert amounts == [-667, -667, -667]
    assert sum(amounts) == -2001
    assert returned_lines(odd, back, "x3", [{"gtin": "milk", "qty": 1}]) == []


def test_two_lines_of_one_product_give_back_one_after_the_other() -> None:
    twice = {"lines": [line(1, "milk", 1, 1500, 0), line(2, "milk", 1, 1500, 500)]}
    found = returned_lines(twice, {}, "x1", [{"gtin": "milk", "qty": 2}, {"gtin": "tea"}])
    assert [(row["line"], row["amount"]) for row in found] == [(1, -1500), (2, -1000)]


def test_weighed_goods_come_back_as_a_whole() -> None:
    found = returned_lines({"lines": [line(1, "ham", 0.5, 4000, 200)]}, {}, "x1", [{"gtin": "ham", "qty": 0.2}])
    assert [(row["qty"], row["amount"]) for row in found] == [(-0.5, -1800)]


def test_unchanged_lines_keep_their_discount() -> None:
    now = {"lines": [line(1, "milk", 2, 1500, 0), line(2, "soap", 2, 2600, 0)], "total": 8200, "savings": 0}
    assert keep_discounts(now, BOUGHT) == {"lines": [MILK, line(2, "soap", 2, 2600, 0)], "total": 7390, "savings": 810}
