"""Price and markdown paths: which price each day, by stock and days left, earns most within the guardrails.

A finite-horizon dynamic programme over a ladder of prices with Poisson demand of constant elasticity (Gallego and van Ryzin, Management
Science 40, 1994; guardrails as in Talluri and van Ryzin, The Theory and Practice of Revenue Management, ch. 5). It is exact for the model:
objective and bound agree. Own code: the states (day, stock, price, days at it, changes left) are this problem's own. `markdown` answers the
simpler question of one discount for the time left. Prices and costs in minor units; what is left at the end costs `disposal_cost` a unit.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storeloom.workers.optimise.plans import Checks, Note, Proof
from storeloom.workers.optimise.stock_input import Floats

EQUAL = 1e-9
MOST_STOCK, MOST_DAYS, MOST_PRICES = 1_000, 120, 30
FLUID_STEPS = 200


@dataclass(frozen=True, slots=True)
class Guards:
    """`least_price`: never under; `most_cut`: largest fall at a change, as a share of the price before; `never_up`: a price that fell stays
    down; `hold_days`: days a price stands at least; `most_changes` over the whole time. None or nought: no such guardrail."""

    least_price: float = 0.0
    most_cut: float | None = None
    never_up: bool = True
    hold_days: int = 1
    most_changes: int | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """`daily`: mean demand of each day at the usual price; `present`: the price in force, a step of the `ladder` like all others.

    `cannibal_share`: of the units sold beyond those of the usual price, the part that would have been sold at the usual price otherwise.
    """

    stock: int
    usual: float
    present: float
    ladder: tuple[float, ...]
    daily: tuple[float, ...]
    elasticity: float
    disposal_cost: float = 0.0
    cannibal_share: float = 0.0
    guards: Guards = Guards()

    @property
    def prices(self) -> tuple[float, ...]:
        return tuple(sorted(self.ladder, reverse=True))

    def rate(self, day: int, price: float) -> float:
        """Mean demand of a day at a price; `elasticity` is negative where demand falls with the price."""
        answer: float = (price / self.usual) ** self.elasticity
        return float(self.daily[day] * answer)

    def earns(self, price: float) -> float:
        """What a unit sold at a price brings, less what it takes from sales at the usual price."""
        extra = max(0.0, 1 - (price / self.usual) ** -self.elasticity)
        return float(price - self.cannibal_share * self.usual * extra)


@dataclass(frozen=True, slots=True)
class Plan:
    """`price`: today's. `path`: (price, stock at the morning) of each day if sales run as expected. `fixed`: the best single price and its
    value. `step` holds the index of the price to set by day, changes left, days held, price and stock."""

    price: float | None
    path: tuple[tuple[float, float], ...]
    fixed: tuple[float, float] | None
    proof: Proof
    step: NDArray[np.int64]


def plan(task: Task) -> Plan:
    """The price path of the highest expected value. Raises `PlanFault` on a wrong task; deterministic."""
    check(task)
    begun = time.perf_counter()
    found = _solve(task)
    if found is None:
        proof = Proof("infeasible", None, None, time.perf_counter() - begun, relax=_relax(task))
        return Plan(None, (), None, proof, np.empty(0, dtype=np.int64))
    value, step = found
    path = _path(task, step)
    binding = _binding(task, value)
    proof = Proof("optimal", value, value, time.perf_counter() - begun, binding)
    return Plan(path[0][0], path, _fixed(task), proof, step)


def value_under(task: Task, chosen: Plan, elasticity: float) -> tuple[float, float]:
    """What the chosen path is worth if the elasticity is another, and the best that was possible then."""
    other = replace(task, elasticity=elasticity)
    best = _solve(other)
    kept = _solve(other, chosen.step)
    if best is None or kept is None:
        raise ValueError("a plan that was infeasible has no value")
    return kept[0], best[0]


def fluid_bound(task: Task) -> float:
    """An upper bound without guardrails but the least price: demand runs as expected, prices may be mixed (Gallego and van Ryzin)."""
    prices = [price for price in task.prices if price >= task.guards.least_price]
    rates = np.array([[task.rate(day, price) for price in prices] for day in range(len(task.daily))])
    worth = np.array([task.earns(price) for price in prices]) + task.disposal_cost

    def dual(cost: float) -> float:
        return float(cost * task.stock + np.maximum((rates * (worth - cost)).max(axis=1), 0.0).sum())

    low, high = 0.0, float(max(worth.max(), 0.0))
    for _ in range(FLUID_STEPS):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, right) if dual(left) <= dual(right) else (left, high)
    return dual((low + high) / 2) - task.disposal_cost * task.stock


def allowed(task: Task, before: float, after: float, *, held: int, changes: int) -> bool:
    """Whether a price may follow another: `held` days at it so far, `changes` made so far."""
    guards = task.guards
    if after < guards.least_price - EQUAL:
        return False
    if after == before:
        return True
    if after > before and guards.never_up:
        return False
    if guards.most_cut is not None and after < before * (1 - guards.most_cut) - EQUAL:
        return False
    return held >= guards.hold_days and (guards.most_changes is None or changes < guards.most_changes)


def _solve(task: Task, keep: NDArray[np.int64] | None = None) -> tuple[float, NDArray[np.int64]] | None:
    """Value and steps by backward induction; with `keep` the value of those steps. None where no first step is allowed."""
    prices, guards = task.prices, task.guards
    changes = 1 if guards.most_changes is None else guards.most_changes + 1
    shape = (changes, guards.hold_days, len(prices), task.stock + 1)
    ahead = np.broadcast_to(-task.disposal_cost * np.arange(task.stock + 1), shape).astype(np.float64)
    steps = np.full((len(task.daily), *shape), -1, dtype=np.int64)
    for day in reversed(range(len(task.daily))):
        now = np.full(shape, -np.inf)
        worth = [_day(task, day, price, ahead[:, :, n, :]) for n, price in enumerate(prices)]
        for left, held, at in np.ndindex(*shape[:3]):
            made = changes - 1 - left
            for to, price in enumerate(prices):
                if not allowed(task, prices[at], price, held=held + 1, changes=made):
                    continue
                then_left = left - (to != at) if guards.most_changes is not None else left
                then_held = 0 if to != at else min(held + 1, guards.hold_days - 1)
                value = worth[to][then_left, then_held]
                if keep is None:
                    better = value > now[left, held, at] + EQUAL * np.maximum(1.0, np.abs(value))
                else:
                    better = keep[day, left, held, at] == to
                now[left, held, at][better] = value[better]
                steps[day, left, held, at][better] = to
        ahead = now
    first = (changes - 1, guards.hold_days - 1, prices.index(task.present), task.stock)
    value = float(ahead[first])
    return (value, steps) if np.isfinite(value) else None


def _day(task: Task, day: int, price: float, ahead: Floats) -> Floats:
    """Expected value of a day at a price and of what follows, for every stock; `ahead` ends in the stock after the day."""
    from scipy.stats import poisson

    stock = task.stock
    chance = poisson.pmf(np.arange(stock + 1), task.rate(day, price))
    sold = np.subtract.outer(np.arange(stock + 1), np.arange(stock + 1))
    moves = np.where(sold >= 0, chance[np.maximum(sold, 0)], 0.0)
    moves[:, 0] = np.maximum(0.0, 1 - moves[:, 1:].sum(axis=1))
    earned = task.earns(price) * (moves * np.maximum(sold, 0)).sum(axis=1)
    usable = np.where(np.isfinite(ahead), ahead, -1e15)
    return np.asarray(earned + usable @ moves.T)


def _path(task: Task, steps: NDArray[np.int64]) -> tuple[tuple[float, float], ...]:
    prices, guards = task.prices, task.guards
    left = 0 if guards.most_changes is None else guards.most_changes
    held, at, stock = guards.hold_days - 1, prices.index(task.present), float(task.stock)
    path = []
    for day in range(len(task.daily)):
        to = int(steps[day, left, held, at, round(stock)])
        left -= int(to != at and guards.most_changes is not None)
        held, at = (0 if to != at else min(held + 1, guards.hold_days - 1)), to
        path.append((prices[at], stock))
        stock = max(0.0, stock - task.rate(day, prices[at]))
    return tuple(path)


def _fixed(task: Task) -> tuple[float, float] | None:
    """The best price that stands from today to the end."""
    best: tuple[float, float] | None = None
    for price in task.prices:
        if allowed(task, task.present, price, held=task.guards.hold_days, changes=0):
            still = replace(task, present=price, ladder=(price,), guards=Guards(never_up=False))
            found = _solve(still)
            if found is not None and (best is None or found[0] > best[1] + EQUAL):
                best = (price, found[0])
    return best


RULES: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("least_price", "No price under {0:g}", "最低价 {0:g}", {"least_price": 0.0}),
    ("most_cut", "No fall of more than {0:.0%} at once", "单次降幅不超过 {0:.0%}", {"most_cut": None}),
    ("never_up", "A price that fell stays down", "降价后不再涨回", {"never_up": False}),
    ("hold_days", "A price stands {0:g} days", "每个价格至少维持 {0:g} 天", {"hold_days": 1}),
    ("most_changes", "At most {0:g} changes", "最多调价 {0:g} 次", {"most_changes": None}),
)


def _set(guards: Guards) -> list[tuple[str, str, str, dict[str, Any]]]:
    """The guardrails in force, in words."""
    return [
        (rule, en.format(getattr(guards, rule)), zh.format(getattr(guards, rule)), off)
        for rule, en, zh, off in RULES
        if getattr(guards, rule) != off[rule]
    ]


def _binding(task: Task, value: float) -> tuple[Note, ...]:
    """Each guardrail without which more could be earned, and how much."""
    notes = []
    for rule, en, zh, off in _set(task.guards):
        found = _solve(replace(task, guards=replace(task.guards, **off)))
        more = 0.0 if found is None else found[0] - value
        if more > 1e-6 * max(1.0, abs(value)):
            notes.append(Note(rule, f"{en}: without it {more:.4g} more would be earned.", f"{zh}：取消后可多赚 {more:.4g}。", more))
    return tuple(notes)


def _relax(task: Task) -> tuple[Note, ...]:
    """The fewest guardrails without which a first step is allowed."""
    rules = _set(task.guards)
    for count in range(1, len(rules) + 1):
        for chosen in combinations(rules, count):
            off = {key: one for *_, switched in chosen for key, one in switched.items()}
            free = replace(task, guards=replace(task.guards, **off))
            if any(allowed(free, task.present, price, held=free.guards.hold_days, changes=0) for price in task.prices):
                return tuple(Note(rule, f"Give up: {en[:1].lower()}{en[1:]}.", f"放弃：{zh}。") for rule, en, zh, _ in chosen)
    return ()


def check(task: Task) -> None:
    """Raise `PlanFault` with all that is wrong in a task."""
    checks, what = Checks(), ("price task", "定价任务")
    checks.within(what, "task", "stock", task.stock, 0, MOST_STOCK)
    checks.within(what, "task", "usual", task.usual, EQUAL)
    checks.within(what, "task", "elasticity", task.elasticity, -20, 0)
    checks.within(what, "task", "disposal_cost", task.disposal_cost)
    checks.within(what, "task", "cannibal_share", task.cannibal_share, 0, 1)
    checks.within(what, "task", "days", len(task.daily), 1, MOST_DAYS)
    checks.within(what, "task", "prices", len(task.ladder), 1, MOST_PRICES)
    checks.unique("price", "价格", map(str, task.ladder))
    _numbers(checks, what, "daily", task.daily, 0)
    _numbers(checks, what, "ladder", task.ladder, EQUAL)
    if task.present not in task.ladder:
        checks.wrong(what, "task", "present", task.present, "a price of the ladder", "价格阶梯中的价格")
    guards = task.guards
    checks.within(what, "guards", "least_price", guards.least_price)
    checks.within(what, "guards", "hold_days", guards.hold_days, 1, 30)
    if guards.most_cut is not None:
        checks.within(what, "guards", "most_cut", guards.most_cut, 0, 1)
    if guards.most_changes is not None:
        checks.within(what, "guards", "most_changes", guards.most_changes, 0, 30)
    checks.done()


def _numbers(checks: Checks, what: tuple[str, str], name: str, values: Sequence[float], low: float) -> None:
    for value in values:
        checks.within(what, "task", name, value, low)
