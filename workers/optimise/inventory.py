"""Periodic review of stock: how much to order now so that it lasts until the order after this one has come.

Source: Silver, Pyke and Thomas, "Inventory and Production Management in Supply Chains" (order-up-to policy with random lead time).
Quantities are in the item's unit, times in days.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Literal, NamedTuple

P10_TO_P90 = 2.563
"""Distance of the 10 % and 90 % quantiles of a normal distribution, in standard deviations."""

EPSILON = 1e-6

Reason = Literal["order_up_to", "presentation", "minimum", "capacity", "max_cover"]


class Line(NamedTuple):
    """An order line: quantity, cases, and what set the quantity."""

    qty: float
    cases: int
    reason: Reason


def safety_factor(level: float) -> float:
    """Standard deviations that keep a normal demand from running out with the chance `level`."""
    return NormalDist().inv_cdf(level)


def spread(p10: float | None, p90: float | None, mean: float) -> float:
    """Standard deviation of a day's demand from its quantiles; of a Poisson demand where they are not known."""
    if p10 is None or p90 is None:
        return math.sqrt(max(0.0, mean))
    return max(0.0, p90 - p10) / P10_TO_P90


def safety_stock(z: float, variance: float, daily: float, lead_sd: float) -> float:
    """`variance`: of the demand over the protection time; `daily`: mean demand a day; `lead_sd`: of the lead time in days."""
    return z * math.sqrt(variance + (daily * lead_sd) ** 2)


def protected_demand(forecasts: Sequence[tuple[float, float | None, float]]) -> tuple[float, float] | None:
    """Mean and variance of demand over days given as (weight, mean, sd); weight is the share of the day that lies in the window.

    Days without a forecast (mean None) count as the mean of the others. None when no day has one.
    """
    known = [(weight, mean, sd) for weight, mean, sd in forecasts if mean is not None]
    seen = sum(weight for weight, _, _ in known)
    if seen <= 0:
        return None
    scale = sum(weight for weight, _, _ in forecasts) / seen
    return scale * sum(weight * mean for weight, mean, _ in known), scale * sum(weight * sd**2 for weight, _, sd in known)


def order_line(
    target: float,
    position: float,
    case: float,
    *,
    minimum: float = 0,
    capacity: float | None = None,
    cover_limit: float | None = None,
    reason: Reason = "order_up_to",
) -> Line | None:
    """The line that lifts `position` to `target`: up to whole cases and the minimum, then down to what shelf and cover allow.

    `cover_limit`: most stock by cover, in units. None where nothing is needed, or no case fits.
    """
    need = target - position
    if need <= EPSILON:
        return None
    wanted = max(need, minimum)
    cases = math.ceil(wanted / case - EPSILON)
    if minimum > need:
        reason = "minimum"
    limits: list[tuple[float, Reason]] = []
    if capacity is not None:
        limits.append((capacity, "capacity"))
    if cover_limit is not None:
        limits.append((cover_limit, "max_cover"))
    for limit, code in limits:
        room = math.floor((limit - position) / case + EPSILON)
        if room < cases:
            cases, reason = max(0, room), code
    return Line(cases * case, cases, reason) if cases else None
