"""A template planogram fitted to the boards that a store has: what goes, what takes its place, facings by weekly sales.

A board is trimmed by weekly sales a facing: of the items with more than one facing the weakest loses one, and where all have one the
weakest seller that need not be stocked leaves. What is then free goes, facing by facing, to the item with the highest sales a facing that
fits. Ties by item. Widths in mm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from storeloom.workers.optimise.boards import Board

TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Place:
    """An item of a board with its facings. `weekly`: units sold here in a week; `local`: of the store's own choice."""

    item: str
    slot: str
    facings: int
    width_mm: float
    weekly: float = 0.0
    height_mm: float = 0.0
    must: bool = False
    local: bool = False

    @property
    def rate(self) -> float:
        """Weekly sales a facing."""
        return self.weekly / self.facings


@dataclass
class Fit:
    """Places by board's number from left to right, and what is left out, in the order of leaving."""

    shelves: dict[int, list[Place]] = field(default_factory=dict)
    left_out: list[Place] = field(default_factory=list)


def used(places: Iterable[Place]) -> float:
    return sum(place.width_mm * place.facings for place in places)


def best_local(kin: str | None, candidates: Mapping[str, tuple[str | None, float]], taken: Iterable[str]) -> str | None:
    """The item that sells best among those of a subcategory (None: of any) that are not taken; candidates: subcategory and weekly sales."""
    gone = set(taken)
    fits = [
        (-weekly, item) for item, (own, weekly) in candidates.items() if item not in gone and weekly > 0 and (kin is None or own == kin)
    ]
    return min(fits)[1] if fits else None


def bay(template: Mapping[int, Sequence[Place]], boards: Sequence[Board], clearance_mm: float, fill_pct: float, most: int) -> Fit:
    """The template on the boards, which stand from the floor up.

    What is too tall for its board, or has no such board here, moves to the nearest higher one that clears it, else to the nearest below.
    """
    found = Fit({board.number: [] for board in boards})
    numbers = [board.number for board in boards]
    for shelf in sorted(template):
        for place in template[shelf]:
            one = replace(place, facings=min(most, max(1, place.facings)))
            at = numbers.index(shelf) if shelf in numbers else _level(shelf, numbers)
            home = _home(one, at, boards, clearance_mm)
            if home is None:
                found.left_out.append(one)
            else:
                found.shelves[home].append(one)
    for board in boards:
        kept, gone = _trimmed(found.shelves[board.number], board.width_mm)
        found.shelves[board.number] = _filled(kept, board.width_mm, fill_pct, most)
        found.left_out += gone
    return found


def _level(shelf: int, numbers: Sequence[int]) -> int:
    """Where the board with the nearest number is."""
    return min(range(len(numbers)), key=lambda at: (abs(numbers[at] - shelf), at))


def _home(one: Place, at: int, boards: Sequence[Board], clearance_mm: float) -> int | None:
    order = [*range(at, len(boards)), *range(at - 1, -1, -1)]
    clears = (boards[n] for n in order if boards[n].clear_mm is None or one.height_mm <= (boards[n].clear_mm or 0) - clearance_mm + TINY)
    return next((board.number for board in clears), None)


def _trimmed(places: Sequence[Place], room: float) -> tuple[list[Place], list[Place]]:
    kept, gone = list(places), []
    while used(kept) > room + TINY:
        wide = [one for one in kept if one.facings > 1]
        if wide:
            weakest = min(wide, key=lambda one: (one.rate, one.item))
            kept[kept.index(weakest)] = replace(weakest, facings=weakest.facings - 1)
        else:
            weakest = min(kept, key=lambda one: (one.must, one.weekly, one.item))
            kept.remove(weakest)
            gone.append(weakest)
    return kept, gone


def _filled(places: Sequence[Place], room: float, fill_pct: float, most: int) -> list[Place]:
    kept = list(places)
    while used(kept) < room * fill_pct / 100 - TINY:
        spare = room - used(kept) + TINY
        fits = [one for one in kept if one.facings < most and one.width_mm <= spare and one.weekly > 0]
        if not fits:
            break
        best = min(fits, key=lambda one: (-one.rate, one.item))
        kept[kept.index(best)] = replace(best, facings=best.facings + 1)
    return kept
