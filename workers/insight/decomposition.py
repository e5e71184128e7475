"""Why a figure moved: a product of factors, its change split exactly into the change that each factor brought.

Additive logarithmic-mean Divisia index, LMDI I (Ang, "The LMDI approach to decomposition analysis: a practical guide", Energy Policy 33,
2005): no rest is left, and the order of the factors does not matter.
"""

from __future__ import annotations

import math
from collections.abc import Mapping


def logarithmic_mean(one: float, other: float) -> float:
    """(a - b) / (ln a - ln b) of two positive numbers; either of them where they are equal."""
    return one if one == other else (one - other) / (math.log(one) - math.log(other))


def divisia(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """What each factor added to the product of all; factors are positive and the same in both."""
    weight = logarithmic_mean(math.prod(after.values()), math.prod(before.values()))
    return {name: weight * math.log(after[name] / before[name]) for name in before}


def whole(parts: Mapping[str, float], total: int) -> dict[str, int]:
    """The parts rounded to integers that add up to `total`: what rounding leaves goes to the parts that it changed most."""
    rounded = {name: math.floor(value) for name, value in parts.items()}
    rest = total - sum(rounded.values())
    for name in sorted(parts, key=lambda name: (rounded[name] - parts[name], name))[: max(rest, 0)]:
        rounded[name] += 1
    return rounded
