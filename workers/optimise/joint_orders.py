"""One order of many items under what they share: a budget, a vehicle's room and payload, suppliers' minimums and fees.

A mixed-integer programme (HiGHS by scipy): whole cases of each item, worth less with every further case (`gains`, the marginal newsvendor
value), so that the relaxation is tight: a multiple-choice knapsack with shared rules (Martello and Toth, Knapsack Problems, 1990). The
search is bounded by nodes, not by time, and runs on one thread: the same problem gives the same order. Where no order keeps all rules, a
second programme finds the fewest rules to relax and, among those, the smallest steps (a minimum-cardinality correction set).

Volume and weight are summed over the vehicles: goods too bulky to share a vehicle need the loading plan. Money in minor units, cases whole.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from storeloom.workers.optimise.order_notes import binding, relaxed
from storeloom.workers.optimise.plans import Checks, Note, Proof
from storeloom.workers.optimise.stock_input import Floats, history

NODES, GAP = 50, 1e-4
EPSILON = 1e-6
MUCH = 1e-3


@dataclass(frozen=True, slots=True)
class Line:
    """What an item may order: `cost`, `volume_l` and `weight_kg` of a case, `gains` of the first, second, ... case (never rising).

    `least`: cases that must come; `minimum`: fewest cases if any are ordered.
    """

    item: str
    supplier: str
    cost: float
    gains: tuple[float, ...]
    volume_l: float = 0.0
    weight_kg: float = 0.0
    least: int = 0
    minimum: int = 0

    @property
    def most(self) -> int:
        return len(self.gains)


@dataclass(frozen=True, slots=True)
class Supplier:
    """`minimum`: value under which it does not deliver; `fee` of a delivery."""

    name: str
    minimum: float = 0.0
    fee: float = 0.0


@dataclass(frozen=True, slots=True)
class Limits:
    """`volume_l` and `weight_kg` of one vehicle, of which there are up to `vehicles` at `vehicle_fee` each; None: no such limit."""

    budget: float | None = None
    volume_l: float | None = None
    weight_kg: float | None = None
    vehicles: int = 1
    vehicle_fee: float = 0.0


@dataclass(frozen=True, slots=True)
class Problem:
    """Lines of known suppliers under shared limits."""

    lines: Sequence[Line]
    suppliers: Sequence[Supplier]
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class Order:
    """Cases by item (0 left out), vehicles, spent money, and how good it is: the proof's objective is gains less fees."""

    cases: dict[str, int]
    vehicles: int
    spent: float
    proof: Proof


def gains(demand: Any, position: float, case: float, under: float, over: float, most: int) -> tuple[float, ...]:
    """What each further case of `case` units is worth on samples of the demand to cover: `under` a unit sold, less `over` a unit left."""
    samples = history("demand", demand, 1)
    starts = position + case * np.arange(most)
    used = np.minimum(case, np.maximum(samples[:, None] - starts[None, :], 0.0)).mean(axis=0)
    return tuple(float(one) for one in (under + over) * used - over * case)


def solve(problem: Problem, *, nodes: int = NODES, gap: float = GAP) -> Order:
    """The order of the highest value. Raises `PlanFault` on a wrong problem; deterministic for `nodes` (search tree) and `gap`."""
    check(problem)
    begun = time.perf_counter()
    model = _Model(problem)
    found = milp(
        -model.value,
        constraints=LinearConstraint(model.matrix, model.low, model.high),
        bounds=Bounds(model.floor, model.ceiling),
        integrality=model.whole,
        options={"node_limit": nodes, "mip_rel_gap": gap},
    )
    if found.status == 2:
        proof = Proof("infeasible", None, None, time.perf_counter() - begun, relax=_least_relaxation(model))
        return Order({}, 0, 0.0, proof)
    bound = -float(found.mip_dual_bound) if found.mip_dual_bound is not None else None
    if found.x is None:
        order = one_by_one(problem)
        proof = replace(order.proof, bound=bound, seconds=time.perf_counter() - begun)
        return Order(order.cases, order.vehicles, order.spent, proof)
    cases = {line.item: round(found.x[n]) for n, line in enumerate(problem.lines) if round(found.x[n])}
    vehicles = round(found.x[model.vehicles])
    objective = value(problem, cases, vehicles)
    bound = objective if bound is None else max(bound, objective)
    near = abs(bound - objective) <= gap * max(1.0, abs(objective)) + EPSILON
    proof = Proof(
        "optimal" if found.status == 0 and near else "feasible",
        objective,
        bound,
        time.perf_counter() - begun,
        binding(problem, cases, *model.prices(found.x)),
    )
    return Order(cases, vehicles, spent(problem, cases), proof)


