"""Which items a category keeps, drops and takes up, by what it would lose without each, within the width of its shelf.

What a category loses with an item is the item's margin less what its other items catch of it (Kök, Fisher and Vaidyanathan, "Assortment
Planning: Review of Literature and Industry Practice", 2015, on exogenous substitution). Items are taken by loss for their width, as in
the greedy solution of a knapsack, then exchanged one for one.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

TINY = 1e-6


@dataclass(frozen=True)
class Option:
    """An item on the shelf, or one that could be: weekly `loss` without it, width, need segment; `firm` items stay whatever they bring."""

    id: str
    loss: float
    width: float
    need: str
    firm: bool = False


@dataclass
class Choice:
    """What is dropped, and what comes for what (`swaps`: dropped, added); `wanted` are drops for which the shelf had no change left."""

    drops: list[str] = field(default_factory=list)
    swaps: list[tuple[str, str]] = field(default_factory=list)
    wanted: list[str] = field(default_factory=list)


def transfer(extra: float, lost: float) -> float:
    """Share of an item's loss that others catch: their sales above forecast while it was out, over its own forecast; 0 to 0.95."""
    return min(0.95, max(0.0, extra / lost)) if lost > 0 else 0.0


def most_changes(share: float, items: int) -> int:
    """Items that may change in a review: the share, rounded up."""
    return math.ceil(share * items - TINY)


def choose(present: Iterable[Option], candidates: Iterable[Option], width: float, min_gain: float, changes: int) -> Choice:
    """Drop what does not fit, the least loss first, then swap for most gain, all within `changes`, and one drop a need segment.

    Firm items and the only one of a need stay. Of equals the first by id goes.
    """
    shelf, found = {one.id: one for one in present}, Choice()
    over = _over(list(shelf.values()), width)
    for one in over:
        if len(found.drops) < changes and _may_go(one, shelf.values(), found.drops, present=shelf):
            found.drops.append(one.id)
        else:
            found.wanted.append(one.id)
    gone = set(found.drops)
    kept = {id: one for id, one in shelf.items() if id not in gone}
    new = {one.id: one for one in candidates}
    while len(found.drops) + len(found.swaps) < changes:
        dropped = [*found.drops, *(old for old, _ in found.swaps)]
        free = max(0.0, width - sum(one.width for one in kept.values()))
        pairs = [
            (one, other)
            for one in kept.values()
            if not one.firm and one.id in shelf
            for other in new.values()
            if other.width <= one.width + free + TINY and other.loss - one.loss >= min_gain - TINY
            if _may_go(one, [*kept.values(), other], dropped, present=shelf)
        ]
        if not pairs:
            break
        old, fresh = max(pairs, key=lambda pair: (pair[1].loss - pair[0].loss, -_rank(pair[0].id, shelf), -_rank(pair[1].id, new)))
        found.swaps.append((old.id, fresh.id))
        del kept[old.id]
        kept[fresh.id] = new.pop(fresh.id)
    found.wanted = [id for id in found.wanted if id in kept]
    return found


def _over(items: Sequence[Option], width: float) -> list[Option]:
    """What does not fit beside the firm items, the best of each need without one, and those of more loss for their width; the least loss
    first."""
    ranked = sorted((one for one in items if not one.firm), key=lambda one: (-one.loss / one.width, one.id))
    met, held = {one.need for one in items if one.firm}, [one for one in items if one.firm]
    for one in ranked:
        if one.need not in met:
            met.add(one.need)
            held.append(one)
    room, over = width - sum(one.width for one in held), []
    for one in (one for one in ranked if one not in held):
        if one.width <= room + TINY:
            room -= one.width
        else:
            over.append(one)
    return sorted(over, key=lambda one: (one.loss, one.id))


def _may_go(one: Option, shelf: Iterable[Option], dropped: Collection[str], present: dict[str, Option]) -> bool:
    """Whether no other item of its need was dropped, and one of its need is left."""
    alike = [other for other in shelf if other.need == one.need and other.id != one.id and other.id not in dropped]
    return bool(alike) and not any(present[id].need == one.need for id in dropped)


def _rank(id: str, of: Iterable[str]) -> int:
    return sorted(of).index(id)
