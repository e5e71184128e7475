"""How unlikely it is that an item that is on the shelf did not sell for so long, from the units expected in that time.

Poisson where hourly sales vary as their mean does, else the negative binomial with shape k = mean^2 / (variance - mean) by moments
(Anscombe, "Sampling theory of the negative binomial and logarithmic series distributions", 1950).
"""

from __future__ import annotations

import math
from collections.abc import Iterable


def shape(hours: Iterable[tuple[int, float, float]], poisson_limit: float) -> float | None:
    """k of hourly sales given as (hours, sum, sum of squares) a day; None where variance over mean does not pass the limit (Poisson)."""
    rows = list(hours)
    count = sum(row[0] for row in rows)
    mean = sum(row[1] for row in rows) / count if count else 0.0
    if mean <= 0:
        return None
    variance = sum(row[2] for row in rows) / count - mean**2
    return mean**2 / (variance - mean) if variance / mean > poisson_limit and variance > mean else None


def chance(expected: float, k: float | None) -> float:
    """Chance of no sale while `expected` units were expected."""
    return math.exp(-expected) if k is None else (k / (k + expected)) ** k


def tuned(silence_p: float, precision: float, aim: float, least: float, most: float) -> float:
    """The threshold a factor of 2 stricter where too few checks find an empty shelf, else a factor of 2 wider, within its limits."""
    if precision == aim:
        return silence_p
    return min(most, silence_p * 2) if precision > aim else max(least, silence_p / 2)