def spent(problem: Problem, cases: dict[str, int]) -> float:
    """What the goods of an order cost, without fees."""
    return float(sum(line.cost * cases.get(line.item, 0) for line in problem.lines))


def value(problem: Problem, cases: dict[str, int], vehicles: int) -> float:
    """Gains of an order less the fees of its suppliers and vehicles."""
    gained = sum(sum(line.gains[: cases.get(line.item, 0)]) for line in problem.lines)
    used = {line.supplier for line in problem.lines if cases.get(line.item, 0)}
    fees = sum(one.fee for one in problem.suppliers if one.name in used)
    return float(gained - fees - vehicles * problem.limits.vehicle_fee)


def vehicles_for(problem: Problem, cases: dict[str, int]) -> int:
    """Vehicles that an order fills, by volume and by weight."""
    limits, need = problem.limits, 0.0
    for limit, field in ((limits.volume_l, "volume_l"), (limits.weight_kg, "weight_kg")):
        if limit is not None:
            load = sum(getattr(line, field) * cases.get(line.item, 0) for line in problem.lines)
            need = max(need, load / limit if limit > 0 else (math.inf if load > 0 else 0.0))
    return math.ceil(need - EPSILON) if math.isfinite(need) else limits.vehicles + 1


def keeps_rules(problem: Problem, cases: dict[str, int]) -> bool:
    """Whether an order keeps every rule, counted directly."""
    limits = problem.limits
    if limits.budget is not None and spent(problem, cases) > limits.budget + EPSILON:
        return False
    if vehicles_for(problem, cases) > limits.vehicles:
        return False
    for line in problem.lines:
        count = cases.get(line.item, 0)
        if not line.least <= count <= line.most or 0 < count < line.minimum:
            return False
    for one in problem.suppliers:
        bought = [line.cost * cases[line.item] for line in problem.lines if line.supplier == one.name and cases.get(line.item, 0)]
        if bought and sum(bought) < one.minimum - EPSILON:
            return False
    return True


def one_by_one(problem: Problem) -> Order:
    """The plain rule to beat: each item at its own best, shared rules kept by taking the cases that earn most for their share of what is
    scarce first and dropping suppliers under their minimum. Infeasible where musts cannot be kept so: it proves nothing."""
    limits = problem.limits
    dropped: set[str] = set()
    while True:
        cases = _greedy(problem, dropped)
        short = _unworthy(problem, cases) - dropped
        if not short:
            break
        dropped |= short
    vehicles = vehicles_for(problem, cases)
    if not keeps_rules(problem, cases) or vehicles > limits.vehicles:
        return Order({}, 0, 0.0, Proof("infeasible", None, None, proved=False))
    return Order(cases, vehicles, spent(problem, cases), Proof("feasible", value(problem, cases, vehicles), None))


def _greedy(problem: Problem, dropped: set[str]) -> dict[str, int]:
    limits = problem.limits
    room = [
        (limit, field)
        for limit, field in (
            (limits.budget, "cost"),
            (None if limits.volume_l is None else limits.volume_l * limits.vehicles, "volume_l"),
            (None if limits.weight_kg is None else limits.weight_kg * limits.vehicles, "weight_kg"),
        )
        if limit is not None and limit > 0
    ]
    steps = []
    for line in problem.lines:
        start = max(line.least, line.minimum)
        sizes = ([start] if start else []) + [1] * (line.most - start)
        done = 0
        for size in sizes:
            gain = sum(line.gains[done : done + size])
            share = sum(getattr(line, field) * size / limit for limit, field in room)
            must = done < line.least
            if must or (gain > 0 and line.supplier not in dropped):
                steps.append((not must, -gain / max(share, 1e-12), line.item, done, size, line))
            done += size
    cases: dict[str, int] = {}
    used = [0.0] * len(room)
    for _, _, item, done, size, line in sorted(steps, key=lambda step: step[:4]):
        after = [have + getattr(line, field) * size for have, (_, field) in zip(used, room, strict=True)]
        if cases.get(item, 0) == done and all(load <= limit + EPSILON for load, (limit, _) in zip(after, room, strict=True)):
            cases[item], used = done + size, after
    return cases


