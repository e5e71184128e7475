"""Goods that keep a few days: stock by age day by day, first or last in first out, and the order-up-to level that costs least with waste.

Sources: Nahmias, Perishable Inventory Systems (2011), for levels by the whole stock in the goods' several days; Broekmeulen and van
Donselaar, Computers & Operations Research 36 (2009), for EWA, which orders in addition what will be thrown away before the goods come.
For more than a day of life no closed form is known: the level is found by simulation, on the same demand for every level (common random
numbers), so that two levels differ by what they do and not by chance. Own code: no maintained library simulates stock by age.

A day runs: goods arrive, shoppers take, what has reached its last day is thrown away, an order is made at close. `lead_days`: days that
pass without the goods after the day of the order (0: sold from the next morning). Missing goods are lost sales.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from storeloom.workers.optimise.stock_input import Floats, complain, history, needed, quantities, setting

TINY = 1e-9
WEEK = 7
MOST_LEVELS = 40
MOST_CELLS = 20_000_000


@dataclass(frozen=True, slots=True)
class Flow:
    """How goods flow. `life_days`: days on which they can be sold (None: they keep). `fresh_pick`: share of demand that takes the freshest
    first (0 is FIFO, 1 LIFO). `ewa`: orders allow for what will be thrown away before they come."""

    review_days: int = 1
    lead_days: int = 0
    life_days: int | None = None
    case: float = 1.0
    minimum: float = 0.0
    fresh_pick: float = 0.0
    ewa: bool = False

    def faults(self) -> list[Any]:
        """Findings on what is set wrong."""
        return [
            *setting("review_days", self.review_days, "1..60", 1 <= self.review_days <= 60),
            *setting("lead_days", self.lead_days, "0..60", 0 <= self.lead_days <= 60),
            *setting("life_days", self.life_days, "1..60, none", self.life_days is None or 1 <= self.life_days <= 60),
            *setting("case", self.case, "> 0", 0 < self.case < np.inf),
            *setting("minimum", self.minimum, ">= 0", 0 <= self.minimum < np.inf),
            *setting("fresh_pick", self.fresh_pick, "0..1", 0 <= self.fresh_pick <= 1),
        ]


@dataclass(frozen=True, slots=True)
class Costs:
    """Money a unit lost, thrown away, kept over a night; and an order line."""

    lost: float
    waste: float
    holding: float = 0.0
    line: float = 0.0


@dataclass(frozen=True, slots=True)
class Course:
    """What happened on each path, in units after the warm-up: `stock` is the mean at close, `in_stock` the share of days without a loss."""

    demand: Floats
    sold: Floats
    wasted: Floats
    received: Floats
    stock: Floats
    in_stock: Floats
    lines: Floats
    left: Floats
    days: int

    @property
    def lost(self) -> Floats:
        return self.demand - self.sold

    @property
    def fill_rate(self) -> float:
        """Share of all demand that was served."""
        total = float(self.demand.sum())
        return float(self.sold.sum()) / total if total > 0 else 1.0

    @property
    def waste_share(self) -> float:
        """Share of what came in that was thrown away."""
        total = float(self.received.sum())
        return float(self.wasted.sum()) / total if total > 0 else 0.0

    def cost(self, costs: Costs) -> Floats:
        """Mean cost of a day on each path."""
        spent = costs.lost * self.lost + costs.waste * self.wasted + costs.line * self.lines
        return spent / self.days + costs.holding * self.stock


@dataclass(frozen=True, slots=True)
class Level:
    """The order-up-to level that costs least, and `low`..`high`: levels whose cost the simulation cannot tell from it (95 %, paired).

    `tried` holds each level with its mean cost a day.
    """

    up_to: float
    low: float
    high: float
    cost: float
    cost_se: float
    fill_rate: float
    waste_share: float
    tried: tuple[tuple[float, float], ...]


def simulate(
    demand: Floats, flow: Flow, up_to: Floats, reorder: Floats | None = None, *, expected: Floats | None = None, warm_up: int = 0
) -> Course:
    """Run paths of demand (paths x days, no nulls) with levels for each path, or for each path and day.

    An order is made on a review when the position is at or under `reorder` (by default: whenever it is under the level). Stock begins at
    the level of the first day, fresh. `expected`: mean demand a day that EWA reckons with (by default the path's own).
    """
    paths, days = demand.shape
    levels = _by_day(up_to, demand.shape)
    points = levels - 1e-6 if reorder is None else _by_day(reorder, demand.shape)
    ages = np.zeros((paths, flow.life_days or 1))
    ages[:, -1] = levels[:, 0]
    coming = np.zeros((paths, flow.lead_days + 1))
    means = _by_day(demand.mean(axis=1) if expected is None else expected, demand.shape)
    sums = {name: np.zeros(paths) for name in ("demand", "sold", "wasted", "received", "stock", "in_stock", "lines")}
    for day in range(days):
        arrived = coming[:, 0].copy()
        coming[:, :-1] = coming[:, 1:]
        coming[:, -1] = 0
        ages[:, -1] += arrived
        sold = _sell(ages, demand[:, day], flow.fresh_pick)
        wasted = _pass_night(ages, flow.life_days)
        ordered = np.zeros(paths)
        if day % flow.review_days == 0:
            ordered = _orders(ages, coming, flow, levels[:, day], points[:, day], means[:, day])
            coming[:, -1] = ordered
        if day >= warm_up:
            for name, amount in (
                ("demand", demand[:, day]),
                ("sold", sold),
                ("wasted", wasted),
                ("received", arrived),
                ("stock", ages.sum(axis=1)),
                ("in_stock", sold >= demand[:, day] - TINY),
                ("lines", ordered > 0),
            ):
                sums[name] += amount
    kept = max(1, days - warm_up)
    sums["stock"] /= kept
    sums["in_stock"] /= kept
    return Course(**sums, left=ages.sum(axis=1) + coming.sum(axis=1), days=kept)


def best_level(demand: Floats, flow: Flow, costs: Costs, *, levels: Floats | None = None, warm_up: int = 28) -> Level:
    """The order-up-to level of the least mean cost over paths (paths x days). Deterministic; the work is paths x days x levels tried.

    Without `levels` at most 40 are tried between nothing and the largest demand of the protected time, then all about the best.
    Raises `OrderFault` on wrong input.
    """
    checked, found = quantities("demand", demand)
    shape = checked.shape if checked.ndim == 2 else (0, 0)
    found += flow.faults() + needed(("paths", "模拟路径"), shape[0], 2) + needed(("days a path", "每条路径的天数"), shape[1], warm_up + 7)
    fine = all(0 <= one < np.inf for one in (costs.lost, costs.waste, costs.holding, costs.line))
    complain(found + setting("costs", costs, ">= 0", fine))
    if levels is not None:
        return _judge(checked, flow, costs, np.sort(np.asarray(levels, dtype=np.float64)), warm_up)
    span = min(flow.review_days + flow.lead_days, shape[1])
    top = float(np.lib.stride_tricks.sliding_window_view(checked, span, axis=1).sum(axis=2).max())
    step = max(1.0, round(top / MOST_LEVELS))
    rough = _judge(checked, flow, costs, np.arange(0, top + step, step), warm_up)
    if step == 1:
        return rough
    near = np.arange(max(0.0, min(rough.low, rough.up_to - step)), max(rough.high, rough.up_to + step) + 1)
    return _judge(checked, flow, costs, near if near.size <= 3 * MOST_LEVELS else near[:: near.size // (2 * MOST_LEVELS)], warm_up)


def paths(demand: Any, days: int, count: int, seed: int, *, least: int = 14) -> Floats:
    """`count` paths of `days` from one history, by whole weeks drawn with replacement, weekdays in their order; nulls are left out by
    drawing only weeks that have none. Raises `OrderFault` where there is no whole week."""
    values, found = quantities("demand", demand)
    complain(found or needed(("days of demand", "需求天数"), history("demand", values, least).size, least))
    weeks = values[values.size % WEEK :].reshape(-1, WEEK)
    whole = weeks[~np.isnan(weeks).any(axis=1)]
    complain(needed(("whole weeks without a null", "无空值的完整周"), len(whole), 1))
    rng = np.random.default_rng(seed)
    drawn = whole[rng.integers(0, len(whole), (count, -(-days // WEEK)))].reshape(count, -1)
    return np.asarray(drawn[:, :days], dtype=np.float64)


def _judge(demand: Floats, flow: Flow, costs: Costs, levels: Floats, warm_up: int) -> Level:
    """All levels on the same paths at once, in blocks that keep memory bounded."""
    block = max(1, MOST_CELLS // demand.size)
    by_level = []
    for first in range(0, levels.size, block):
        part = levels[first : first + block]
        repeated = np.repeat(demand[None], part.size, axis=0).reshape(-1, demand.shape[1])
        course = simulate(repeated, flow, np.repeat(part, demand.shape[0]), warm_up=warm_up)
        by_level.append(course.cost(costs).reshape(part.size, -1))
    cost = np.vstack(by_level)
    means = cost.mean(axis=1)
    best = int(np.argmin(np.round(means, 9)))
    apart = cost - cost[best]
    near = apart.mean(axis=1) <= 1.96 * apart.std(axis=1, ddof=1) / np.sqrt(cost.shape[1]) + TINY
    alike = levels[near]
    run = simulate(demand, flow, np.full(demand.shape[0], levels[best]), warm_up=warm_up)
    tried = tuple(zip(levels.tolist(), means.tolist(), strict=True))
    error = float(cost[best].std(ddof=1) / np.sqrt(cost.shape[1]))
    return Level(
        float(levels[best]), float(alike.min()), float(alike.max()), float(means[best]), error, run.fill_rate, run.waste_share, tried
    )


def _by_day(levels: Floats, shape: tuple[int, ...]) -> Floats:
    wide = np.asarray(levels, dtype=np.float64)
    return np.broadcast_to(wide if wide.ndim == 2 else wide[:, None], shape)


def _sell(ages: Floats, wanted: Floats, fresh_pick: float) -> Floats:
    """Take demand from stock by age (oldest in column 0), in place; the units sold."""
    before = ages.sum(axis=1)
    sold = np.minimum(before, wanted)
    fresh = np.minimum(sold, wanted * fresh_pick)
    _take(ages[:, ::-1], fresh)
    _take(ages, sold - fresh)
    return np.asarray(sold)


def _take(ages: Floats, qty: Floats) -> None:
    for column in range(ages.shape[1]):
        taken = np.minimum(ages[:, column], qty)
        ages[:, column] -= taken
        qty = qty - taken


def _pass_night(ages: Floats, life: int | None) -> Floats:
    if life is None:
        return np.zeros(len(ages))
    wasted = ages[:, 0].copy()
    ages[:, :-1] = ages[:, 1:]
    ages[:, -1] = 0
    return wasted


def _orders(ages: Floats, coming: Floats, flow: Flow, levels: Floats, points: Floats, means: Floats) -> Floats:
    position = ages.sum(axis=1) + coming.sum(axis=1)
    if flow.ewa and flow.life_days is not None:
        position -= _will_waste(ages, coming, flow, means)
    need = np.where(position <= points, levels - position, 0.0)
    wanted = np.where(need > 1e-6, np.maximum(need, flow.minimum), 0.0)
    return np.asarray(np.ceil(wanted / flow.case - 1e-6) * flow.case)


def _will_waste(ages: Floats, coming: Floats, flow: Flow, means: Floats) -> Floats:
    """What mean demand leaves to be thrown away before the order after this one can be sold."""
    left, waste = ages.copy(), np.zeros(len(ages))
    for ahead in range(flow.lead_days + flow.review_days - 1):
        if ahead < coming.shape[1]:
            left[:, -1] += coming[:, ahead]
        _sell(left, means, flow.fresh_pick)
        waste += _pass_night(left, flow.life_days)
    return waste
