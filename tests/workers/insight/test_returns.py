"""Which lines of a return may come back, by hand."""

from datetime import UTC, datetime

import pytest

from storeloom.workers.insight import returns

ENDS = datetime(2026, 5, 8, 16, tzinfo=UTC)
BEFORE = datetime(2026, 5, 8, 10, tzinfo=UTC)
PRODUCTS = {"cup": {"category": "home"}, "fish": {"category": "fresh"}}
LINES = [
    {"line": 3, "gtin": "cup", "qty": 2, "price": 900},
    {"line": 4, "gtin": "fish", "qty": 1, "price": 500},
    {"line": 5, "gtin": "cup", "qty": 1, "price": 900},
]


def ask(sold, *lines, at=BEFORE, ends=ENDS):
    asked = [{"gtin": gtin, "qty": qty, "amount": -900 * qty} for gtin, qty in lines]
    return returns.judge(asked, sold, at, ends, lambda gtin: PRODUCTS.get(gtin, {}), ["fresh"])


def test_each_line_is_judged_by_itself_and_pieces_come_back_once():
    sold = returns.order("2026-05-01T02:00:00Z", LINES)
    found = ask(sold, ("cup", 2), ("fish", 1), ("cup", 2))
    assert found.allowed == [{"line": 3, "qty": 2, "amount": 1800}]
    assert [one["line"] for one in found.barred] == [4, 3] and found.reason == "category"
    assert sold["lines"]["cup" if "cup" in sold["lines"] else next(iter(sold["lines"]))]["qty"] == 1


@pytest.mark.parametrize(
    ("sold", "lines", "at", "ends", "reason"),
    [
        (None, [("cup", 9)], BEFORE, ENDS, None),
        (None, [("cup", 1)], BEFORE, None, "not_found"),
        (None, [("cup", 1)], ENDS, ENDS, "too_late"),
        (True, [("pan", 1)], BEFORE, ENDS, "not_on_receipt"),
        (True, [("cup", 4)], BEFORE, ENDS, "not_on_receipt"),
    ],
)
def test_reasons(sold, lines, at, ends, reason):
    assert ask(returns.order("", LINES) if sold else None, *lines, at=at, ends=ends).reason == reason


def test_an_order_by_either_number():
    kept = {"sale:r1": {"at": "s"}, "delivered:o1": "d"}
    assert returns.known(kept, "o1", "r1") == ({"at": "s"}, "d") and returns.known(kept, None, "r1") == ({"at": "s"}, "s")
    assert (
        returns.known(kept, "o1", "r9") == (None, None)
        and returns.known(kept, "o1", None) == (None, "d")
        and returns.known(kept, "o2", None) == (None, None)
    )


def test_the_price_paid():
    sold = returns.order("", LINES)
    assert returns.paid(sold, "cup") == 900 and returns.paid(sold, "pan") is None and returns.paid(None, "cup") is None