def _unworthy(problem: Problem, cases: dict[str, int]) -> set[str]:
    """Suppliers that would be bought from under their minimum, or for less than their fee."""
    found = set()
    for one in problem.suppliers:
        mine = [line for line in problem.lines if line.supplier == one.name and cases.get(line.item, 0)]
        gained = sum(sum(line.gains[: cases[line.item]]) for line in mine)
        bought = sum(line.cost * cases[line.item] for line in mine)
        if mine and not any(line.least for line in mine) and (bought < one.minimum - EPSILON or gained < one.fee):
            found.add(one.name)
    return found


class _Model:
    """Rows and columns: cases of each line, then one column a further case, then lines ordered at all, suppliers, vehicles."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        lines, suppliers, limits = problem.lines, problem.suppliers, problem.limits
        count, steps = len(lines), [line.most for line in lines]
        self.first_step = count + np.concatenate(([0], np.cumsum(steps)))[:-1].astype(int)
        self.ordered = count + sum(steps)
        self.supplied = self.ordered + count
        self.vehicles = self.supplied + len(suppliers)
        self.columns = self.vehicles + 1
        self.floor, self.ceiling = np.zeros(self.columns), np.ones(self.columns)
        self.floor[:count] = [line.least for line in lines]
        self.ceiling[:count] = steps
        self.ceiling[self.vehicles] = limits.vehicles
        self.whole = np.zeros(self.columns)
        self.whole[:count] = 1
        self.whole[self.ordered :] = 1
        self.value = np.zeros(self.columns)
        self.value[count : self.ordered] = [gain for line in lines for gain in line.gains]
        self.value[self.supplied : self.vehicles] = [-one.fee for one in suppliers]
        self.value[self.vehicles] = -limits.vehicle_fee
        self.rows: list[tuple[str, dict[int, float], float, float]] = []
        self._write(lines, suppliers, limits)
        cells = [(row, column, one) for row, (_, terms, _, _) in enumerate(self.rows) for column, one in terms.items()]
        across, down, data = zip(*((column, row, one) for row, column, one in cells), strict=True)
        self.matrix = sparse.csr_array((data, (down, across)), shape=(len(self.rows), self.columns))
        self.low = np.array([low for _, _, low, _ in self.rows])
        self.high = np.array([high for _, _, _, high in self.rows])

    def _write(self, lines: Sequence[Line], suppliers: Sequence[Supplier], limits: Limits) -> None:
        place = {one.name: self.supplied + n for n, one in enumerate(suppliers)}
        for n, line in enumerate(lines):
            steps = {int(self.first_step[n]) + k: 1.0 for k in range(line.most)}
            self.rows.append(("", {n: -1.0, **steps}, 0.0, 0.0))
            self.rows.append(("", {n: 1.0, place[line.supplier]: -float(line.most)}, -math.inf, 0.0))
            if line.minimum > 1:
                self.rows.append(("", {n: 1.0, self.ordered + n: -float(line.most)}, -math.inf, 0.0))
                self.rows.append((f"line:{line.item}", {n: 1.0, self.ordered + n: -float(line.minimum)}, 0.0, math.inf))
        for one in suppliers:
            if one.minimum > 0:
                terms = {n: line.cost for n, line in enumerate(lines) if line.supplier == one.name and line.cost}
                self.rows.append((f"supplier:{one.name}", {**terms, place[one.name]: -one.minimum}, 0.0, math.inf))
        if limits.budget is not None:
            self.rows.append(("budget", {n: line.cost for n, line in enumerate(lines) if line.cost}, -math.inf, limits.budget))
        for name, limit in (("volume", limits.volume_l), ("weight", limits.weight_kg)):
            if limit is not None:
                field = "volume_l" if name == "volume" else "weight_kg"
                terms = {n: getattr(line, field) for n, line in enumerate(lines) if getattr(line, field)}
                self.rows.append((name, {**terms, self.vehicles: -limit}, -math.inf, 0.0))

    def prices(self, solution: Floats) -> tuple[dict[str, float], dict[str, float]]:
        """What one unit more of each rule is worth with suppliers, vehicles and lines as chosen (dual prices), and the same of musts."""
        floor, ceiling = self.floor.copy(), self.ceiling.copy()
        floor[self.ordered :] = ceiling[self.ordered :] = np.round(solution[self.ordered :])
        less = [n for n, (_, _, low, high) in enumerate(self.rows) if math.isinf(low)]
        more = [n for n, (_, _, low, high) in enumerate(self.rows) if math.isinf(high)]
        same = [n for n, (_, _, low, high) in enumerate(self.rows) if low == high]
        upper = sparse.vstack([self.matrix[less], -self.matrix[more]])
        limit = np.concatenate([self.high[less], -self.low[more]])
        found = linprog(-self.value, upper, limit, self.matrix[same], self.low[same], np.column_stack([floor, ceiling]), method="highs")
        if not found.success:
            return {}, {}
        rules = {self.rows[row][0]: -float(dual) for row, dual in zip([*less, *more], found.ineqlin.marginals, strict=True)}
        musts = {
            line.item: float(found.lower.marginals[n])
            for n, line in enumerate(self.problem.lines)
            if line.least and found.lower.marginals[n]
        }
        return {rule: price for rule, price in rules.items() if rule}, musts


def _least_relaxation(model: _Model) -> tuple[Note, ...]:
    """Columns for each rule that may give way, how far and whether: first as few as can be, then as little."""
    problem = model.problem
    rules: list[tuple[str, int, float, float]] = []
    for at, (name, _, least, _most) in enumerate(model.rows):
        if name:
            reach = float(np.abs(model.matrix[[at]].toarray()[0] * model.ceiling).sum()) + abs(model.high[at] if math.isinf(least) else 0.0)
            rules.append((name, at, reach, 1.0 if math.isinf(least) else -1.0))
    rules += [(f"must:{line.item}", n, float(line.least), 0.0) for n, line in enumerate(problem.lines) if line.least]
    count, base = len(rules), model.columns
    blocks = sparse.lil_array((len(model.rows) + 2 * count, base + 2 * count))
    blocks[: len(model.rows), :base] = model.matrix
    low, high = [*model.low, *([-math.inf] * 2 * count)], [*model.high, *([0.0] * count), *([math.inf] * count)]
    floor = np.concatenate([model.floor, np.zeros(2 * count)])
    ceiling = np.concatenate([model.ceiling, [reach for _, _, reach, _ in rules], np.ones(count)])
    for n, (_, row, reach, sign) in enumerate(rules):
        extra = len(model.rows) + n
        blocks[extra, base + n], blocks[extra, base + count + n] = 1.0, -reach
        if sign:
            blocks[row, base + n] = -sign
        else:
            floor[row] = 0.0
            below = len(model.rows) + count + n
            blocks[below, row], blocks[below, base + n] = 1.0, 1.0
            low[below] = problem.lines[row].least
    cost = np.concatenate([np.zeros(base), [MUCH / max(reach, EPSILON) for _, _, reach, _ in rules], np.ones(count)])
    whole = np.concatenate([model.whole, np.zeros(count), np.ones(count)])
    found = milp(
        cost,
        constraints=LinearConstraint(blocks.tocsr(), np.array(low), np.array(high)),
        bounds=Bounds(floor, ceiling),
        integrality=whole,
        options={"node_limit": NODES},
    )
    if found.x is None:
        return ()
    return relaxed(problem, {name: float(found.x[base + n]) for n, (name, *_) in enumerate(rules) if found.x[base + count + n] > 0.5})


def check(problem: Problem) -> None:
    """Raise `PlanFault` with all that is wrong in a problem."""
    checks = Checks()
    item, supplier, limit = ("item", "商品"), ("supplier", "供应商"), ("limit", "限制")
    checks.some("order lines", "订货行", problem.lines)
    checks.unique(*item, (line.item for line in problem.lines))
    checks.unique(*supplier, (one.name for one in problem.suppliers))
    names = [one.name for one in problem.suppliers]
    for line in problem.lines:
        checks.known(item, line.item, "supplier", line.supplier, names)
        for key in ("cost", "volume_l", "weight_kg"):
            checks.within(item, line.item, key, getattr(line, key))
        checks.within(item, line.item, "most", line.most, 1)
        checks.within(item, line.item, "least", line.least, 0, line.most)
        checks.within(item, line.item, "minimum", line.minimum, 0, line.most)
        rising = any(after > before + EPSILON for before, after in zip(line.gains, line.gains[1:], strict=False))
        if rising or not all(map(math.isfinite, line.gains)):
            checks.wrong(item, line.item, "gains", "rising", "finite, never rising", "有限且不递增")
    for one in problem.suppliers:
        checks.within(supplier, one.name, "minimum", one.minimum)
        checks.within(supplier, one.name, "fee", one.fee)
    for key in ("budget", "volume_l", "weight_kg", "vehicle_fee"):
        if getattr(problem.limits, key) is not None:
            checks.within(limit, "limits", key, getattr(problem.limits, key))
    checks.within(limit, "limits", "vehicles", problem.limits.vehicles, 0, 1000)
    checks.done()
