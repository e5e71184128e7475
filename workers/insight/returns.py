"""Online orders as far as returns need them, and which lines of a request may come back without a reason.

An order is plain JSON: the time `at` of its sale and its `lines` by `item_key`, each with its line number, the pieces not yet sent back and
the price. The right is that of `complaint_rules`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storeloom.workers.gs1 import item_key
from storeloom.workers.insight.complaint_rules import outside_right

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Judged:
    """Lines (`line`, `qty`, `amount`) that may come back, and those that a person must see, with the first of these's reason."""

    allowed: list[dict[str, Any]]
    barred: list[dict[str, Any]]
    reason: str | None


def order(at: str, lines: Iterable[Row]) -> dict[str, Any]:
    """What is kept of an order, from the lines of its sale."""
    found: dict[str, dict[str, Any]] = {}
    for line in lines:
        kept = found.setdefault(item_key(line["gtin"]), {"line": line["line"], "qty": 0, "price": line.get("price")})
        kept["qty"] += line["qty"]
    return {"at": at, "lines": found}


def judge(
    asked: Iterable[Row],
    sold: Mapping[str, Any] | None,
    at: datetime,
    ends: datetime | None,
    product: Callable[[str], Row | None],
    excluded: Collection[str],
) -> Judged:
    """Judge each line that was asked for at a time. `sold`: the order, None where only its delivery is known; pieces that may come back are
    taken off it. `ends`: when the right ends, None for an order that nobody knows."""
    allowed: list[dict[str, Any]] = []
    barred: list[dict[str, Any]] = []
    first: str | None = None
    for number, line in enumerate(asked, 1):
        bought = sold["lines"].get(item_key(line["gtin"])) if sold else None
        reason = None
        if ends is None:
            reason = "not_found"
        elif sold and (bought is None or bought["qty"] < line["qty"]):
            reason = "not_on_receipt"
        elif at >= ends:
            reason = "too_late"
        elif outside_right(product(line["gtin"]) or {}, line.get("condition"), excluded):
            reason = "category"
        elif bought:
            bought["qty"] -= line["qty"]
        kept = {"line": bought["line"] if bought else number, "qty": line["qty"], "amount": abs(line["amount"])}
        (barred if reason else allowed).append(kept)
        first = first or reason
    return Judged(allowed, barred, first)


def known(kept: Mapping[str, Any], order: str | None, receipt: str | None) -> tuple[dict[str, Any] | None, str | None]:
    """The sale of an order or receipt as kept under `sale:`, and when the right to return it began: with the delivery kept under
    `delivered:`, else with the sale, before which it cannot have come. (None, None) for a receipt that is named and was not found."""
    named = [number for number in (order, receipt) if number]
    sale = next((kept[f"sale:{number}"] for number in named if f"sale:{number}" in kept), None)
    if receipt and sale is None:
        return None, None
    told = next((kept[f"delivered:{number}"] for number in named if f"delivered:{number}" in kept), None)
    return sale, told or (sale["at"] if sale else None)


def paid(sold: Mapping[str, Any] | None, gtin: str | None) -> int | None:
    """The price of a product on an order; None where it is not on it."""
    line = sold["lines"].get(item_key(gtin)) if sold and gtin else None
    return line["price"] if line else None
