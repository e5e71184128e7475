"""Pieces on a weighed shelf slot: the units that a change of weight is, and the unit weight that a put of a known number teaches.

A slot is plain JSON: `{"count", "sure", "zero", "unit", "moves"}`: pieces on it, the last sure weight, the weight of the empty slot and of
one piece (all in g), and `moves`, the latest changes as [RFC 3339 time, units] with units taken as positive numbers.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from storeloom.core.kernel.events import parse_time, rfc3339

Slot = dict[str, Any]
ROUNDING = 1e-9


def begin(weight_g: float, tare_g: float, unit_g: float) -> Slot:
    """A slot from its first stable weight: the nearest whole number of units above the tare, never under none."""
    return {"count": max(0, round((weight_g - tare_g) / unit_g)), "sure": weight_g, "zero": tare_g, "unit": unit_g, "moves": []}


def units(change_g: float, unit_g: float, tolerance: float) -> int | None:
    """Units that a change of weight is (a take below 0); None where it lies farther than `tolerance` unit weights from a whole number."""
    moved = change_g / unit_g
    whole = round(moved)
    return whole if abs(moved - whole) <= tolerance + ROUNDING else None


def move(slot: Slot, moved: int, weight_g: float, at: datetime, window: timedelta) -> int:
    """Enter a sure change; units taken net (puts back subtracted) within the window that ends with it."""
    slot["count"] = max(0, slot["count"] + moved)
    slot["sure"] = weight_g
    slot["moves"] = [row for row in slot["moves"] if at - parse_time(row[0]) <= window]
    if moved:
        slot["moves"].append([rfc3339(at), -moved])
    return sum(row[1] for row in slot["moves"])


def learn(unit_g: float, change_g: float, known: int, weight: float, limit: float) -> tuple[float, float]:
    """The unit weight after a put of `known` units, by exponential smoothing with `weight`, and how far (share) the put's own estimate lies
    off; an estimate farther than `limit` leaves the unit weight as it was.
    """
    estimate = change_g / known
    off = abs(estimate / unit_g - 1)
    return (unit_g + weight * (estimate - unit_g) if off <= limit + ROUNDING else unit_g), off
