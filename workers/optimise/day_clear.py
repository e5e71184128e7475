"""Evening discounts by steps: how much of what is left will not sell at the present discount, and how far that asks to go down.

Each step of the discount multiplies demand by 1 + uplift, a constant semi-elasticity as in Talluri and van Ryzin, The Theory and Practice
of Revenue Management, ch. 7. Discounts in percent of the base price.
"""

from __future__ import annotations

from dataclasses import dataclass

EQUAL = 1e-9


@dataclass(frozen=True, slots=True)
class Steps:
    """Percent: `step` and `most` of the price, `uplift` of demand a step, `target` of the stock at start, `double` of the stock now."""

    step: float
    most: float
    uplift: float
    target: float
    double: float

    def lift(self, discount: float) -> float:
        """Demand at a discount over that at full price."""
        return float((1 + self.uplift / 100) ** (discount / self.step))

    def leftover(self, stock: float, demand: float, discount: float) -> float:
        """What stays of a stock when `demand` (at full price, until close) meets the discount."""
        return stock - demand * self.lift(discount)

    def after(self, discount: float, *, stock: float, at_start: float, demand: float) -> float:
        """The discount after a decision: it holds on target, else grows one step, or two where more than `double` would stay."""
        left = self.leftover(stock, demand, discount)
        if stock <= 0 or left <= at_start * self.target / 100 + EQUAL:
            return discount
        steps = 2 if left > stock * self.double / 100 + EQUAL else 1
        return max(discount, min(self.most, discount + steps * self.step))
