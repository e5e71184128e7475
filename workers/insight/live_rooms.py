"""Vouchers sold in live rooms: what each is worth, how many come back on which day, and what past rooms teach of it.

A return curve holds the share (%) of the vouchers sold that is expected back on the day of sale, the day after, and so on. Cohorts are
numbers of vouchers by the store day of their sale (ISO). A room is `{"sold": cohorts, "back": {age in days (text): vouchers redeemed}}`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

Cohorts = Mapping[str, float]
Curve = Sequence[float]


def voucher_prices(pack: int, size: int) -> list[int]:
    """The prices of a pack's vouchers, minor units: equal and rounded down, the last one carries the remainder."""
    each = pack // size
    return [each] * (size - 1) + [pack - each * (size - 1)]


def visits(cohorts: Cohorts, curve: Curve, day: date) -> float:
    """Vouchers expected back on a day."""
    return float(sum(Fraction(str(sold)) * _share(curve, (day - date.fromisoformat(sale)).days) for sale, sold in cohorts.items()))


def open_claims(cohorts: Cohorts, curve: Curve, today: date) -> Fraction:
    """Vouchers still expected back, today's among them."""
    claims = Fraction(0)
    for sale, sold in cohorts.items():
        age = max(0, (today - date.fromisoformat(sale)).days)
        claims += Fraction(str(sold)) * sum((_share(curve, one) for one in range(age, len(curve))), Fraction(0))
    return claims


def fits(cohorts: Cohorts, curve: Curve, today: date, more: int, stock: float, share_pct: float) -> bool:
    """Whether the claims on a product with `more` vouchers sold today stay within a share of its stock."""
    first = today.isoformat()
    claims = open_claims({**cohorts, first: cohorts.get(first, 0) + more}, curve, today)
    return claims * 100 <= Fraction(str(stock)) * Fraction(str(share_pct))


def horizon(cohorts: Cohorts, curve: Curve, today: date) -> list[date]:
    """The days from today on that cohorts may come back on."""
    last = max((date.fromisoformat(sale) + timedelta(days=len(curve) - 1) for sale in cohorts), default=today - timedelta(days=1))
    return [today + timedelta(days=number) for number in range((last - today).days + 1)]


def learnt(curve: Curve, rooms: Iterable[Mapping[str, Any]], least: int, today: date) -> list[float]:
    """The mean of what came back of past rooms, age by age; where no room is old enough yet, or with fewer than `least` rooms, the curve
    as it was set. A room counts for an age when that many days have passed since its last sale."""
    past = [room for room in rooms if sum(room["sold"].values()) > 0]
    if not past or len(past) < least:
        return list(curve)
    found = []
    for age, usual in enumerate(curve):
        seen = [room for room in past if date.fromisoformat(max(room["sold"])) + timedelta(days=age) < today]
        shares = [100 * room["back"].get(str(age), 0) / sum(room["sold"].values()) for room in seen]
        found.append(sum(shares) / len(shares) if shares else usual)
    return found


def _share(curve: Curve, age: int) -> Fraction:
    return Fraction(str(curve[age])) / 100 if 0 <= age < len(curve) else Fraction(0)
