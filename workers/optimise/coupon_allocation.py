"""Which coupon each member gets so that a fixed budget of expected redemption earns most: a multiple-choice knapsack.

At most one option a member, total expected cost within the budget, total expected profit maximal. Exact by CP-SAT for up to `EXACT_MEMBERS`
members; above that by the greedy on the members' convex hulls, which takes steps by incremental profit per incremental cost and is off by
less than the profit of one step (Sinha and Zoltners, Operations Research 27, 1979). Options without profit are never taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from storeloom.workers.optimise.solving import run

EXACT_MEMBERS = 5000
WORK = 20.0
CENTS = 100
TINY = 1e-9


class Option(NamedTuple):
    """A coupon for a member: expected `profit` over no coupon, and expected `cost`, its redeemed face value, both in minor units."""

    arm: str
    profit: float
    cost: float


def option(arm: str, chance: float, chance_without: float, margin: float, face: float) -> Option:
    """What an arm is expected to earn and cost: `margin` on a basket that would not have come, `face` given to all who then buy."""
    return Option(arm, (chance - chance_without) * margin - chance * face, chance * face)


def allocate(options: Mapping[str, Sequence[Option]], budget: float, *, exact: int = EXACT_MEMBERS, seed: int = 0) -> dict[str, Option]:
    """The option of each member that gets one. Where CP-SAT finds no plan within its work, the greedy's holds."""
    worthy = {member: kept for member, choices in sorted(options.items()) if (kept := _worthy(choices, budget))}
    greedy = _greedy(worthy, budget)
    return (_exact(worthy, budget, greedy, seed) or greedy) if 0 < len(worthy) <= exact else greedy


def _worthy(choices: Sequence[Option], budget: float) -> list[Option]:
    return [one for one in choices if one.profit > TINY and one.cost <= budget + TINY]


def _exact(worthy: Mapping[str, list[Option]], budget: float, hint: Mapping[str, Option], seed: int) -> dict[str, Option]:
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    taken, costs, profits = [], [], []
    for member, choices in worthy.items():
        own = [model.new_bool_var("") for _ in choices]
        model.add_at_most_one(own)
        for chosen, one in zip(own, choices, strict=True):
            taken.append((chosen, member, one))
            model.add_hint(chosen, hint.get(member) == one)
            costs.append(round(one.cost * CENTS) * chosen)
            profits.append(round(one.profit * CENTS) * chosen)
    model.add(sum(costs) <= round(budget * CENTS))
    model.maximize(sum(profits))
    solver, outcome = run(model, WORK, seed)
    if outcome not in ("optimal", "feasible"):
        return {}
    return {member: one for chosen, member, one in taken if solver.value(chosen)}


def _greedy(worthy: Mapping[str, list[Option]], budget: float) -> dict[str, Option]:
    """Steps along each member's hull, the best profit per cost first; a step that does not fit is left out with those after it."""
    steps = []
    for member, choices in worthy.items():
        before = Option("", 0.0, 0.0)
        for number, one in enumerate(_hull(choices)):
            ratio = (one.profit - before.profit) / max(one.cost - before.cost, TINY)
            steps.append((-ratio, member, number, one, one.cost - before.cost))
            before = one
    found: dict[str, Option] = {}
    reached: dict[str, int] = {}
    left = budget
    for _, member, number, one, more in sorted(steps):
        if number == reached.get(member, 0) and more <= left + TINY:
            found[member], reached[member] = one, number + 1
            left -= more
    return found


def _hull(choices: Sequence[Option]) -> list[Option]:
    """The options on the upper convex hull over (0, 0), by rising cost and profit."""
    hull = [Option("", 0.0, 0.0)]
    for one in sorted(choices, key=lambda one: (one.cost, -one.profit, one.arm)):
        if one.profit <= hull[-1].profit:
            continue
        while len(hull) > 1 and _slope(hull[-2], hull[-1]) <= _slope(hull[-2], one):
            hull.pop()
        hull.append(one)
    return hull[1:]


def _slope(one: Option, other: Option) -> float:
    return (other.profit - one.profit) / max(other.cost - one.cost, TINY)
