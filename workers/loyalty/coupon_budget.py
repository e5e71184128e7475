"""A campaign's budget: the face value of redeemed coupons, and a reserve for those that may still be redeemed.

A ledger is a plain dict in minor units: `spent` (face value redeemed), `open` (face value outstanding), and the counts `issued`, `redeemed`
and `expired`. The reserve is the outstanding face value times the rate at which coupons are redeemed: an expected one until enough have
ended, then the campaign's own.
"""

from __future__ import annotations

from fractions import Fraction

Ledger = dict[str, int]
LEARNT_FROM = 200


def new() -> Ledger:
    return {"spent": 0, "open": 0, "issued": 0, "redeemed": 0, "expired": 0}


def rate(ledger: Ledger, expected_pct: float) -> Fraction:
    """Share of coupons that are redeemed: as expected until `LEARNT_FROM` have ended, then as seen."""
    ended = ledger["redeemed"] + ledger["expired"]
    return Fraction(ledger["redeemed"], ended) if ended >= LEARNT_FROM else Fraction(str(expected_pct)) / 100


def committed(ledger: Ledger, expected_pct: float) -> Fraction:
    """What is spent and reserved, minor units."""
    return ledger["spent"] + ledger["open"] * rate(ledger, expected_pct)


def fits(ledger: Ledger, face: int, expected_pct: float, budget: int) -> bool:
    """Whether one more coupon of this face value keeps what is spent and reserved within the budget."""
    return committed(ledger, expected_pct) + face * rate(ledger, expected_pct) <= budget


def issue(ledger: Ledger, face: int) -> None:
    ledger["open"] += face
    ledger["issued"] += 1


def redeem(ledger: Ledger, face: int, worth: int, *, expired: bool = False) -> None:
    """A coupon of this face value was redeemed for `worth`; one that had been taken for expired had freed its reserve."""
    ledger["open"] -= 0 if expired else face
    ledger["expired"] -= expired
    ledger["spent"] += worth
    ledger["redeemed"] += 1


def expire(ledger: Ledger, face: int) -> None:
    ledger["open"] -= face
    ledger["expired"] += 1
