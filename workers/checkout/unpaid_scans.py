"""What was scanned at self-service tills and is not yet paid, from their `pos.scan`: an open basket by receipt, and whose it is.

A basket is plain JSON: {"receipt", "till", "member", "lines": {line: amount, None where unpriced}, "seq": the scans taken
in}. Amounts are minor units.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from storeloom.workers.pricing.money import line_amount

Basket = dict[str, Any]
ADDS = ("item", "weigh", "key")


def begin(receipt: str, till: str) -> Basket:
    return {"receipt": receipt, "till": till, "member": None, "lines": {}, "seq": []}


def scanned(basket: Basket, scan: Mapping[str, Any]) -> None:
    """Take in a scan, each sequence number once. The till's own total replaces what was added up; a void without line voids all."""
    if scan["seq"] in basket["seq"]:
        return
    basket["seq"].append(scan["seq"])
    basket["member"] = scan.get("member") or basket["member"]
    kind, line = scan["kind"], str(scan.get("line") or f"seq {scan['seq']}")
    if kind in ADDS:
        price, weight_g = scan.get("price"), scan.get("weight_g") if kind == "weigh" else None
        basket["lines"][line] = None if price is None else line_amount(price, scan.get("qty", 1), weight_g)
    elif kind == "void" and scan.get("line") is None:
        basket["lines"] = {}
    elif kind == "void":
        basket["lines"].pop(line, None)
    elif kind == "total" and scan.get("basket") is not None:
        basket["lines"] = {str(row["line"]): row["amount"] for row in scan["basket"]}


def due(baskets: Iterable[Basket], member: str) -> int:
    """What a member has scanned and not paid, as far as it was priced."""
    return sum(amount or 0 for basket in baskets if basket["member"] == member for amount in basket["lines"].values())


def unpaid(baskets: Iterable[Basket], member: str) -> bool:
    """Whether a member has scanned anything that is to be paid; what was not priced is."""
    own = [basket for basket in baskets if basket["member"] == member]
    return due(own, member) > 0 or any(amount is None for basket in own for amount in basket["lines"].values())


def settles(sale: Mapping[str, Any], basket: Basket) -> bool:
    """Whether a sale pays a basket: its receipt, or the same member's at the same till."""
    own = basket["member"] is not None and (sale.get("member"), sale["till"]) == (basket["member"], basket["till"])
    return sale["receipt"] == basket["receipt"] or own
