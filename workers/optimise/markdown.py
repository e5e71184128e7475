"""Which discount earns most on a lot that must be sold by a date.

A newsvendor model with price-dependent Poisson demand: demand over the time left grows with (1 - discount)^-elasticity (constant
elasticity, as in Talluri and van Ryzin, The Theory and Practice of Revenue Management, ch. 7); what is not sold is thrown away at a cost,
and part of the extra units sold would have been sold at full price.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

EQUAL = 1e-9


@dataclass(frozen=True)
class Lot:
    """What is known of a lot: units left, full price (minor units), full-price demand a day, selling days left."""

    units: float
    price: int
    daily_demand: float
    days: float


@dataclass(frozen=True)
class Terms:
    """How demand answers a discount, and what selling and not selling cost: `disposal_cost` in minor units for each unit left."""

    elasticity: float
    cannibal_share: float
    disposal_cost: int


@dataclass(frozen=True)
class Step:
    """A discount (%) with the units that it is expected to sell and its value in minor units."""

    discount: float
    units: float
    value: float


def expected_sales(stock: float, mean: float) -> float:
    """E[min(stock, X)] for Poisson X of this mean; `stock` need not be whole."""
    if stock <= 0 or mean <= 0:
        return 0.0
    whole = math.floor(stock)
    logs = (k * math.log(mean) - mean - math.lgamma(k + 1) for k in range(whole + 1))
    chances = [math.exp(value) for value in logs]
    below = sum(k * chance for k, chance in enumerate(chances))
    return below + stock * max(0.0, 1.0 - sum(chances))


def value_of(lot: Lot, terms: Terms, discount: float) -> Step:
    """What a discount (%) is worth: sales, less disposal of the rest, less the full-price sales that it takes away."""
    share = 1 - discount / 100
    demand = lot.daily_demand * lot.days
    sold = expected_sales(lot.units, demand * share**-terms.elasticity)
    extra = max(0.0, sold - expected_sales(lot.units, demand))
    value = share * lot.price * sold - terms.disposal_cost * (lot.units - sold) - terms.cannibal_share * lot.price * extra
    return Step(discount, sold, value)


def best_step(lot: Lot, terms: Terms, discounts: Iterable[float]) -> Step | None:
    """The discount of the highest value, of equal ones the smaller; None where there is none to choose from."""
    best: Step | None = None
    for discount in sorted(discounts):
        step = value_of(lot, terms, discount)
        if best is None or step.value > best.value + EQUAL * max(1.0, abs(best.value)):
            best = step
    return best


def allowed(ladder: Sequence[float], *, price: int, present: float, least_price: float) -> list[float]:
    """The steps of a ladder that neither go back on the present discount nor under the lowest price."""
    return [discount for discount in ladder if discount >= present and price * (100 - discount) >= 100 * least_price]
