"""What a sales channel may still sell of one stock: free units behind a buffer against what sells before it hears of it."""

from __future__ import annotations

import math


def buffer(mean: float, service: float) -> int:
    """The smallest number of units that a Poisson demand of this mean stays within with the chance `service`."""
    units, term = 0, math.exp(-mean)
    reached = term
    while reached < service - 1e-12 and units < mean + 40 * math.sqrt(mean) + 40:
        units += 1
        term *= mean / units
        reached += term
    return units


def figure(free: float, share: float) -> int:
    """Whole units that a channel sees of what is free."""
    return math.floor(max(0.0, free) * share + 1e-9)
