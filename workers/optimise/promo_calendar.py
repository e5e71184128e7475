"""Promotions before they run: what a discount sells and earns, and the calendar of discounts that earns the most.

Demand has a constant elasticity. A product's own elasticity is the slope of log units on log price through its past promotions (through
the origin: at the regular price the baseline is sold), drawn to a prior while there are few. The calendar is a set-packing problem over
product, week and depth with slots, rests and a budget, solved by CP-SAT (OR-Tools); of calendars that earn the same the one of lower
depths, then of earlier weeks. Money in minor units, weeks counted from 0.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from storeloom.workers.optimise import solving

STEEPEST, FLATTEST = -8.0, -0.1
SEED = 1
Z_80 = 1.2815515655446004
LEAST_RESIDUALS = 5


def clipped(elasticity: float) -> float:
    return min(max(elasticity, STEEPEST), FLATTEST)


def elasticity(past: Iterable[tuple[float, float]], prior: float, own_from: int) -> float:
    """Of past promotions (price over regular price, units over baseline): their slope, drawn to the prior while they are fewer than
    `own_from`; clipped to -8..-0.1. Promotions without a lower price or without sales teach nothing."""
    points = [(math.log(price), math.log(units)) for price, units in past if 0 < price < 1 and units > 0]
    if not points:
        return clipped(prior)
    own = sum(x * y for x, y in points) / sum(x * x for x, _ in points)
    n = min(len(points), own_from)
    return clipped((n * own + (own_from - n) * prior) / own_from)


def week_factor(classes: Iterable[str], history: Mapping[str, float], marks: Mapping[str, Iterable[str]]) -> float:
    """How much busier a week of these classes (kinds of calendar entries, weather) is: for each the mean of past weeks (`history`) that had
    it over that of weeks with none (`marks`), 1 where the past has not both."""
    plain = [total for week, total in history.items() if not marks.get(week)]
    factor = 1.0
    for name in sorted(set(classes)):
        alike = [total for week, total in history.items() if name in marks.get(week, ())]
        if alike and plain and sum(plain) > 0:
            factor *= (sum(alike) / len(alike)) / (sum(plain) / len(plain))
    return factor


@dataclass(frozen=True)
class Offer:
    """A product in a week: units and unit margin without a promotion, and what one brings with it: `lost` is the margin of siblings lost
    with each extra unit, `most` the units that can be supplied (None: any)."""

    baseline: float
    regular: int
    cost: float
    elasticity: float
    funding: float = 0.0
    fixed: float = 0.0
    lost: float = 0.0
    display: float = 1.0
    most: float | None = None


@dataclass(frozen=True)
class Outcome:
    """`spend` is the discount and the fixed cost less the funding."""

    units: float
    gain: float
    spend: float


def simulate(offer: Offer, price: int) -> Outcome:
    """What an offer at a price sells and earns more than without it."""
    units = offer.baseline * (price / offer.regular) ** offer.elasticity * offer.display
    units = units if offer.most is None else min(units, offer.most)
    gain = units * (price - offer.cost + offer.funding) - offer.baseline * (offer.regular - offer.cost)
    gain -= max(0.0, units - offer.baseline) * offer.lost + offer.fixed
    return Outcome(units, gain, units * (offer.regular - price - offer.funding) + offer.fixed)


@dataclass(frozen=True)
class Candidate:
    """A discount of a product in a week."""

    product: str
    category: str
    week: int
    depth: int
    gain: float
    spend: float


def calendar(
    candidates: Sequence[Candidate],
    *,
    slots: int,
    cooldown: int,
    taken: Mapping[tuple[str, int], int],
    busy: Mapping[str, Iterable[int]],
    budget: int | None,
    work: float,
) -> tuple[list[Candidate], solving.Outcome]:
    """The candidates of the best calendar, in order of week and product, and what came of the search.

    `taken`: slots that are used already, by category and week; `busy`: weeks of a product's promotions that stand (before 0: past), which
    it rests from; `work`: CP-SAT's deterministic time. Candidates that gain nothing are never chosen.
    """
    free = [one for one in candidates if one.gain > 0 and _is_rested(one, busy.get(one.product, ()), cooldown)]
    if budget is None:
        best: dict[tuple[str, int], Candidate] = {}
        for one in sorted(free, key=lambda one: (-round(one.gain), one.depth)):
            best.setdefault((one.product, one.week), one)
        free = list(best.values())
    free.sort(key=lambda one: (one.product, one.week, one.depth))
    if not free:
        return [], "optimal"
    return _solved(free, slots, cooldown, taken, budget, work)


def _is_rested(one: Candidate, busy: Iterable[int], cooldown: int) -> bool:
    return all(abs(one.week - week) > cooldown for week in busy)


def _solved(
    free: list[Candidate], slots: int, cooldown: int, taken: Mapping[tuple[str, int], int], budget: int | None, work: float
) -> tuple[list[Candidate], solving.Outcome]:
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    chosen = [model.new_bool_var("") for _ in free]
    by_slot: dict[tuple[str, int], list[Any]] = defaultdict(list)
    by_product: dict[str, list[tuple[int, Any]]] = defaultdict(list)
    for one, var in zip(free, chosen, strict=True):
        by_slot[one.category, one.week].append(var)
        by_product[one.product].append((one.week, var))
    for place, there in by_slot.items():
        model.add(sum(there) <= max(0, slots - taken.get(place, 0)))
    for weeks in by_product.values():
        for first in sorted({week for week, _ in weeks}):
            model.add_at_most_one(var for week, var in weeks if first <= week <= first + cooldown)
    if budget is not None:
        model.add(sum(round(one.spend) * var for one, var in zip(free, chosen, strict=True)) <= budget)
    tie = [one.depth * (1 + max(other.week for other in free)) + one.week for one in free]
    scale = 1 + sum(tie)
    model.maximize(sum((round(one.gain) * scale - cost) * var for one, cost, var in zip(free, tie, chosen, strict=True)))
    solver, outcome = solving.run(model, work, SEED)
    if outcome not in ("optimal", "feasible"):
        return [], outcome
    found = [one for one, var in zip(free, chosen, strict=True) if solver.value(var)]
    return sorted(found, key=lambda one: (one.week, one.product)), outcome


def range_80(mean: float, ratios: Sequence[float]) -> tuple[float, float]:
    """Limits that hold 80 % of outcomes: by past ratios of actual to forecast units, by a Poisson spread while there are fewer than 5."""
    if len(ratios) < LEAST_RESIDUALS:
        spread = Z_80 * math.sqrt(max(mean, 0.0))
        return max(0.0, mean - spread), mean + spread
    ordered = sorted(ratios)
    return mean * _quantile(ordered, 0.1), mean * _quantile(ordered, 0.9)


def _quantile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
