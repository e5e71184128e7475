"""What to do with the minutes at hand: 0/1 knapsack by dynamic programming (Bellman 1957; Kellerer, Pferschy, Pisinger 2004, 2.3)."""

from __future__ import annotations

import math
from collections.abc import Mapping

TINY = 1e-9


def choose(worth: Mapping[str, tuple[float, float]], room: float, grid: float) -> list[str]:
    """The names of the greatest total worth whose sizes fit the room, in the order of names.

    `worth`: value and size by name; sizes are rounded up to the grid. Of choices of equal worth the one with the lower names is taken;
    what is worth nothing is left.
    """
    names = sorted(name for name, (value, _) in worth.items() if value > 0)
    cells = math.floor(room / grid + TINY)
    sizes = [math.ceil(worth[name][1] / grid - TINY) for name in names]
    best = [[0.0] * (cells + 1)]
    for name, size in zip(reversed(names), reversed(sizes), strict=True):
        after = best[-1]
        value = worth[name][0]
        best.append([max(have, value + after[cell - size]) if size <= cell else have for cell, have in enumerate(after)])
    chosen, cell = [], cells
    for row, (name, size) in enumerate(zip(names, sizes, strict=True)):
        after = best[len(names) - row - 1]
        if size <= cell and worth[name][0] + after[cell - size] >= after[cell] - TINY:
            chosen.append(name)
            cell -= size
    return chosen
