"""What was scanned at self-service tills and is not yet paid, from their `pos.scan`: an open basket by receipt, and whose it is.

A basket is plain JSON: {"receipt", "till", "member", "lines": {line: amount}, "seq": the scans taken in}. Amounts are minor units.
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
    if kind in ADDS and scan.get("price") is not None:
        weight_g = scan.get("weight_g") if kind == "weigh" else None
        basket["lines"][line] = line_amount(scan["price"], scan.get("qty", 1), weight_g)
    elif kind == "void" and scan.get("line") is None:
        basket["lines"] = {}
    elif kind == "void":
        basket["lines"].pop(line, None)
    elif kind == "total" and scan.get("basket") is not None:
        basket["lines"] = {str(row["line"]): row["amount"] for row in scan["basket"]}


def due(baskets: Iterable[Basket], member: str) -> int:
    """What a member has scanned and not paid."""
    return sum(sum(basket["lines"].values()) for basket in baskets if basket["member"] == member)


def settles(sale: Mapping[str, Any], basket: Basket) -> bool:
    """Whether a sale pays a basket: its receipt, or the same member's at the same till."""
    own = basket["member"] is not None and (sale.get("member"), sale["till"]) == (basket["member"], basket["till"])
    return sale["receipt"] == basket["receipt"] or own
