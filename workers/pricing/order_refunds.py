"""What comes back for goods of an order on which a coupon was used: each line bears its share of the coupon. Amounts are minor units.

An order is told by its lines (`amount` after line discounts, `qty`, pieces given `back`); shares are exact until they are rounded, half up,
over all that came back so far, so that an order that comes back piece by piece brings what it would bring at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from storeloom.workers.pricing.money import exact, round_money

Line = Mapping[str, Any]


def coupon_value(goods: int, fees: int, total: int) -> int:
    """What coupons took off an order: its lines and fees less what was paid; from 0 to the value of the goods."""
    return min(max(0, goods + fees - total), max(0, goods))


def value_back(lines: Iterable[Line], coupon: int) -> int:
    """What all pieces that came back so far are worth, their shares of the coupon off."""
    rows = list(lines)
    goods = sum(line["amount"] for line in rows)
    if goods <= 0:
        return 0
    back = sum((Fraction(line["amount"]) * exact(line["back"]) / exact(line["qty"]) for line in rows if line["qty"]), Fraction(0))
    return round_money(back * (goods - coupon) / goods)
