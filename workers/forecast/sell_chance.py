"""The chance that more than so many units are asked for, from what a forecast says of its distribution."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist


def from_quantiles(points: Mapping[str, float], units: float) -> float:
    """P(demand > units) from quantiles by share ("0.1" to its value): linear between them; below the lowest what it says, above the highest
    0: nothing is made up beyond what the forecast tells."""
    known = sorted((float(share), value) for share, value in points.items())
    above = [(share, value) for share, value in known if value > units]
    if not above:
        return 0.0
    below = [(share, value) for share, value in known if value <= units]
    if not below:
        return 1 - above[0][0]
    (low, begin), (high, end) = below[-1], above[0]
    return 1 - (low + (high - low) * (units - begin) / (end - begin))


def from_moments(mean: float, variance: float, units: float) -> float:
    """P(demand > units) of whole units from a normal demand, with continuity correction."""
    if variance <= 0:
        return float(mean > units)
    return 1 - NormalDist(mean, math.sqrt(variance)).cdf(units + 0.5)
