"""Money of a store, three ways: what a receipt says, what the provider approved, what it settled; and what a cash drawer should hold.

A case is a plain dict: net sums `sale`, `paid` and `settled` (minor units; None: not heard of), the `fee` that was taken, `provider`,
`till`, `sale_at` and `paid_at` (seconds), and the money days `day` and `settled_day` (ISO).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from storeloom.workers.pricing import round_money

Case = dict[str, Any]
GOOD = ("matched", "settled_late", "netted")


class Verdict(NamedTuple):
    """A case's class, and how much money it is about: what is missing, too much, or overcharged (minor units)."""

    name: str
    value: int


def new_case(day: str) -> Case:
    empty = dict.fromkeys(("sale", "paid", "settled", "provider", "ref", "payment", "receipt", "till", "sale_at", "paid_at", "settled_day"))
    return {"day": day, "fee": 0, "told": None, "alerted": False, **empty}


def classify(case: Mapping[str, Any], fees_bp: Mapping[str, float], fee_tol: int, *, expired: bool) -> Verdict:
    """What a case is at the end of its money day or later; `waiting` while it may still be settled, `expired` once it may not."""
    sale, settled = case["sale"], case["settled"]
    paid = case["paid"] if case["paid"] is not None else settled
    if not (sale or paid or settled):
        return Verdict("netted", 0)
    if sale is None:
        return Verdict("paid_no_sale", paid or 0)
    if paid is None:
        return Verdict("sale_not_paid", sale)
    odd = next((abs(other - sale) for other in (paid, settled) if other is not None and other != sale), 0)
    if odd:
        return Verdict("amount_diff", odd)
    if settled is None:
        return Verdict("not_settled" if expired else "waiting", sale)
    over = fee_difference(case["fee"], settled, fees_bp.get(case["provider"] or ""))
    if abs(over) > fee_tol:
        return Verdict("fee_diff", over)
    return Verdict("settled_late" if case["settled_day"] > case["day"] else "matched", 0)


def fee_difference(fee: int, amount: int, agreed_bp: float | None) -> int:
    """Fee less the agreed one, which is rounded half up; 0 where none was agreed."""
    return 0 if agreed_bp is None else abs(fee) - round_money(Fraction(abs(amount)) * Fraction(str(agreed_bp)) / 10_000)


def pairs(sales: Mapping[str, Mapping[str, Any]], payments: Mapping[str, Mapping[str, Any]], within_s: float) -> list[tuple[str, str]]:
    """Sales and payments without a common reference that belong together: one till, one amount, near in time, and no other candidate."""
    fits = {
        name: [
            other
            for other, pay in payments.items()
            if pay["till"] == sale["till"] and pay["paid"] == sale["sale"] and abs(pay["paid_at"] - sale["sale_at"]) <= within_s
        ]
        for name, sale in sales.items()
    }
    wanted: dict[str, int] = {}
    for others in fits.values():
        for other in others:
            wanted[other] = wanted.get(other, 0) + 1
    return [(name, others[0]) for name, others in fits.items() if len(others) == 1 and wanted[others[0]] == 1]


def join(sale: Case, payment: Mapping[str, Any]) -> None:
    """Take a payment's side into the case of its sale."""
    for name in ("paid", "settled", "fee", "provider", "ref", "payment", "paid_at", "settled_day"):
        if payment[name] is not None:
            sale[name] = payment[name]


class Drawer(NamedTuple):
    """Cash of a till since its last count."""

    opening: int
    kept: int
    refunds: int
    drops: int

    @property
    def expected(self) -> int:
        return self.opening + self.kept - self.refunds - self.drops


def cash_of(payments: Sequence[Mapping[str, Any]]) -> int:
    """Cash that stayed in the drawer (tendered less change), negative for what was paid out."""
    cash = [one for one in payments if one.get("method") == "cash"]
    return sum(one["tendered"] - one.get("change", 0) if one.get("tendered") is not None else one["amount"] for one in cash)


def shortage_chart(level: float, shortage: int, slack: int) -> float:
    """One-sided CUSUM of shortages (overs negative): S = max(0, S + shortage - slack) (Page, Biometrika 41, 1954)."""
    return max(0, level + shortage - slack)
