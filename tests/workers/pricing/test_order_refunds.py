"""Shares of a coupon in refunds, worked by hand."""

from __future__ import annotations

from storeloom.workers.pricing.order_refunds import coupon_value, value_back


def lines(*rows: tuple[int, float, float]) -> list[dict[str, float]]:
    return [{"amount": amount, "qty": qty, "back": back} for amount, qty, back in rows]


def test_a_coupon_is_what_lines_and_fees_exceed_the_payment_by() -> None:
    assert coupon_value(10000, 500, 9500) == 1000 and coupon_value(10000, 0, 10000) == 0
    assert coupon_value(1000, 0, 1200) == 0 and coupon_value(1000, 500, 0) == 1000


def test_each_line_bears_its_share() -> None:
    assert value_back(lines((3000, 1, 1), (7000, 1, 0)), 1000) == 2700
    assert value_back(lines((3000, 3, 1)), 0) == 1000 and value_back(lines((2980, 0.5, 0.25)), 0) == 1490
    assert value_back([], 0) == 0 and value_back(lines((0, 1, 1)), 0) == 0


def test_piece_by_piece_brings_what_all_at_once_would() -> None:
    # 3 x 1000 with a coupon of 100: 966.67 each, rounded over what came back so far
    worth = [value_back(lines(*[(1000, 1, int(n < back)) for n in range(3)]), 100) for back in (1, 2, 3)]
    assert worth == [967, 1933, 2900]
