"""What a shelf still holds between fills, and what to take to it from the backroom.

A shelf is plain JSON: `{"qty", "at", "book"}`: units believed on the shelf, since when that is known, and the store's stock as
`position` keeps it. Stock is known of the store as a whole or of the backroom alone; the shelf's own count is `qty`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from storeloom.workers.optimise import position

Shelf = dict[str, Any]
Row = Mapping[str, Any]
EPSILON = 1e-9


def begin(capacity: float, at: datetime) -> Shelf:
    """A shelf that nothing is known of is taken to be full."""
    return {"qty": capacity, "at": at.isoformat(), "book": position.empty()}


def capacity_of(slot: Row) -> float:
    """Units that a row of the planogram holds: its capacity, else facings times depth; 0 where neither is known."""
    return float(slot.get("capacity") or slot.get("facings", 0) * slot.get("depth_units", 0))


def size_of(product: Row) -> tuple[float, float]:
    """Litres and kilograms of a unit by its product's row: `volume_l`, else its three sides, and `weight_g`; what is unknown is 0.

    Goods by the kilogram have the volume of as many pieces as weigh one, where a piece's weight is known.
    """
    sides = [product.get(side) or 0 for side in ("width_mm", "height_mm", "depth_mm")]
    weight_kg = (product.get("weight_g") or 0) / 1000
    litres = float(product.get("volume_l") or math.prod(sides) / 1e6)
    if product.get("unit") == "kg":
        return (litres / weight_kg if weight_kg else litres), 1.0
    return litres, weight_kg


def look(shelf: Shelf, slots: Iterable[Row], place: tuple[str, str], data: Row, at: datetime) -> bool:
    """Enter a `shelf.state` of one of an item's slots, by (fixture, slot); the others keep their share. False where it says nothing new.

    `out` is nothing there, a count is that many, `full` without one is the slot's capacity; other states without a count say nothing.
    """
    state, seen = data["state"], data.get("qty")
    if state not in ("full", "ok", "low", "out") or (state in ("ok", "low") and seen is None):
        return False
    rooms = {(row["fixture"], row["slot"]): capacity_of(row) for row in slots}
    whole = sum(rooms.values())
    own = rooms.get(place, whole)
    here = 0 if state == "out" else own if seen is None else seen
    return settle(shelf, here + shelf["qty"] * (1 - own / whole), at)


def settle(shelf: Shelf, qty: float, at: datetime) -> bool:
    """The shelf was seen or counted to hold `qty`; False where something later is known."""
    if at < datetime.fromisoformat(shelf["at"]):
        return False
    shelf.update(qty=max(0.0, qty), at=at.isoformat())
    return True


def sell(shelf: Shelf, qty: float, at: datetime) -> None:
    """Units sold from the shelf, what it did not hold from the backroom; a return (`qty` < 0) waits in the backroom."""
    places = shelf["book"]["places"]
    own = max(0.0, qty) if at >= datetime.fromisoformat(shelf["at"]) else 0.0
    taken = min(own, shelf["qty"])
    shelf["qty"] -= taken
    position.take(places, qty if "store" in places else qty - taken, at)


def fill(shelf: Shelf, qty: float) -> None:
    """Units carried from the backroom to the shelf (back, where `qty` < 0)."""
    shelf["qty"] = max(0.0, shelf["qty"] + qty)
    behind = shelf["book"]["places"].get("backroom")
    if behind:
        behind["on_hand"] = max(0.0, behind["on_hand"] - qty)


def count(shelf: Shelf, data: Mapping[str, Any], at: datetime) -> None:
    """Enter an `inventory.snapshot` of the shelf, of the backroom or of the store; the shelf holds no more than the store."""
    if not position.is_count(data):
        return
    if data.get("location") == "shelf":
        settle(shelf, data["on_hand"], at)
    elif position.enter_snapshot(shelf["book"], data, at) and data.get("location", "store") == "store":
        shelf["qty"] = max(0.0, min(shelf["qty"], data["on_hand"]))


def move(shelf: Shelf, data: Mapping[str, Any], at: datetime) -> None:
    """Enter an `inventory.movement`; one between shelf and backroom is a fill, waste that names the shelf leaves it."""
    ends, qty = (data.get("from"), data.get("to")), abs(data["qty"])
    if data.get("state", "booked") == "booked":
        if data["kind"] == "transfer" and set(ends) == {"backroom", "shelf"}:
            fill(shelf, qty if ends[1] == "shelf" else -qty)
        elif data["kind"] == "waste" and data.get("from") == "shelf":
            shelf["qty"] = max(0.0, shelf["qty"] - qty)
            if "backroom" in shelf["book"]["places"]:
                return
    position.enter_movement(shelf["book"], data, at)


def backroom(shelf: Shelf) -> float | None:
    """Units behind the shelf; None where the stock was never counted."""
    places = shelf["book"]["places"]
    if "backroom" in places:
        return max(0.0, float(places["backroom"]["on_hand"]))
    return max(0.0, places["store"]["on_hand"] - shelf["qty"]) if "store" in places else None


def units(shelf: float, capacity: float, case: float, behind: float | None, min_facing: float, *, open_case: bool) -> float:
    """Units to carry: whole cases that fit and are there; single units with `open_case`, or where no case fits and less than `min_facing`
    stands on the shelf."""
    room = max(0.0, min(capacity - shelf, math.inf if behind is None else behind))
    if open_case:
        return float(math.floor(room + EPSILON))
    whole = math.floor(room / case + EPSILON) * case
    return whole if whole > 0 or shelf >= min_facing else float(math.floor(room + EPSILON))


def hours_left(shelf: float, demand: float, hours: float) -> float:
    """Hours until the shelf is empty, where `demand` units sell in `hours`."""
    if shelf <= 0:
        return 0.0
    return shelf * hours / demand if demand > 0 else math.inf
