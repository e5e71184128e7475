"""Order policies judged by simulation on the demand of real days: service, waste, stock and cost beside a fixed (s,S).

Every policy meets the same demand on the same days (common random numbers), learns only from days before, and differs from the baseline
item by item, so that the interval of the difference is far narrower than that of either cost (Law, Simulation Modeling and Analysis,
ch. 11).
The demand is taken as it would have been with full shelves; where only sales are known, set the days sold out to null and fill them first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import polars as pl

from storeloom.core.kernel.errors import Finding
from storeloom.workers.optimise.inventory import safety_factor
from storeloom.workers.optimise.order_up_to import Review, level_for
from storeloom.workers.optimise.perishable import Costs, Course, Flow, best_level, paths, simulate
from storeloom.workers.optimise.stock_input import Floats, complain, needed, quantities, setting

BASELINE = "fixed_s_S"
LEAST_HISTORY = 56
SERVICE = 0.98
COVER_DAYS = 7
DRAWS = 1_000
PATHS, PATH_DAYS, WARM = 24, 112, 28


class Levels(NamedTuple):
    """Order when the position is at or under `reorder`, up to `up_to`; `ewa` allows for what will be thrown away."""

    reorder: float
    up_to: float
    ewa: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """An item on trial: demand of the days before (learnt from) and of the days judged, how it flows, what it costs."""

    item: str
    before: Floats
    judged: Floats
    flow: Flow
    costs: Costs


Policy = Callable[[Floats, Flow, Costs], Levels]


@dataclass(frozen=True, slots=True)
class Judgement:
    """`table`: a row a policy: fill_rate, in_stock (share of item-days without a loss), waste_share, stock (units), lines and cost a day,
    and `ratio` of its cost to the baseline's with `low`..`high` (95 %, paired over items). `by_item`: cost a day of each."""

    table: pl.DataFrame
    by_item: pl.DataFrame
    baseline: str


def fixed_s_s(history: Floats, flow: Flow, costs: Costs) -> Levels:
    """The textbook (s,S): s covers lead time and review at 95 % of a normal demand, S a week's sales more (goods' life at most)."""
    span = flow.lead_days + flow.review_days
    mean, sd = float(history.mean()), float(history.std(ddof=1))
    reorder = mean * span + safety_factor(0.95) * sd * math.sqrt(span)
    cover = COVER_DAYS if flow.life_days is None else min(COVER_DAYS, max(0, flow.life_days - span))
    return Levels(reorder, reorder + mean * cover)


def normal_r_s(history: Floats, flow: Flow, costs: Costs) -> Levels:
    """(R,S) for 98 % of cycles without a loss under a normal demand."""
    span = flow.lead_days + flow.review_days
    up_to = float(history.mean()) * span + safety_factor(SERVICE) * float(history.std(ddof=1)) * math.sqrt(span)
    return Levels(up_to - 1e-6, up_to)


def fill_rate_r_s(history: Floats, flow: Flow, costs: Costs) -> Levels:
    """(R,S) for a fill rate of 98 % on the demand as it was."""
    up_to = level_for(history, Review(flow.review_days, flow.lead_days, flow.case), "beta", SERVICE)
    return Levels(up_to - 1e-6, up_to)


def least_cost(history: Floats, flow: Flow, costs: Costs) -> Levels:
    """The order-up-to level of the least cost on paths drawn from the history: lost sales against stock and waste."""
    found = best_level(paths(history, PATH_DAYS, PATHS, seed=0), flow, costs, warm_up=WARM)
    return Levels(found.up_to - 1e-6, found.up_to)


def least_cost_ewa(history: Floats, flow: Flow, costs: Costs) -> Levels:
    """The same with orders that allow for what will be thrown away before they come."""
    found = best_level(paths(history, PATH_DAYS, PATHS, seed=0), replace(flow, ewa=True), costs, warm_up=WARM)
    return Levels(found.up_to - 1e-6, found.up_to, ewa=True)


def fitted_s_s(history: Floats, flow: Flow, costs: Costs) -> Levels:
    """The (s,S) of the least cost on paths drawn from the history, from a grid of both."""
    drawn = paths(history, PATH_DAYS, PATHS, seed=0)
    plain = fixed_s_s(history, flow, costs)
    mean = float(history.mean())
    grid = [
        Levels(share * plain.reorder, max(1.0, share * plain.reorder + cover * mean))
        for share in np.linspace(0.0, 1.4, 15)
        for cover in (0, 1, 2, 4, 7, 14)
    ]
    up_to, reorder = (np.repeat([level[at] for level in grid], PATHS) for at in (1, 0))
    ran = simulate(np.tile(drawn, (len(grid), 1)), flow, up_to, reorder, warm_up=WARM)
    return grid[int(np.argmin(np.round(ran.cost(costs).reshape(len(grid), PATHS).mean(axis=1), 9)))]


