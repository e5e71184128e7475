"""Items by worth and steadiness: ABC by cumulative share, XYZ by variation, and safety factors that fit a budget of stock.

ABC-XYZ as in Scholz-Reiter et al., "Integration of demand forecasts in ABC-XYZ analysis" (2012); the budget as one multiplier of all
safety factors, the Lagrangean solution for like costs of a loss (Silver, Pyke and Thomas, "Inventory and Production Management in Supply
Chains", 7.10).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, pstdev

TINY = 1e-9
ROUNDS = 60


def abc(values: Mapping[str, float], cuts: Sequence[float]) -> dict[str, str]:
    """A, B or C by value falling, ties by id: up to the first cut of the cumulative share A, up to the second B; the top item is A."""
    whole, reached, found = sum(max(0.0, value) for value in values.values()), 0.0, {}
    first, second = sorted(cuts)
    for place, id in enumerate(sorted(values, key=lambda id: (-values[id], id))):
        reached += max(0.0, values[id])
        share = reached / whole if whole > 0 else 1.0
        found[id] = "A" if place == 0 or share <= first + TINY else "B" if share <= second + TINY else "C"
    return found


def xyz(variation: float, cuts: Sequence[float]) -> str:
    """X, Y or Z by the coefficient of variation."""
    first, second = sorted(cuts)
    return "X" if variation <= first + TINY else "Y" if variation <= second + TINY else "Z"


def variation(weeks: Sequence[float | None], index: Sequence[float] | None = None) -> float | None:
    """Coefficient of variation of weekly units over the season's index, their deviation that of the weeks themselves, not of a sample.

    Unknown weeks (None) are left out; None with fewer than two.
    """
    season = index or [1.0] * len(weeks)
    known = [units / factor for units, factor in zip(weeks, season, strict=True) if units is not None and factor > 0]
    if len(known) < 2:
        return None
    mean = fmean(known)
    return pstdev(known) / mean if mean > 0 else math.inf


def season_index(weeks: Sequence[float]) -> list[float]:
    """A category's units of each week over their mean; 1 where it sold nothing at all."""
    mean = fmean(weeks) if weeks else 0.0
    return [units / mean if mean > 0 and units > 0 else 1.0 for units in weeks]


def fitted(z: Mapping[str, float], money: Mapping[str, float], budget: float, floors: Mapping[str, float]) -> dict[str, float]:
    """Safety factors times one factor so that the sum of z x money (cost x sd) meets the budget, by bisection; `floors` hold some up.

    Unchanged within the budget; at the floors, the others at 0, where even that is too much.
    """

    def at(factor: float) -> dict[str, float]:
        return {id: max(value * factor, min(value, floors.get(id, 0.0))) for id, value in z.items()}

    def cost(factor: float) -> float:
        return sum(value * money[id] for id, value in at(factor).items())

    if budget <= 0 or cost(1.0) <= budget + TINY:
        return dict(z)
    low, high = 0.0, 1.0
    for _ in range(ROUNDS):
        middle = (low + high) / 2
        low, high = (middle, high) if cost(middle) <= budget else (low, middle)
    return at(low)


def moved(shown: str, counts: str | None, candidate: str | None, seen: int, hold: int) -> tuple[str, str | None, int]:
    """Class that counts, the one that waits, and its months in a row, after a month that shows `shown`.

    A first class counts at once; another one only after it was shown `hold` months in a row.
    """
    if counts is None or shown == counts:
        return shown, None, 0
    seen = seen + 1 if shown == candidate else 1
    return (shown, None, 0) if seen >= hold else (counts, shown, seen)
