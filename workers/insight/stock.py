"""What is on hand of an item, from counts of its places and sales since. State is JSON: {place: quantity}."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

IN_STORE = ("shelf", "backroom", "store")


def is_count(snapshot: Mapping[str, Any]) -> bool:
    """Whether an `inventory.snapshot` counts goods in this store: not a warehouse's, a sales channel's or another store's figure."""
    here = snapshot.get("location", "store") in IN_STORE and not snapshot.get("other_store")
    return bool(here and snapshot.get("view", "physical") == "physical")


def counted(stock: Mapping[str, float], snapshot: Mapping[str, Any], qty: float | None = None) -> dict[str, float]:
    """Stock after a count, of `qty` or else `on_hand`: that of the whole store replaces all places, that of a place the store's."""
    place = snapshot.get("location", "store")
    kept = {} if place == "store" else {at: held for at, held in stock.items() if at != "store"}
    return {**kept, place: snapshot["on_hand"] if qty is None else qty}


def taken(stock: Mapping[str, float], qty: float) -> dict[str, float]:
    """Stock after a sale: from the shelf, then the store's figure, then the backroom, never under 0; a return goes to the shelf."""
    after = dict(stock)
    for place in ("shelf", "store", "backroom"):
        if place in after:
            moved = min(after[place], qty)
            after[place] -= moved
            qty -= moved
    return after
