"""What to check in the minutes of one audit: what must be, then what is likeliest to find something that matters, then a few by lot.

Lots keep the estimate honest: items that the plan never takes by worth would otherwise never be seen to have become worse.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from storeloom.workers.optimise import knapsack

GRID = 2  # steps a minute


@dataclass(frozen=True, slots=True)
class Item:
    """`worth` of checking it, `checked`: the day it was last checked (or first there), `must`: it enters before all others."""

    id: str
    minutes: float
    worth: float
    checked: date
    must: bool = False

    @property
    def steps(self) -> int:
        """Minutes on the half-minute grid, rounded up."""
        return math.ceil(round(GRID * self.minutes, 6))


@dataclass(frozen=True, slots=True)
class Chosen:
    """Ids by how they came in: `must`, `risk` (by worth), `lot` (drawn)."""

    must: tuple[str, ...]
    risk: tuple[str, ...]
    lot: tuple[str, ...]


def choose(items: Sequence[Item], budget_min: float, lot_pct: float, lot: Callable[[str], int]) -> Chosen:
    """The items of one audit of `budget_min` minutes.

    Musts enter from the whole budget, those unchecked for longest first; one that no longer fits is passed over. Of what they leave,
    `lot_pct` of the budget is kept; the rest is filled with the most worth, ties to the item checked longest ago. What this leaves over
    and what was kept goes to the others in the order of their `lot` (a number drawn by id), each as far as it fits.
    """
    oldest = sorted(items, key=lambda item: (item.checked, item.id))
    left = math.floor(round(GRID * budget_min, 6))
    kept = round(left * lot_pct / 100)
    must, left = _fill([item for item in oldest if item.must], left)
    others = {f"{place:06}": item for place, item in enumerate(item for item in oldest if not item.must)}  # ties go by name
    worth = {name: (item.worth, item.steps) for name, item in others.items()}
    risk = [others[name] for name in knapsack.choose(worth, max(0, left - kept), 1)]
    left -= sum(item.steps for item in risk)
    rest = sorted((item for item in others.values() if item not in risk), key=lambda item: (lot(item.id), item.id))
    drawn, _ = _fill(rest, left)
    return Chosen(*(tuple(item.id for item in part) for part in (must, risk, drawn)))


def _fill(items: Sequence[Item], room: int) -> tuple[list[Item], int]:
    """As many of these, in order, as fit; what room is left."""
    taken = []
    for item in items:
        if item.steps <= room:
            taken.append(item)
            room -= item.steps
    return taken, room
