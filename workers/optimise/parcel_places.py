"""Places for parcels and bags in lockers: which one is taken, and what a stay costs. The smallest that fits leaves the large ones free."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any

SIZES = ("small", "medium", "large")
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Place:
    """A slot of a fixture. `size` is its place in `SIZES`."""

    slot: str
    size: int
    fixture: str
    zone: str | None
    device: str | None

    @property
    def key(self) -> tuple[str, str]:
        """What it is told apart by: the same name may stand in two lockers."""
        return self.fixture, self.slot


def size_of(name: object) -> int:
    """The place of a size in `SIZES`; what is called by another name is as large as any."""
    return SIZES.index(str(name)) if name in SIZES else len(SIZES) - 1


def places(fixtures: Iterable[Mapping[str, Any]]) -> list[Place]:
    """The slots of all lockers, by id; slots given as a number are of medium size and named after the locker."""
    found = []
    for row in fixtures:
        slots = row.get("slots") or ()
        if isinstance(slots, int):
            slots = [{"slot": f"{row['fixture']}-{number:02d}", "size": "medium"} for number in range(1, slots + 1)]
        if row.get("kind") == "locker":
            device = row.get("device") or row.get("asset") or row["fixture"]
            found += [
                Place(str(slot["slot"]), size_of(slot.get("size", "medium")), row["fixture"], row.get("zone"), device) for slot in slots
            ]
    return sorted(found, key=lambda place: (place.slot, place.fixture))


def choose(all_places: Iterable[Place], taken: Collection[tuple[str, str]], size: object, max_fill: float) -> Place | str:
    """The smallest free place that fits, then the lowest id; else why there is none: `max_fill` or `none_free`.

    `taken`: keys of places. `max_fill`: the share of the places (%) that may be taken.
    """
    everywhere = list(all_places)
    free = [place for place in everywhere if place.key not in taken and place.size >= size_of(size)]
    if not free:
        return "none_free"
    if 100 * (len(everywhere) - sum(place.key not in taken for place in everywhere) + 1) > max_fill * len(everywhere):
        return "max_fill"
    return min(free, key=lambda place: (place.size, place.slot, place.fixture))


def fee(since: datetime, at: datetime, free_h: float, per_day: int) -> int:
    """Minor units for a stay: `per_day` for each started day after `free_h` hours."""
    over = at - since - timedelta(hours=free_h)
    return max(0, ceil(over / DAY)) * per_day
