"""A sequential test of two shares: after each yes or no it says which of them holds, or that more must be seen.

Wald, "Sequential tests of statistical hypotheses", Annals of Mathematical Statistics 16 (1945). The log-likelihood ratio is summed; its
limits give the chances of error asked for, whatever the number of observations.
"""

from __future__ import annotations

import math
from typing import Literal

EDGE = 1e-9


def limits(alpha: float, beta: float) -> tuple[float, float]:
    """(low, high): from `high` on the larger share is taken, wrongly with chance `alpha`; down from `low` the smaller, with `beta`."""
    return math.log(beta / (1 - alpha)), math.log((1 - beta) / alpha)


def step(total: float, hit: bool, smaller: float, larger: float) -> float:
    """The sum after one more observation, where a hit has chance `smaller` or `larger`."""
    return total + (math.log(larger / smaller) if hit else math.log((1 - larger) / (1 - smaller)))


def verdict(total: float, alpha: float, beta: float) -> Literal["larger", "smaller"] | None:
    """Which share the sum speaks for; None while neither limit is reached."""
    low, high = limits(alpha, beta)
    if total >= high - EDGE:
        return "larger"
    return "smaller" if total <= low + EDGE else None
