"""Paper price tags: in which order they hang along the aisles, and on which sheets they are printed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
NUMBERS = re.compile(r"(\d+)")


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """A key that sorts A2 before A10."""
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in NUMBERS.split(text) if part)


def walking(place: Row) -> tuple[Any, ...]:
    """Sorts rows of the planogram by zone (those without one last), bay, shelf and position (`x_mm`, else the slot)."""
    zone, position = place.get("zone"), place.get("x_mm")
    return (
        zone is None,
        natural(str(zone or "")),
        natural(str(place.get("fixture", ""))),
        place.get("shelf", 0),
        (position is None, position or 0),
        natural(str(place.get("slot", ""))),
    )


def aisles(places: Iterable[Row]) -> dict[str | None, list[Row]]:
    """Places by zone, in walking order."""
    found: dict[str | None, list[Row]] = {}
    for place in sorted(places, key=walking):
        found.setdefault(place.get("zone"), []).append(place)
    return found


def sheets(labels: Sequence[Row], most: int) -> list[Sequence[Row]]:
    """Labels of one aisle by sheet."""
    return [labels[at : at + most] for at in range(0, len(labels), most)]


def off_pct(price: int, struck: int | None) -> float:
    """Discount of a price from the one crossed out, per cent."""
    return 100 * (struck - price) / struck if struck else 0.0
