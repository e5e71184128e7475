"""Cash, rounding, and what may come back."""

import pytest

from storeloom.workers.checkout import tender


@pytest.mark.parametrize(
    ("due", "given", "unit", "taken", "change"),
    [(2923, 3000, 1, 2923, 77), (2923, 3000, 5, 2923, 75), (2922, 2920, 5, 2922, 0), (970, 2000, 50, 970, 1050), (970, 900, 50, 900, 0),
     (970, None, 50, 970, 0), (2, 0, 5, 2, 0)],
)  # fmt: skip
def test_cash_pays_the_rounded_rest(due, given, unit, taken, change):
    assert tender.cash(due, given, unit) == (taken, change)


def test_pieces_come_back_at_what_was_paid_and_never_more_than_were_sold():
    kept = tender.sold_lines([{"line": 1, "gtin": "A", "qty": 3, "price": 400, "amount": 1000}])
    amounts = [tender.take_back(kept, "A", None, 1)[0]["amount"] for _ in range(3)]
    assert sum(amounts) == -1000 and tender.take_back(kept, "A", None, 1) == []


def test_a_whole_receipt_comes_back_but_what_came_before():
    kept = tender.sold_lines(
        [
            {"line": 1, "gtin": "A", "qty": 2, "price": 400, "amount": 800},
            {"line": 2, "gtin": "B", "qty": 1, "price": 5, "amount": 5, "weight_g": 90},
        ]
    )
    tender.take_back(kept, None, 1, 1)
    back = tender.take_back(kept, None, None, None)
    assert [(row["gtin"], row["qty"], row["amount"]) for row in back] == [("A", -1, -400), ("B", -1, -5)] and back[1]["weight_g"] == -90
    assert tender.take_back(kept, "B", None, 5) == []


def test_money_goes_back_the_way_it_came():
    paid = [{"method": "cash", "amount": 970}, {"method": "card", "payment": "R1-1", "amount": 1000}]
    assert tender.refund_parts(paid, 600) == [{"method": "card", "payment": "R1-1", "amount": 600}]
    assert tender.refund_parts(paid, 600) == [{"method": "card", "payment": "R1-1", "amount": 400}, {"method": "cash", "amount": 200}]
