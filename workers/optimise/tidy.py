"""How much a bay of shelves needs tidying, and how long that takes.

A bay is plain JSON: `{"slots": {slot: [facings, pulled back]}, "strays": {place: {"gtin", "qty"}}, "faults": {item: true}, "tidied"}`, and
`"seen"` once it was seen or tidied.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from storeloom.core.kernel.events import parse_time
from storeloom.core.kernel.hours import StoreHours

Bay = dict[str, Any]
PULLED_BACK_DEPTH = 0.5
MOST_HOURS = 20
FACING_MIN, ITEM_MIN = 0.5, 1.0


class Weights(NamedTuple):
    """Points: for all facings pulled back, for each misplaced item, for each item wrongly rotated, for each open hour."""

    unfronted: float
    misplaced: float
    fefo: float
    hour: float


def begin(at: str) -> Bay:
    """A bay of which nothing is known but that it was there at `at`."""
    return {"slots": {}, "strays": {}, "faults": {}, "tidied": at}


def tidied(bay: Bay, at: str) -> None:
    """Somebody put the bay right: until it is seen again it counts as clean."""
    bay.update({**begin(at), "seen": at})


def look(bay: Bay, slots: Collection[Mapping[str, Any]]) -> None:
    """Enter the slots of a `vision.shelf`: facings without a gap of which less than half the depth is filled are pulled back."""
    for slot in slots:
        facings = max(0, slot.get("facings") or 0)
        back = not slot.get("gap") and slot.get("depth") is not None and slot["depth"] < PULLED_BACK_DEPTH
        bay["slots"][slot["slot"]] = [facings, facings if back else 0]


def facings(bay: Bay) -> tuple[int, int]:
    """All facings seen, and those pulled back."""
    return sum(whole for whole, _ in bay["slots"].values()), sum(back for _, back in bay["slots"].values())


def sight(bay: Bay, place: str, gtin: str, qty: float) -> float:
    """Enter what is misplaced at a place of the bay, in place of what was there; the items that are new, 0 of `qty` 0 (it is gone)."""
    known = bay["strays"].pop(place, {})
    if qty:
        bay["strays"][place] = {"gtin": gtin, "qty": qty}
    return max(0, qty - (known.get("qty", 0) if known.get("gtin") == gtin else 0))


def strays(bay: Bay) -> int:
    """Items that are not planned in the bay."""
    return int(sum(stray["qty"] for stray in bay["strays"].values()))


def parts(bay: Bay, weights: Weights, hours: StoreHours, at: datetime) -> dict[str, float]:
    """The points of a bay by what they are for; their sum is its score."""
    whole, back = facings(bay)
    waited = min(MOST_HOURS, hours.open_seconds(parse_time(bay["tidied"]), at) / 3600)
    return {
        "unfronted": weights.unfronted * back / whole if whole else 0.0,
        "misplaced": weights.misplaced * strays(bay),
        "fefo": weights.fefo * len(bay["faults"]),
        "hours": weights.hour * waited,
    }


def minutes(bay: Bay, base_min: float, carried: Callable[[str], bool]) -> float:
    """Minutes at a bay: a base, half a minute a facing to front, one an item whose GTIN is `carried` home."""
    home = sum(float(stray["qty"]) for stray in bay["strays"].values() if carried(stray["gtin"]))
    return base_min + FACING_MIN * facings(bay)[1] + ITEM_MIN * home
