"""Stock position of an item from snapshots, sales, movements and announcements, as plain JSON: what is there, coming and promised.

A snapshot of shelf and of backroom add up; one of the whole store replaces both. Sales and movements count from the snapshot of the place
on; older ones are in it. Quantities are in the item's unit, times RFC 3339. Who needs only what is on hand (of an item or of one of its
lots) keeps `Places` and uses `count`, `take` and `units`; a `Book` adds what is coming.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

Book = dict[str, Any]
Places = dict[str, dict[str, Any]]
PLACES = ("store", "shelf", "backroom")
SOLD_FROM = ("shelf", "store", "backroom")
FORGOTTEN_AFTER = timedelta(days=60)


def is_count(data: Mapping[str, Any]) -> bool:
    """Whether an `inventory.snapshot` counts goods in this store: not a warehouse's, a sales channel's or another store's figure."""
    return _in_store(data) and not data.get("other_store")


def count(places: Places, data: Mapping[str, Any], at: datetime, qty: float | None = None) -> bool:
    """Enter an `inventory.snapshot`, with `qty` in place of its `on_hand`; False when it says nothing new about this store's own stock."""
    return is_count(data) and _counted(places, data, at, data["on_hand"] if qty is None else qty)


def take(places: Places, qty: float, at: datetime) -> None:
    """Enter a sale: from the shelf, then the store's figure, then the backroom, never under 0; a return (`qty` < 0) goes to the first.

    A sale from before the latest count of any place is in it.
    """
    if any(datetime.fromisoformat(known["at"]) > at for known in places.values()):
        return
    for place in (places[name] for name in SOLD_FROM if name in places):
        moved = min(max(0, place["on_hand"]), qty)
        place["on_hand"] -= moved
        qty -= moved


def units(places: Mapping[str, Mapping[str, Any]]) -> float | None:
    """Units in the store, None where they were never counted."""
    return sum(place["on_hand"] for place in places.values()) if places else None


def _in_store(data: Mapping[str, Any]) -> bool:
    return data.get("location", "store") in PLACES and data.get("view", "physical") == "physical"


def _counted(places: Places, data: Mapping[str, Any], at: datetime, qty: float) -> bool:
    place = data.get("location", "store")
    if not _in_store(data):
        return False
    if any(datetime.fromisoformat(known["at"]) > at for name, known in places.items() if name == place or "store" in (name, place)):
        return False
    if place == "store":
        places.clear()
    else:
        places.pop("store", None)
    places[place] = {"at": at.isoformat(), "on_hand": qty}
    return True


def empty() -> Book:
    """The book of an item that nothing is known of. `net` sums up all movements, for differences over time."""
    return {"places": {}, "reserved": 0, "in_transit": 0, "net": 0, "coming": {}}


def enter_snapshot(book: Book, data: Mapping[str, Any], at: datetime) -> bool:
    """Enter an `inventory.snapshot` of this store; False when it says nothing new about the store's own stock."""
    if not _counted(book["places"], data, at, data["on_hand"]):
        return False
    book["reserved"], book["in_transit"] = data.get("reserved", 0), data.get("in_transit", 0)
    return True


def enter_movement(book: Book, data: Mapping[str, Any], at: datetime) -> None:
    """Enter an `inventory.movement`; proposed ones and moves within the store change nothing, a receipt is no longer coming."""
    if data.get("state", "booked") != "booked":
        return
    kind, qty = data["kind"], data["qty"]
    if kind == "receive":
        qty = data.get("accepted", qty)
        _receive(book, qty, data.get("order"))
    elif kind == "waste":
        qty = -abs(qty)
    if kind == "transfer" and {data.get("from"), data.get("to")} <= set(PLACES):
        return
    latest = max(book["places"], key=lambda name: book["places"][name]["at"], default=None)
    since = datetime.fromisoformat(book["places"][latest]["at"]) if latest else None
    if kind == "count":
        if since is None or at >= since:
            book["places"] = {"store": {"at": at.isoformat(), "on_hand": qty}}
        return
    book["net"] += qty
    if latest is None:
        book["places"]["store"] = {"at": at.isoformat(), "on_hand": qty}
    elif since is not None and at >= since:
        book["places"][latest]["on_hand"] += qty


def expect(book: Book, key: str, qty: float, eta: str, order: str | None = None) -> None:
    """An order or an announced shipment under its id; announcing takes the place of the order that it names, as far as it goes."""
    book["coming"].pop(key, None)
    if order and order in book["coming"]:
        rest = book["coming"][order]["qty"] - qty
        if rest > 0:
            book["coming"][order]["qty"] = rest
        else:
            del book["coming"][order]
    if qty > 0:
        book["coming"][key] = {"qty": qty, "eta": eta, "order": order}


def _receive(book: Book, qty: float, order: str | None) -> None:
    """Take a receipt off what is coming: first what carries its order, then the earliest."""
    waiting = sorted(book["coming"].items(), key=lambda item: (order not in (item[0], item[1]["order"]), item[1]["eta"], item[0]))
    for key, entry in waiting:
        taken = min(qty, entry["qty"])
        qty -= taken
        entry["qty"] -= taken
        if entry["qty"] <= 0:
            del book["coming"][key]
        if qty <= 0:
            return


def on_hand(book: Book) -> float | None:
    """Stock in the store, None where nothing is known of it."""
    return units(book["places"])


def coming(book: Book, now: datetime, overdue_days: float) -> float:
    """Units on their way, without what is late by `overdue_days` or more.

    The snapshot's `in_transit` counts where no order and no announcement is known. Entries long overdue are dropped.
    """
    for key in [key for key, entry in book["coming"].items() if now - datetime.fromisoformat(entry["eta"]) > FORGOTTEN_AFTER]:
        del book["coming"][key]
    if not book["coming"]:
        return float(book["in_transit"])
    return float(sum(qty for _, qty in arrivals(book, now, overdue_days)))


def arrivals(book: Book, now: datetime, overdue_days: float) -> list[tuple[datetime, float]]:
    """When and how much is to come of what is known by its date, without what is late by `overdue_days` or more; earliest first."""
    patience = timedelta(days=max(overdue_days, 1e-6))
    dated = [(datetime.fromisoformat(entry["eta"]), entry["qty"]) for entry in book["coming"].values()]
    return sorted((eta, qty) for eta, qty in dated if now - eta < patience)
