"""What a store may expect of the grids around it, where it falls short, and where it pays to advertise.

Expectation by the gravity model of Huff ("Defining and Estimating a Trading Area", Journal of Marketing 28, 1964): a household's chance to
choose a store is its size over the distance to a power, by the sum of this over all stores. Distances are at least 50 m. Money is in minor
units.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from storeloom.workers.insight.geo import distance_m

LEAST_M = 50.0
CONTROL_EVERY = 5
KEPT, LEAST_PCT, MOST_PCT = 0.7, 1.0, 50.0
Place = Mapping[str, float]


@dataclass(frozen=True)
class Area:
    """One grid, or several joined: names, households, members, monthly potential, what is expected of it, and what it brings."""

    grids: tuple[str, ...]
    geo: Place
    households: float
    members: int
    potential: float
    expected: float
    actual: float

    @property
    def name(self) -> str:
        return "+".join(self.grids)

    @property
    def gap(self) -> float:
        return max(0.0, self.expected - self.actual)


def probability(grid: Place, own: Place, own_m2: float, rivals: Iterable[Mapping[str, float]], decay: float) -> float:
    """The chance that a household of a grid chooses the own store."""

    def pull(place: Place, size: float) -> float:
        return float(size / max(LEAST_M, distance_m(grid, place)) ** decay)

    mine = pull(own, own_m2)
    return mine / (mine + sum(pull(rival, rival["size_m2"]) for rival in rivals))


def joined(areas: Iterable[Area], least: int, neighbours: Mapping[str, Sequence[str]]) -> list[Area]:
    """Areas of at least so many members: the smallest is joined with its neighbour, a known one first, else the nearest, until all are
    large enough or one is left, which then is the whole trade area."""
    found = sorted(areas, key=lambda one: one.name)
    while len(found) > 1:
        small = min(found, key=lambda one: (one.members, one.name))
        if small.members >= least:
            break
        known = {other for grid in small.grids for other in neighbours.get(grid, ())}
        others = [one for one in found if one is not small]
        next_to = min(others, key=lambda one: (not known & set(one.grids), distance_m(small.geo, one.geo), one.name))
        found = sorted([one for one in others if one is not next_to] + [_both(small, next_to)], key=lambda one: one.name)
    return found


def _both(one: Area, other: Area) -> Area:
    weight = one.households + other.households
    shares = (one.households / weight, other.households / weight) if weight else (0.5, 0.5)
    geo = {part: shares[0] * one.geo[part] + shares[1] * other.geo[part] for part in ("lat", "lon")}
    sums = (getattr(one, name) + getattr(other, name) for name in ("households", "members", "potential", "expected", "actual"))
    return Area(tuple(sorted(one.grids + other.grids)), geo, *sums)


def cost(area: Area, per_household: float) -> float:
    return area.households * per_household


def profit(area: Area, recover_pct: float, margin_pct: float, per_household: float) -> float:
    """What a campaign is expected to earn beyond its cost."""
    return area.gap * recover_pct / 100 * margin_pct / 100 - cost(area, per_household)


def choose(
    areas: Iterable[Area], recover_pct: float, margin_pct: float, per_household: float, budget: float
) -> tuple[list[Area], list[Area]]:
    """Areas to advertise in and those left out as control (every fifth by rank, which costs nothing): by profit for each unit spent, ties
    by name; what does not fit the budget is passed over."""
    worth = [(profit(area, recover_pct, margin_pct, per_household), area) for area in areas]
    paying = [(_ratio(value, cost(area, per_household)), area) for value, area in worth if value > 0]
    ranked = [area for _, area in sorted(paying, key=lambda one: (-one[0], one[1].name))]
    chosen: list[Area] = []
    control: list[Area] = []
    for area in ranked:
        if (len(chosen) + len(control) + 1) % CONTROL_EVERY == 0:
            control.append(area)
        elif cost(area, per_household) <= budget:
            chosen.append(area)
            budget -= cost(area, per_household)
    return chosen, control


def _ratio(worth: float, spent: float) -> float:
    return worth / spent if spent else float("inf")


def lift(before: float, after: float, control_before: float, control_after: float) -> float:
    """What sales rose by beyond what they would have with the control's change."""
    change = control_after / control_before - 1 if control_before > 0 else 0.0
    return after - before - change * before


def learnt(recover_pct: float, lift_of_gap: float) -> float:
    """The share of a gap that the next campaign is expected to win, in percent."""
    return min(MOST_PCT, max(LEAST_PCT, KEPT * recover_pct + (1 - KEPT) * 100 * lift_of_gap))


def scaled(sales: Mapping[str, Any], grids: Iterable[str], whole: Iterable[str]) -> float:
    """Sales of grids brought up to all sales: `{"all": money, "grids": {grid: money}}`; those known by grid stand for the rest."""
    known = sum(sales["grids"].get(grid, 0) for grid in whole)
    own: float = sum(sales["grids"].get(grid, 0) for grid in grids)
    return own * sales["all"] / known if known > 0 else 0.0
