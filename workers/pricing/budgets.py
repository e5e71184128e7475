"""Budgets of promotions and coupons: held while a basket is open, spent when it is paid.

A ledger is a plain dict, so that it can be kept: `spent`, what paid baskets took, and `held`, what open baskets may still take, by basket.
Amounts are minor units.
"""

from collections.abc import Mapping
from typing import Any

Ledger = dict[str, Any]


def new_ledger() -> Ledger:
    return {"spent": 0, "held": {}}


def rest(ledger: Mapping[str, Any], budget: int, basket: str) -> int:
    """What a basket may take of a budget: all that is neither spent nor held by other baskets, at least 0."""
    others: int = sum(amount for name, amount in ledger["held"].items() if name != basket)
    return max(0, budget - int(ledger["spent"]) - others)


def hold(ledger: Ledger, basket: str, amount: int) -> None:
    """Hold an amount for a basket, in place of what was held for it before."""
    ledger["held"].pop(basket, None)
    if amount:
        ledger["held"][basket] = amount


def spend(ledger: Ledger, basket: str, amount: int) -> None:
    """A basket was paid: its amount is spent and no longer held."""
    ledger["held"].pop(basket, None)
    ledger["spent"] += amount
