"""Which units to move from stores where they sleep to stores where they sell, when each pair of stores used costs a parcel.

A fixed-charge transport problem whose units are worth less the more of them arrive, and cost the giver more the more of them go, so that
the relaxation is tight within a parcel (Wong, van Houtum, Cattrysse and Van Oudheusden, "Multi-item spare parts systems with lateral
transshipments", 2006, for the trade-off). HiGHS by scipy on one thread, bounded by nodes and by 60 s; where it finds nothing, parcel by
parcel, the best first. Chances are of a unit's sale within the horizon; money in minor units.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

NODES, SECONDS = 2000, 60.0
TINY = 1e-6
Pair = tuple[str, str]
Flow = dict[tuple[str, str, str], int]
"""Units by item, giver and receiver."""


@dataclass(frozen=True)
class Problem:
    """`givers` and `receivers`: by (item, store) the sale's chance of the first, second, ... unit that leaves (never falling) or arrives
    (never rising); `margin` by item; `parcels`: cost by (giver, receiver), pairs without one do not trade."""

    givers: Mapping[tuple[str, str], tuple[float, ...]]
    receivers: Mapping[tuple[str, str], tuple[float, ...]]
    margin: Mapping[str, float]
    parcels: Mapping[Pair, float]
    unit_cost: float = 0.0
    max_lines: int = 500
    closed: frozenset[Pair] = field(default_factory=frozenset)

    def routes(self) -> list[tuple[str, str, str, int]]:
        """Item, giver, receiver and most units, where the first unit gains."""
        found = []
        for (item, giver), gone in sorted(self.givers.items()):
            for (wanted, receiver), come in sorted(self.receivers.items()):
                pair = (giver, receiver)
                trade = wanted == item and giver != receiver and pair in self.parcels and pair not in self.closed
                if trade and gone and come and self.margin[item] * (come[0] - gone[0]) > self.unit_cost:
                    found.append((item, giver, receiver, min(len(gone), len(come))))
        return found


def solve(problem: Problem, least: float = 0.0) -> tuple[Flow, dict[Pair, float]]:
    """The flows with the greatest sum of gains less parcels, and what each parcel nets. Parcels that net less than `least` are taken out
    and the rest is solved once more without them."""
    flow = _best(problem)
    nets = net(problem, flow)
    poor = frozenset(pair for pair, gain in nets.items() if gain < least - TINY)
    if poor:
        again = replace(problem, closed=problem.closed | poor)
        flow = _best(again)
        nets = net(again, flow)
        flow = {key: units for key, units in flow.items() if nets[key[1:]] >= least - TINY}
        nets = net(again, flow)
    return flow, nets


def net(problem: Problem, flow: Flow) -> dict[Pair, float]:
    """Gains less the parcel by pair; units of an item that several stores send or get share its chances evenly."""
    gone: dict[tuple[str, str], int] = {}
    come: dict[tuple[str, str], int] = {}
    for (item, giver, receiver), units in flow.items():
        gone[item, giver] = gone.get((item, giver), 0) + units
        come[item, receiver] = come.get((item, receiver), 0) + units
    nets: dict[Pair, float] = {}
    for (item, giver, receiver), units in sorted(flow.items()):
        out = sum(problem.givers[item, giver][: gone[item, giver]]) / gone[item, giver]
        back = sum(problem.receivers[item, receiver][: come[item, receiver]]) / come[item, receiver]
        pair = (giver, receiver)
        gain = units * (problem.margin[item] * (back - out) - problem.unit_cost)
        nets[pair] = nets.get(pair, -problem.parcels[pair]) + gain
    return nets


def _best(problem: Problem) -> Flow:
    routes = problem.routes()
    if not routes:
        return {}
    flow = _programme(problem, routes)
    return greedy(problem) if flow is None else flow


def _programme(problem: Problem, routes: list[tuple[str, str, str, int]]) -> Flow | None:
    """Columns: units of each route, whether it is a line, whether its pair is used, then the units' slots at givers and receivers."""
    count, pairs = len(routes), sorted({(giver, receiver) for _, giver, receiver, _ in routes})
    gives = sorted({(item, giver) for item, giver, _, _ in routes})
    takes = sorted({(item, receiver) for item, _, receiver, _ in routes})
    slots = [(True, key, n) for key in gives for n in range(len(problem.givers[key]))]
    slots += [(False, key, n) for key in takes for n in range(len(problem.receivers[key]))]
    pair_at, slot_at = 2 * count, 2 * count + len(pairs)
    columns = slot_at + len(slots)
    value, high, whole = np.zeros(columns), np.ones(columns), np.zeros(columns)
    whole[:slot_at] = 1
    for n, (_, _, _, most) in enumerate(routes):
        value[n], high[n] = -problem.unit_cost, most
    for n, pair in enumerate(pairs):
        value[pair_at + n] = -problem.parcels[pair]
    rows: list[tuple[dict[int, float], float, float]] = []
    places: dict[tuple[bool, tuple[str, str]], list[int]] = {}
    for n, (given, key, unit) in enumerate(slots):
        chance = (problem.givers if given else problem.receivers)[key][unit]
        value[slot_at + n] = problem.margin[key[0]] * (-chance if given else chance)
        places.setdefault((given, key), []).append(slot_at + n)
    for (given, key), own in places.items():
        units = {n: 1.0 for n, (item, giver, receiver, _) in enumerate(routes) if (item, giver if given else receiver) == key}
        rows.append(({**units, **dict.fromkeys(own, -1.0)}, 0.0, 0.0))
    for n, (_, giver, receiver, most) in enumerate(routes):
        rows.append(({n: 1.0, count + n: -float(most)}, -np.inf, 0.0))
        rows.append(({count + n: 1.0, pair_at + pairs.index((giver, receiver)): -1.0}, -np.inf, 0.0))
    for store in sorted({giver for giver, _ in pairs}):
        rows.append(({count + n: 1.0 for n, route in enumerate(routes) if route[1] == store}, -np.inf, float(problem.max_lines)))
    cells = [(row, column, one) for row, (terms, _, _) in enumerate(rows) for column, one in terms.items()]
    down, across, data = zip(*cells, strict=True)
    matrix = sparse.csr_array((data, (down, across)), shape=(len(rows), columns))
    rule = LinearConstraint(matrix, [low for _, low, _ in rows], [top for _, _, top in rows])
    options = {"node_limit": NODES, "time_limit": SECONDS}
    found = milp(-value, constraints=rule, bounds=Bounds(np.zeros(columns), high), integrality=whole, options=options)
    if found.x is None:
        return None
    return {route[:3]: units for n, route in enumerate(routes) if (units := round(found.x[n]))}


