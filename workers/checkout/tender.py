"""Cash at a till, and what comes back from a receipt. Amounts are minor units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from storeloom.workers.gs1 import item_key
from storeloom.workers.pricing import refund_amount

Row = Mapping[str, Any]


class Cash(NamedTuple):
    """What of the due sum the cash pays, and the change."""

    taken: int
    change: int


def cash(due: int, tendered: int | None, unit: int) -> Cash:
    """Cash for what is due, which is rounded half up to the smallest unit of cash when the cash pays all of it; None tenders just that."""
    rounded = (2 * due + unit) // (2 * unit) * unit
    given = rounded if tendered is None else tendered
    if given >= rounded:
        return Cash(due, given - rounded)
    return Cash(min(given, due), 0)


def sold_lines(lines: Iterable[Row]) -> list[dict[str, Any]]:
    """Lines of a receipt as they are kept for returns: `back` counts the pieces that came back."""
    kept = ("line", "gtin", "qty", "price", "amount", "weight_g")
    return [{name: line[name] for name in kept if line.get(name) is not None} | {"back": 0} for line in lines]


def take_back(kept: list[dict[str, Any]], gtin: str | None, line: int | None, qty: float | None) -> list[dict[str, Any]]:
    """Negative lines for pieces that come back, never more than the receipt still holds; `kept` is brought up to date.

    Without an item all that is left comes back. A line whose quantity is no whole number, or is weighed, comes back as a whole.
    """
    wanted = [
        one
        for one in kept
        if (line is None or one["line"] == line) and (gtin is None or item_key(one["gtin"]) == item_key(gtin)) and _held(one) > one["back"]
    ]
    left = abs(qty) if qty is not None else (1 if (gtin or line) and len(wanted) and qty is None and line is None else None)
    if left is not None and left > sum(_held(one) - one["back"] for one in wanted):
        return []
    back = []
    for one in wanted:
        pieces = _held(one) - one["back"] if left is None else min(int(left), _held(one) - one["back"])
        if pieces <= 0:
            continue
        amount = refund_amount(one["amount"], _held(one), one["back"], pieces)
        one["back"] += pieces
        left = None if left is None else left - pieces
        whole = _held(one) == one["qty"]
        row = {"line": one["line"], "gtin": one["gtin"], "qty": -pieces if whole else -one["qty"], "price": one["price"], "amount": -amount}
        back.append(row | ({"weight_g": -one["weight_g"]} if one.get("weight_g") else {}))
    return back


def _held(line: Row) -> int:
    """Pieces of a line that can come back one by one."""
    return int(line["qty"]) if float(line["qty"]).is_integer() and not line.get("weight_g") else 1


def refund_parts(paid: list[dict[str, Any]], amount: int) -> list[dict[str, Any]]:
    """By which payments an amount goes back, each never more than it brought, cash last; `paid` counts it as `back`."""
    parts = []
    for one in sorted(paid, key=lambda one: one["method"] == "cash"):
        share = min(amount, one["amount"] - one.get("back", 0))
        if share > 0:
            one["back"] = one.get("back", 0) + share
            amount -= share
            parts.append({name: one[name] for name in ("method", "payment") if one.get(name)} | {"amount": share})
    return parts
