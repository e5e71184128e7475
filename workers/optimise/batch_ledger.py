"""Batches of an item by date: what came in, what shoppers are expected to have taken of which, and where each stands in its life.

A batch is plain JSON: `{"lot", "expiry", "qty", "life"}`: its lot and last day (ISO 8601) or None, units expected to be left (a fraction
after sales that named no lot), and its total life in days or None. Batches without a date are the freshest. Emptied batches stay until
their keeper drops them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

Batch = dict[str, Any]


def by_age(batches: Iterable[Batch]) -> list[Batch]:
    """Oldest date first."""
    return sorted(batches, key=lambda one: (one["expiry"] is None, one["expiry"] or "", one["lot"] or ""))


def find(batches: Iterable[Batch], lot: str | None, expiry: str | None) -> Batch | None:
    """The batch of this lot, or where no lot is named of this date."""
    if lot is None and expiry is None:
        return None
    return next((one for one in batches if (one["lot"] == lot if lot is not None else one["expiry"] == expiry)), None)


def receive(batches: list[Batch], batch: Batch) -> bool:
    """Enter goods that came in, with the batch of the same lot and date where there is one; True where they are older than the newest
    batch on hand, so that the newer goods already lie in front (reversed rotation)."""
    dates = [one["expiry"] for one in batches if one["expiry"] and one["qty"] > 0]
    known = next((one for one in batches if (one["lot"], one["expiry"]) == (batch["lot"], batch["expiry"])), None)
    if known:
        known["qty"] += batch["qty"]
    else:
        batches.append(batch)
    return bool(batch["expiry"] and dates and batch["expiry"] < max(dates))


def sell(batches: list[Batch], qty: float, fresh_pick: float) -> None:
    """Expected value of a sale that names no lot: `fresh_pick` of it from the newest batch, the rest from the oldest, each going on to the
    next when its batch is empty."""
    oldest = by_age(batches)
    take(oldest[::-1], qty * fresh_pick)
    take(oldest, qty * (1 - fresh_pick))


def take(batches: Iterable[Batch], qty: float) -> float:
    """Take units out of batches in the given order, none under 0; the units that were not there."""
    for batch in batches:
        taken = min(max(0.0, batch["qty"]), qty)
        batch["qty"] -= taken
        qty -= taken
    return qty


def count(batches: list[Batch], qty: float) -> None:
    """Set an item's batches right by a count of the item: too few were lost of the oldest, too many are more of the newest."""
    held = sum(batch["qty"] for batch in batches)
    if qty <= held:
        take(by_age(batches), held - qty)
    elif batches:
        by_age(batches)[-1]["qty"] += qty - held
    else:
        batches.append({"lot": None, "expiry": None, "qty": qty, "life": None})


def life(shelf_days: float | None, made: str | None, expiry: str | None) -> int | None:
    """Total life in days: from the day of making where it is known, else the item's."""
    if made and expiry:
        return (date.fromisoformat(expiry) - date.fromisoformat(made)).days
    return None if shelf_days is None else int(shelf_days)


def left_share(expiry: str, life_days: int, today: date) -> float:
    """Remaining over total life."""
    return (date.fromisoformat(expiry) - today).days / life_days if life_days > 0 else 1.0


def near_days(by_life: Mapping[int, int], life_days: int) -> int:
    """Days before the last one from which goods of such a life are near: the entry for the longest life that they reach, else 0."""
    return max(((limit, days) for limit, days in by_life.items() if limit <= life_days), default=(0, 0))[1]