def greedy(problem: Problem) -> Flow:
    """Parcel by parcel, the one that nets most with the units left, until none nets anything."""
    flow: Flow = {}
    used: set[Pair] = set()
    lines: dict[str, int] = {}
    while True:
        best: tuple[float, Pair, Flow] | None = None
        for pair in sorted({(giver, receiver) for _, giver, receiver, _ in problem.routes()} - used):
            trial = _parcel(problem, flow, pair, problem.max_lines - lines.get(pair[0], 0))
            gain = sum(net(problem, {**flow, **trial}).values()) - sum(net(problem, flow).values()) if trial else 0.0
            if gain > TINY and (best is None or gain > best[0] + TINY):
                best = (gain, pair, trial)
        if best is None:
            return flow
        _, pair, trial = best
        used.add(pair)
        lines[pair[0]] = lines.get(pair[0], 0) + len(trial)
        flow |= trial


def _parcel(problem: Problem, flow: Flow, pair: Pair, room: int) -> Flow:
    """The units that gain between two stores beside what flows already, the best lines first."""
    ranked = []
    for item, giver, receiver, _ in problem.routes():
        if (giver, receiver) == pair:
            gone = problem.givers[item, giver][sum(n for key, n in flow.items() if key[:2] == (item, giver)) :]
            come = problem.receivers[item, receiver][sum(n for key, n in flow.items() if (key[0], key[2]) == (item, receiver)) :]
            gains = [problem.margin[item] * (back - out) - problem.unit_cost for out, back in zip(gone, come, strict=False)]
            good = [gain for gain in gains if gain > TINY]
            if good:
                ranked.append((-sum(good), item, len(good)))
    return {(item, *pair): units for _, item, units in sorted(ranked)[: max(0, room)]}
