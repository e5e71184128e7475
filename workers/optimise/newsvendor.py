"""Orders of goods that do not keep: the balance of lost sales against waste, and what of today's stock is still good.

Source: Arrow, Harris and Marschak (1951), "Optimal inventory policy"; Silver, Pyke and Thomas (the newsvendor and its multi-day form).
Money in minor units per unit of goods, quantities in the item's unit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import NormalDist
from typing import Any

Batch = dict[str, Any]
"""`{"lot": str or None, "expiry": ISO date or None, "qty": number}`."""

NORMAL = NormalDist()
BISECTIONS = 60
TINY = 1e-9


@dataclass(frozen=True)
class Demand:
    """Demand of a window: mean, standard deviation, and quantiles by share where they are known (else it is normal)."""

    mean: float
    sd: float
    points: Mapping[float, float] | None = None

    def quantile(self, share: float) -> float:
        """Between known quantiles along the normal scale, so that those of a normal demand give back the normal one; floored at 0."""
        z = NORMAL.inv_cdf(share)
        known = sorted((NORMAL.inv_cdf(at), value) for at, value in (self.points or {}).items())
        if len(known) < 2:
            return max(0.0, self.mean + z * self.sd)
        upper = next((index for index, (at, _) in enumerate(known) if at >= z), len(known) - 1)
        (z0, low), (z1, high) = known[max(0, upper - 1)], known[max(1, upper)]
        return max(0.0, low + (high - low) * (z - z0) / (z1 - z0))

    def chance_below(self, qty: float) -> float:
        """Chance that demand stays below `qty`, normal."""
        if self.sd <= TINY:
            return 1.0 if qty > self.mean else 0.0
        return NORMAL.cdf((qty - self.mean) / self.sd)


def total(days: Sequence[Demand]) -> Demand:
    """Demand of independent days together; the quantiles of one day are kept, those of several are normal."""
    if len(days) == 1:
        return days[0]
    return Demand(sum(day.mean for day in days), math.sqrt(sum(day.sd**2 for day in days)))


def critical_ratio(under: float, over: float, limits: Sequence[float]) -> float:
    """Chance of no lost sale at which one more unit earns nothing, held within `limits`."""
    ratio = under / (under + over) if under + over > 0 else 1.0
    return min(max(ratio, limits[0]), limits[1])


def target(served: Demand, under: float, over: float, limits: Sequence[float], life: Demand | None = None) -> tuple[float, float]:
    """Stock to open the served days with, and its critical ratio.

    `life`: demand until the goods expire, for those that outlive the served days: the over cost then counts with the chance that a unit
    is still there at expiry. That chance grows with the target, which is found by bisection.
    """
    if life is None:
        ratio = critical_ratio(under, over, limits)
        return served.quantile(ratio), ratio
    low, high = limits
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        wasted = life.chance_below(served.quantile(middle))
        if middle < critical_ratio(under, over * wasted, limits) - TINY:
            low = middle
        else:
            high = middle
    return served.quantile(high), high


def packs(need: float, pack: float) -> int:
    """Nearest number of packs, half up, never below 0."""
    return max(0, math.floor(need / pack + 0.5 + TINY))


def usable(
    batches: Sequence[Batch],
    days: Sequence[tuple[date, float]],
    delivery: date,
    fresh_pick: float,
    arrivals: Sequence[tuple[date, Batch]] = (),
) -> float:
    """What is left and good on the delivery day.

    `days`: demand still to come on each day before it. On each day batches past their date leave, then `fresh_pick` of the demand takes
    the freshest batch and the rest the oldest, going on to the next when one is empty. Batches without a date are the freshest.
    `arrivals`: batches that come in before the delivery day, with their days.
    """
    waiting = [(day, _copy(batch)) for day, batch in arrivals]
    left = sorted(map(_copy, batches), key=_age)
    for day, demand in days:
        left = _good(sorted([*left, *(batch for due, batch in waiting if due <= day)], key=_age), day)
        waiting = [(due, batch) for due, batch in waiting if due > day]
        _take(left[::-1], demand * fresh_pick)
        _take(left, demand * (1 - fresh_pick))
    return float(sum(batch["qty"] for batch in _good([*left, *(batch for _, batch in waiting)], delivery)))


def remove(batches: list[Batch], qty: float, lot: str | None = None) -> None:
    """Take goods out of their lot as far as it goes, else of the oldest batches."""
    own = [batch for batch in batches if lot is not None and batch["lot"] == lot]
    rest = _take(own, qty)
    _take(sorted(batches, key=_age), rest)
    batches[:] = [batch for batch in batches if batch["qty"] > TINY]


def _copy(batch: Batch) -> Batch:
    return {"expiry": batch.get("expiry"), "qty": max(0.0, batch["qty"])}


def _age(batch: Batch) -> tuple[bool, str]:
    return batch["expiry"] is None, batch["expiry"] or ""


def _good(batches: list[Batch], day: date) -> list[Batch]:
    return [batch for batch in batches if batch["expiry"] is None or batch["expiry"] >= day.isoformat()]


def _take(batches: Sequence[Batch], qty: float) -> float:
    for batch in batches:
        taken = min(batch["qty"], qty)
        batch["qty"] -= taken
        qty -= taken
    return qty
