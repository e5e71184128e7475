"""One option of each group for the greatest value within a budget: the multiple-choice knapsack problem, by CP-SAT (OR-Tools).

The form and the use of dominance are those of Kellerer, Pferschy and Pisinger, Knapsack Problems (2004, chapter 11): within a group only
options that are worth more than every cheaper one can stand in an answer. Values are compared to six decimals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from storeloom.workers.optimise import solving
from storeloom.workers.optimise.plans import SEED

WORK = 5.0
EXACT_TO = 10**6


@dataclass(frozen=True, slots=True)
class Option:
    """Something to choose: its worth, 0 or more, and its price in minor units."""

    id: str
    value: float
    price: int


@dataclass(frozen=True, slots=True)
class Selection:
    """One option a group, in the order of the groups. `excess`: how much the price lies above the budget, 0 where it fits."""

    options: tuple[Option, ...]
    value: float
    price: int
    excess: int


def choose(groups: Sequence[Sequence[Option]], budget: int, work: float = WORK) -> Selection | None:
    """The most valuable selection within the budget; of equally valuable ones the cheapest.

    Where none fits, the cheapest one, and of those the most valuable. None where a group is empty. Of options alike in value and price
    the lowest id counts.
    """
    if not groups or not all(groups):
        return None
    fronts = [undominated(group) for group in groups]
    cheapest = [front[0] for front in fronts]
    if sum(option.price for option in cheapest) > budget:
        return _selection(cheapest, budget)
    return _selection(_solve(fronts, budget, work), budget)


def undominated(group: Sequence[Option]) -> list[Option]:
    """The options worth more than every one that costs no more, by rising price."""
    front: list[Option] = []
    for option in sorted(group, key=lambda one: (one.price, -one.value, one.id)):
        if not front or option.value > front[-1].value:
            front.append(option)
    return front


def _solve(fronts: list[list[Option]], budget: int, work: float) -> list[Option]:
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    taken = [[model.new_bool_var(option.id) for option in front] for front in fronts]
    for group in taken:
        model.add_exactly_one(group)
    pairs = [(option, var) for front, group in zip(fronts, taken, strict=True) for option, var in zip(front, group, strict=True)]
    price = sum(option.price * var for option, var in pairs)
    model.add(price <= budget)
    dearer_than_all = 1 + sum(front[-1].price for front in fronts)
    model.maximize(sum(round(option.value * EXACT_TO) * dearer_than_all * var for option, var in pairs) - price)
    solver, outcome = solving.run(model, work, SEED)
    if outcome not in ("optimal", "feasible"):
        return [front[0] for front in fronts]
    return [next(option for option, var in zip(f, g, strict=True) if solver.value(var)) for f, g in zip(fronts, taken, strict=True)]


def _selection(options: Sequence[Option], budget: int) -> Selection:
    price = sum(option.price for option in options)
    return Selection(tuple(options), sum(option.value for option in options), price, max(0, price - budget))