POLICIES: Mapping[str, Policy] = {
    BASELINE: fixed_s_s,
    "fitted_s_S": fitted_s_s,
    "normal_R_S": normal_r_s,
    "fill_rate_R_S": fill_rate_r_s,
    "least_cost_R_S": least_cost,
    "least_cost_EWA": least_cost_ewa,
}
ONCE = frozenset({BASELINE, "fitted_s_S"})


def judge(
    cases: Sequence[Case],
    policies: Mapping[str, Policy] = POLICIES,
    *,
    baseline: str = BASELINE,
    once: frozenset[str] = ONCE,
    every: int = 28,
    warm_up: int = 14,
    seed: int = 0,
) -> Judgement:
    """Run all policies on all items. Those in `once` keep the levels of the first day, the others learn anew every `every` days.

    Figures leave out the first `warm_up` days, whose stock is what the policy began with. Raises `OrderFault` on wrong cases.
    """
    _check(cases, policies, baseline, every, warm_up)
    runs = {name: [_run(case, policy, name in once, every, warm_up) for case in cases] for name, policy in policies.items()}
    costs = {name: np.array([float(run.cost(case.costs)[0]) for run, case in zip(runs[name], cases, strict=True)]) for name in policies}
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, len(cases), (DRAWS, len(cases)))
    rows = []
    for name in policies:
        ratios = costs[name][picks].sum(axis=1) / np.maximum(costs[baseline][picks].sum(axis=1), 1e-12)
        low, high = np.quantile(ratios, [0.025, 0.975])
        whole = _sum(runs[name])
        rows.append(
            {
                "policy": name,
                "fill_rate": whole.fill_rate,
                "in_stock": float(whole.in_stock.mean()),
                "waste_share": whole.waste_share,
                "stock": float(whole.stock.sum()),
                "lines": float(whole.lines.sum()) / whole.days,
                "cost": float(costs[name].sum()),
                "ratio": float(costs[name].sum()) / max(float(costs[baseline].sum()), 1e-12),
                "low": float(low),
                "high": float(high),
            }
        )
    by_item = pl.DataFrame({"item": [case.item for case in cases], **{name: costs[name] for name in policies}})
    return Judgement(pl.DataFrame(rows), by_item, baseline)


def _run(case: Case, policy: Policy, once: bool, every: int, warm_up: int) -> Course:
    days = case.judged.size
    up_to, reorder, expected = np.zeros((1, days)), np.zeros((1, days)), np.zeros((1, days))
    ewa = False
    for start in range(0, days, days if once else every):
        known = np.concatenate([case.before, case.judged[:start]])
        levels = policy(known, case.flow, case.costs)
        stop = days if once else start + every
        up_to[0, start:stop], reorder[0, start:stop], ewa = levels.up_to, levels.reorder, levels.ewa
        expected[0, start:stop] = known.mean()
    return simulate(case.judged[None], replace(case.flow, ewa=ewa), up_to, reorder, expected=expected, warm_up=warm_up)


def _sum(runs: Sequence[Course]) -> Course:
    names = ("demand", "sold", "wasted", "received", "stock", "in_stock", "lines", "left")
    return Course(**{name: np.concatenate([getattr(run, name) for run in runs]) for name in names}, days=runs[0].days)


def _check(cases: Sequence[Case], policies: Mapping[str, Policy], baseline: str, every: int, warm_up: int) -> None:
    found: list[Finding] = needed(("items on trial", "受试商品"), len(cases), 2)
    found += setting("baseline", baseline, ", ".join(policies), baseline in policies) + setting("every", every, ">= 1", every >= 1)
    found += setting("warm_up", warm_up, ">= 0", warm_up >= 0)
    lengths = {case.judged.size for case in cases}
    found += setting("days judged", sorted(lengths), "the same for all items", len(lengths) <= 1)
    for case in cases:
        found += case.flow.faults()
        for name, values, least in (("before", case.before, LEAST_HISTORY), ("judged", case.judged, warm_up + 7)):
            checked, bad = quantities(f"{case.item} {name}", values)
            gaps = int(np.isnan(checked).sum())
            found += bad + setting(f"{case.item} {name} null", gaps, "0", gaps == 0)
            found += needed((f"days {name} of {case.item}", f"{case.item} 的天数（{name}）"), checked.size, least)
    complain(found)
