"""How much to order from demand as it was seen: the newsvendor on empirical quantiles, and periodic review (R,S) by type of service.

Sources: Levi, Perakis and Uichanco, Operations Research 63 (2015), for the newsvendor on samples; Conover, Practical Nonparametric
Statistics, for the interval of a quantile; Silver, Pyke and Thomas, Inventory and Production Management in Supply Chains, for (R,S), its
alpha service (type 1: no demand lost in a cycle) and beta service (type 2, fill rate: share of demand served from stock); Hadley and
Whitin, Analysis of Inventory Systems, for orders in whole cases: the position after a review lies evenly between the target and a case
above it.
The levels hold where what is missing is waited for; where it is lost, as in shops, a little more is served than they say.

Quantities are in the item's unit; a day on which demand could not show is null. Days of weekday rhythm are kept together: sums are of days
in a row as they were, and bootstrap draws are of whole weeks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from storeloom.workers.optimise.newsvendor import Demand, critical_ratio
from storeloom.workers.optimise.stock_input import Floats, complain, history, needed, quantities, setting

Service = Literal["alpha", "beta"]
LEAST_DAYS, LEAST_SUMS, WEEK = 14, 8, 7
DRAWS, POINTS, PARTS = 200, 999, 48
TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Choice:
    """An order of the newsvendor: `low`..`high` hold the best quantity with confidence `level` (`high` None: too few days to say).

    `ratio` is the critical one, `served` the share of the days seen that the order would have covered, `cost` the mean cost of a day.
    """

    qty: float
    low: float
    high: float | None
    level: float
    ratio: float
    served: float
    cost: float


@dataclass(frozen=True, slots=True)
class HoldOut:
    """Cost of a later day under orders from earlier ones: by quantiles, by a normal demand, by the mean; what was `covered` of `ratio`."""

    empirical: float
    normal: float
    mean: float
    covered: float
    ratio: float
    days: int


def newsvendor(demand: Any, under: float, over: float, *, case: float = 1.0, level: float = 0.9) -> Choice:
    """The order that costs least on the days seen: `under` a unit missed, `over` a unit left, in whole cases.

    Of equal orders the smaller. Raises `OrderFault` on wrong demand or costs.
    """
    complain(_costs(under, over, case, level))
    days = np.sort(history("demand", demand))
    ratio = under / (under + over)
    best = float(days[max(0, math.ceil(ratio * days.size - TINY) - 1)])
    near = {math.floor(best / case + TINY) * case, math.ceil(best / case - TINY) * case}
    qty = min(sorted(near), key=lambda one: (round(mean_cost(days, one, under, over), 9), one))
    low, high = quantile_interval(days, ratio, level)
    return Choice(qty, low, high, level, ratio, float(np.mean(days <= qty)), mean_cost(days, qty, under, over))


def mean_cost(days: Floats, qty: float, under: float, over: float) -> float:
    """Mean cost of a day on which `qty` was there."""
    return float(np.mean(under * np.maximum(days - qty, 0) + over * np.maximum(qty - days, 0)))


def quantile_interval(ordered: Floats, ratio: float, level: float) -> tuple[float, float | None]:
    """Order statistics that hold the quantile with confidence `level` whatever the distribution; None beyond the largest."""
    from scipy.stats import binom

    tail = (1 - level) / 2
    lower = int(binom.ppf(tail, ordered.size, ratio))
    upper = int(binom.ppf(1 - tail, ordered.size, ratio)) + 1
    low = float(ordered[lower - 1]) if lower >= 1 else 0.0
    return low, float(ordered[upper - 1]) if upper <= ordered.size else None


def hold_out(demand: Any, under: float, over: float, *, first: int = 28, every: int = 7) -> HoldOut:
    """The check on `newsvendor`: every `every` days the order is set from all days before, and charged for the days that follow."""
    days = history("demand", demand)
    complain(
        _costs(under, over, 1.0, 0.9)
        + setting("every", every, ">= 1", every >= 1)
        + needed(("days of demand", "需求天数"), days.size, max(first, 2) + every)
    )
    ratio = critical_ratio(under, over, (TINY, 1 - TINY))
    costs: list[Floats] = []
    whole = bool(np.all(days == np.round(days)))
    covered: list[float] = []
    for start in range(max(first, 2), days.size, every):
        seen, after = days[:start], days[start : start + every]
        normal = Demand(float(seen.mean()), float(seen.std(ddof=1)))
        by_rule = [newsvendor(seen, under, over).qty, normal.quantile(ratio), normal.mean]
        orders = np.round(by_rule) if whole else np.array(by_rule)
        costs.append(under * np.maximum(after[:, None] - orders, 0) + over * np.maximum(orders - after[:, None], 0))
        covered += [float(day <= orders[0]) for day in after]
    means = np.vstack(costs).mean(axis=0)
    return HoldOut(float(means[0]), float(means[1]), float(means[2]), float(np.mean(covered)), ratio, len(covered))


def _costs(under: float, over: float, case: float, level: float) -> list[Any]:
    return [
        *setting("under", under, "> 0", 0 < under < math.inf),
        *setting("over", over, "> 0", 0 < over < math.inf),
        *setting("case", case, "> 0", 0 < case < math.inf),
        *setting("level", level, "0.5..1", 0.5 < level < 1),
    ]


@dataclass(frozen=True, slots=True)
class Review:
    """When stock is looked at and when an order can be sold: every `review_days`; `lead_days` are the days that pass without the goods
    after the day of the order (0: sold from the next morning), one number or the chance of each. Orders come in whole cases."""

    review_days: int
    lead_days: int | Mapping[int, float] = 0
    case: float = 1.0

    @property
    def leads(self) -> dict[int, float]:
        return dict(self.lead_days) if isinstance(self.lead_days, Mapping) else {self.lead_days: 1.0}

    def faults(self) -> list[Any]:
        """Findings on what is set wrong."""
        total = sum(self.leads.values())
        fine = all(0 <= lead <= 60 and chance >= 0 for lead, chance in self.leads.items()) and abs(total - 1) < 1e-6
        return [
            *setting("review_days", self.review_days, "1..60", 1 <= self.review_days <= 60),
            *setting("lead_days", self.lead_days, "0..60, sum of chances = 1", fine),
            *setting("case", self.case, "> 0", 0 < self.case < math.inf),
        ]


@dataclass(frozen=True, slots=True)
class Target:
    """Order-up-to level S with its interval over histories of the same length, and both levels of service that it is expected to give.

    `later`: the level wanted, as it came out on the last third of the days for a target set from the first two (None: too few days).
    """

    up_to: float
    low: float
    high: float
    level: float
    alpha: float
    beta: float
    safety: float
    later: float | None


def order_up_to(
    demand: Any, review: Review, service: Service, wanted: float, *, level: float = 0.9, seed: int = 0, unit: float = 1.0
) -> Target:
    """The smallest level S, in steps of `unit`, whose service reaches `wanted`; in use `inventory.order_line(S, position, case)` fills it.

    Demand: one value a day in order, null where it could not show. Raises `OrderFault` on wrong input.
    """
    days, found = quantities("demand", demand)
    found += review.faults() + _asked(service, wanted, unit) + setting("level", level, "0.5..1", 0.5 < level < 1)
    complain(found or needed(("days of demand", "需求天数"), int(np.sum(~np.isnan(days))), LEAST_DAYS))
    cycle = _Cycle.of(days, review)
    complain(needed(("spans of known days", "需求已知的连续时段"), cycle.spans, LEAST_SUMS))
    best = cycle.smallest(service, wanted, unit)
    rng = np.random.default_rng(seed)
    drawn = [_Cycle.of(_weeks(days, rng), review) for _ in range(DRAWS)]
    levels = [one.smallest(service, wanted, unit) for one in drawn if one.spans >= LEAST_SUMS]
    low, high = np.quantile(np.array(levels or [best]), [(1 - level) / 2, (1 + level) / 2])
    later = _later(days, review, service, wanted, unit)
    safety = best - cycle.mean
    return Target(best, float(low), float(high), level, cycle.alpha(best), cycle.beta(best), safety, later)


def _asked(service: str, wanted: float, unit: float) -> list[Any]:
    return [
        *setting("service", service, "alpha, beta", service in ("alpha", "beta")),
        *setting("wanted", wanted, "0.5..0.9999", 0.5 <= wanted <= 0.9999),
        *setting("unit", unit, "> 0", 0 < unit < math.inf),
    ]


def level_for(demand: Any, review: Review, service: Service, wanted: float, *, unit: float = 1.0) -> float:
    """The level alone, without its interval and check: for thousands of items at once."""
    days, found = quantities("demand", demand)
    found += review.faults() + _asked(service, wanted, unit)
    complain(found + needed(("days of demand", "需求天数"), int(np.sum(~np.isnan(days))), LEAST_DAYS))
    cycle = _Cycle.of(days, review)
    complain(needed(("spans of known days", "需求已知的连续时段"), cycle.spans, LEAST_SUMS))
    return cycle.smallest(service, wanted, unit)


def service_of(demand: Any, review: Review, up_to: float) -> tuple[float, float]:
    """Alpha and beta service that an order-up-to level gives on the days seen."""
    days, found = quantities("demand", demand)
    found += review.faults() + setting("up_to", up_to, ">= 0", 0 <= up_to < math.inf)
    complain(found + needed(("days of demand", "需求天数"), int(np.sum(~np.isnan(days))), LEAST_DAYS))
    cycle = _Cycle.of(days, review)
    return cycle.alpha(up_to), cycle.beta(up_to)


def sums(days: Floats, length: int) -> Floats:
    """Demand of all spans of `length` days in a row without a null; of nothing for length 0."""
    if length == 0:
        return np.zeros(1)
    if days.size < length:
        return np.empty(0)
    whole = np.lib.stride_tricks.sliding_window_view(days, length).sum(axis=1)
    return np.asarray(whole[~np.isnan(whole)], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class _Cycle:
    """Sums over lead time and over lead time with review, each with the chance of its lead time; `demand` of one review."""

    parts: tuple[tuple[float, Floats, Floats], ...]
    demand: float
    case: float

    @classmethod
    def of(cls, days: Floats, review: Review) -> _Cycle:
        parts = tuple(
            (chance, sums(days, lead), sums(days, lead + review.review_days)) for lead, chance in review.leads.items() if chance > 0
        )
        known = days[~np.isnan(days)]
        return cls(parts, float(known.mean()) * review.review_days if known.size else 0.0, review.case)

    @property
    def spans(self) -> int:
        """Sums known of the longest span; the shorter ones have more."""
        return min(whole.size for _, _, whole in self.parts)

    @property
    def mean(self) -> float:
        return float(sum(chance * whole.mean() for chance, _, whole in self.parts))

    def positions(self, up_to: float) -> Floats:
        """Where stock and orders stand after a review: the target and, by whole cases, evenly up to a case above."""
        points = int(min(max(1, round(self.case)), PARTS))
        return np.asarray(up_to + self.case / points * np.arange(points), dtype=np.float64)

    def alpha(self, up_to: float) -> float:
        at = self.positions(up_to)
        return float(sum(chance * np.mean(whole[:, None] <= at + TINY) for chance, _, whole in self.parts))

    def beta(self, up_to: float) -> float:
        if self.demand <= 0:
            return 1.0
        at = self.positions(up_to)
        short = 0.0
        for chance, lead, whole in self.parts:
            missing = np.maximum(whole[:, None] - at, 0).mean() - np.maximum(lead[:, None] - at, 0).mean()
            short += chance * float(missing)
        return min(1.0, max(0.0, 1 - short / self.demand))

    def smallest(self, service: Service, wanted: float, unit: float) -> float:
        level = self.alpha if service == "alpha" else self.beta
        top = max(float(whole.max()) for _, _, whole in self.parts)
        low, high = 0, math.ceil(top / unit)
        while low < high:
            middle = (low + high) // 2
            if level(middle * unit) >= wanted - TINY:
                high = middle
            else:
                low = middle + 1
        return high * unit


def _weeks(days: Floats, rng: np.random.Generator) -> Floats:
    """A history of the same length from whole weeks drawn with replacement, weekdays in their order."""
    weeks = math.ceil(days.size / WEEK)
    starts = rng.integers(0, max(1, days.size // WEEK), weeks) * WEEK
    places = (starts[:, None] + np.arange(WEEK)[None, :]).ravel()[: days.size]
    return np.asarray(days[np.minimum(places, days.size - 1)], dtype=np.float64)


def _later(days: Floats, review: Review, service: Service, wanted: float, unit: float) -> float | None:
    cut = days.size * 2 // 3
    first, last = _Cycle.of(days[:cut], review), _Cycle.of(days[cut:], review)
    if min(first.spans, last.spans) < LEAST_SUMS:
        return None
    up_to = first.smallest(service, wanted, unit)
    return last.alpha(up_to) if service == "alpha" else last.beta(up_to)
