"""Lead times as they come in: exponentially weighted mean and variance, and a two-sided CUSUM that tells when they have shifted.

Mean and variance after Finch, "Incremental calculation of weighted mean and variance" (2009); CUSUM after Page, "Continuous inspection
schemes" (1954), on deviations in standard deviations of what was known before. Days; plain JSON.
"""

from __future__ import annotations

from typing import Any, Literal

Lead = dict[str, Any]
SLACK = 0.5


def new(mean: float, variance: float) -> Lead:
    """What is known before the first delivery."""
    return {"mean": mean, "variance": variance, "up": 0.0, "down": 0.0}


def observe(lead: Lead, days: float, weight: float, limit: float) -> Literal["longer", "shorter"] | None:
    """Enter a lead time with its weight; the direction of a shift when a sum passes `limit`, after which both sums start again.

    Without any variance known yet a delivery teaches it and is not held against it.
    """
    mean, variance = lead["mean"], lead["variance"]
    shift: Literal["longer", "shorter"] | None = None
    if variance > 0:
        z = (days - mean) / variance**0.5
        lead["up"], lead["down"] = max(0.0, lead["up"] + z - SLACK), max(0.0, lead["down"] - z - SLACK)
        if max(lead["up"], lead["down"]) > limit:
            shift = "longer" if lead["up"] > lead["down"] else "shorter"
            lead["up"] = lead["down"] = 0.0
    lead["mean"] = mean + weight * (days - mean)
    lead["variance"] = (1 - weight) * (variance + weight * (days - mean) ** 2)
    return shift
