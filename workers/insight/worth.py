"""What a measured effect is worth: gain, return on investment and payback, each with the effect's own interval.

Simple, undiscounted figures as a retailer's first sheet has them: return = (gain - cost) / cost over the horizon; payback = one-off cost
over the monthly gain after running cost. A month has 365.25 / 12 days.
"""

from __future__ import annotations

from dataclasses import dataclass

from storeloom.workers.insight.effects import Effect
from storeloom.workers.insight.faults import require_setting

DAYS = 365.25 / 12


@dataclass(frozen=True)
class Span:
    """A figure with its interval; None where it does not exist (nothing was spent, what was spent never comes back)."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Worth:
    """Over the horizon, of all stores, in money: `gain` before costs, `cost`, `net`; `roi` as a share of the cost;
    `payback_months` of the one-off cost (its low is the soonest)."""

    gain: Span
    cost: float
    net: Span
    roi: Span
    payback_months: Span


def worth(effect: Effect, *, stores: int, months: int, earned: float = 1.0, one_off: float = 0.0, running: float = 0.0) -> Worth:
    """`effect`: of a store and day; `earned`: money that one unit of it brings (of sales: the margin); `one_off` and `running` (a month,
    below 0 where more is saved than spent): cost of one store."""
    require_setting("stores", stores, ">= 1", stores >= 1)
    require_setting("months", months, ">= 1", months >= 1)
    require_setting("earned", earned, ">= 0", earned >= 0)
    require_setting("one_off", one_off, ">= 0", one_off >= 0)
    cost = stores * (one_off + months * running)
    monthly = [earned * at * DAYS for at in (effect.value, effect.low, effect.high)]
    gains = [stores * months * one for one in monthly]
    nets = [gain - cost for gain in gains]
    roi = [net / cost if cost > 0 else None for net in nets]
    back = [_months(one_off, one - running) for one in monthly]
    return Worth(Span(*gains), cost, Span(*nets), Span(*roi), Span(back[0], back[2], back[1]))


def _months(one_off: float, left: float) -> float | None:
    """Months until what is left of a month has paid the one-off cost; None where it never does."""
    if one_off == 0:
        return 0.0 if left >= 0 else None
    return one_off / left if left > 0 else None
