"""How far a promotion lifts the demand of an item: by its price, a second placement and the leaflet, and by what the first days tell.

Constant elasticity of price with multipliers for display and feature (Wittink et al., "SCAN*PRO", 1988; van Heerde and Neslin, "Sales
Promotion Models", 2008). An item's elasticity is its own mean, shrunk to that of its category.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

LEAST, MOST = 1.0, 20.0


def price_ratio(kind: str, value: float | None, base: float | None, qty: float | None = None) -> float:
    """Promoted over regular price of one piece, 1 where the kind says nothing of it.

    `percent` and `nth` take `value` per cent off (`nth` of each `qty`-th piece), `amount` minor units off, `fixed` and `member_price` are
    the price; `multi_buy` is the price of `qty` pieces.
    """
    if value is None:
        return 1.0
    if kind == "percent":
        return max(0.01, 1 - value / 100)
    if kind == "nth":
        return max(0.01, 1 - value / 100 / (qty or 2))
    if not base:
        return 1.0
    off = {"amount": base - value, "fixed": value, "member_price": value, "multi_buy": value / (qty or 2)}.get(kind, base)
    return max(0.01, off / base)


def estimate(uplift: float, ratio: float, factors: float) -> float | None:
    """Elasticity that a past promotion shows, after its display and leaflet; None where it tells nothing."""
    if uplift <= 0 or ratio <= 0 or abs(math.log(ratio)) < 1e-9:
        return None
    return math.log(uplift / factors) / math.log(ratio)


def elasticity(own: Sequence[float], category: float, prior_weight: float) -> float:
    """The item's mean, its category's counting as `prior_weight` promotions."""
    whole = len(own) + prior_weight
    return (sum(own) + category * prior_weight) / whole if whole else category


def uplift(ratio: float, elastic: float, factors: float) -> float:
    """Demand over base, from 1 to 20."""
    return min(MOST, max(LEAST, math.pow(ratio, elastic) * factors))


def damped(ratio: float, damping: float) -> float:
    """How far a reading of sold over expected moves what is left."""
    return 1 + damping * (ratio - 1)


def base_rate(units: Mapping[str, float], left_out: Mapping[str, Any], days: Sequence[str]) -> float | None:
    """Mean units of the days that count, None without any."""
    known = [max(0.0, units.get(day, 0.0)) for day in days if day not in left_out]
    return fmean(known) if known else None


def order_units(need: float, case: float) -> float:
    """Units of whole cases that meet a need, 0 for none."""
    return max(0, math.ceil(need / case - 1e-9)) * case
