"""What no plan of routes can better: column generation over ng-routes, and the exact plan where few routes could still improve it.

The master LP (GLOP, OR-Tools) covers each stop by trips within the number of vehicles; pricing is a label-setting over ng-routes (Baldacci,
Mingozzi and Roberti 2011, "New route relaxation and pricing strategies for the vehicle routing problem"), so that the Lagrangian bound of
each full pricing holds even where generation is cut short. Waiting is left out of the cost of a trip here: the bound stays valid.
Where the bound leaves a gap, all trips whose reduced cost lies within it are listed; if they are few, CP-SAT chooses among them, which
proves the optimum (Baldacci, Christofides and Mingozzi 2008). Work is counted in labels, never in seconds.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from storeloom.workers.optimise import solving
from storeloom.workers.optimise.fleet import Problem, Trip, Vehicle, trip
from storeloom.workers.optimise.plans import SEED

NEAR = 8
MOST_COLUMNS = 60
ROUND = 1e-10
SETTLED = 1e-7
MISSED = 20.0


class OutOfWork(Exception):
    """The stated number of labels is spent."""


@dataclass
class Work:
    """Labels that may still be made."""

    left: int

    def spend(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise OutOfWork


@dataclass
class _Kind:
    """A vehicle with its ways: for each place (the depot is -1) the stops that can follow, with cost, time and use of what is limited."""

    vehicle: Vehicle
    count: int
    fixed: float
    start: int
    end: int
    limits: tuple[int, ...]
    ways: dict[int, list[tuple[int, float, int, tuple[int, ...]]]] = field(default_factory=dict)
    home: dict[int, tuple[float, int, tuple[int, ...]]] = field(default_factory=dict)
    windows: list[tuple[int, int, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Bound:
    """`value` in minor units (None where pricing never ended), with the duals it rests on. `converged`: no trip prices out any more."""

    value: float | None
    cover: tuple[float, ...] = ()
    number: tuple[float, ...] = ()
    least: float = 0.0
    converged: bool = False


class Relaxation:
    """The LP over trips, in shares `unit` of the dearest way, for the solver's sake. `free`: trips cost nothing and only
    missed stops count, so a bound above 0 proves that no plan exists."""

    def __init__(self, problem: Problem, free: bool = False) -> None:
        from ortools.linear_solver import pywraplp

        self.problem, self.free = problem, free
        self.unit = 1.0 if free else max(1.0, *(_dearest(_kind(problem, vehicle)) for vehicle in problem.vehicles))
        self.kinds = [_kind(problem, vehicle, 0 if free else 1 / self.unit) for vehicle in problem.vehicles]
        self.near = _near(problem)
        self.solver: Any = pywraplp.Solver.CreateSolver("GLOP")
        infinity = self.solver.infinity()
        self.covers = [self.solver.Constraint(1, infinity) for _ in problem.stops]
        self.numbers = [self.solver.Constraint(-infinity, kind.count) for kind in self.kinds]
        self.fewest = fewest(problem)
        self.blur = ROUND * sum(kind.count for kind in self.kinds) * 4 * (1 + len(problem.stops))
        self.least = self.solver.Constraint(self.fewest, infinity)
        self.seen: set[tuple[int, tuple[int, ...]]] = set()
        for row in [*self.covers, self.least]:
            extra = self.solver.NumVar(0, infinity, "")
            row.SetCoefficient(extra, 1)
            self.solver.Objective().SetCoefficient(extra, 1.0 if free else MISSED)
        self.solver.Objective().SetMinimization()

    def add(self, kind: int, order: tuple[int, ...]) -> bool:
        """A trip as a column, where it is new; its cost is that of the relaxation."""
        if (kind, order) in self.seen or not order:
            return False
        self.seen.add((kind, order))
        column = self.solver.NumVar(0, self.solver.infinity(), "")
        for stop in set(order):
            self.covers[stop].SetCoefficient(column, order.count(stop))
        self.numbers[kind].SetCoefficient(column, 1)
        self.least.SetCoefficient(column, 1)
        self.solver.Objective().SetCoefficient(column, _cost(self.kinds[kind], order))
        return True

    def solve(self, work: Work) -> Bound:
        """The best bound found within the work. Rough pricing finds trips while it can; full pricing, which alone bounds, comes after."""
        best, full = Bound(None), False
        try:
            while True:
                if self.solver.Solve() != self.solver.OPTIMAL:
                    return replace(best, converged=False)
                cover = tuple(row.dual_value() for row in self.covers)
                number, least = tuple(row.dual_value() for row in self.numbers), self.least.dual_value()
                value, added, bottom = sum(cover) + self.fewest * least, 0, 0.0
                for n, kind in enumerate(self.kinds):
                    found = price(kind, self.near, cover, number[n] + least, work, rough=not full)
                    lowest = min((reduced for reduced, _ in found), default=0.0)
                    value += kind.count * (number[n] + min(0.0, lowest))
                    bottom = min(bottom, lowest)
                    added += sum(self.add(n, order) for _, order in sorted(found)[:MOST_COLUMNS])
                if full:
                    value = (value - self.blur) * (1 if self.free else self.unit / self.problem.scale)
                    if best.value is None or value > best.value or not added:
                        settled = bottom > -SETTLED
                        best = Bound(max(value, best.value or 0.0), cover, number, least, settled)
                    if not added:
                        return best
                full = not added
        except OutOfWork:
            return best


def fewest(problem: Problem) -> int:
    """Trips that the loads need at least."""
    most = [max(vehicle.capacity[n] for vehicle in problem.vehicles) for n in range(len(problem.vehicles[0].capacity))]
    total = [sum(stop.load[n] for stop in problem.stops) for n in range(len(most))]
    return max([1, *(math.ceil(load / room) for load, room in zip(total, most, strict=True) if room)])


def _kind(problem: Problem, vehicle: Vehicle, share: float = 1) -> _Kind:
    """A vehicle with costs in solver units times `share`."""
    base, first = problem.base[vehicle.depot], len(problem.depots)
    depot = problem.depots[base]
    fixed, metre, second = (share * part for part in problem.units(vehicle))
    limits = [*vehicle.capacity, *(most for most in (vehicle.max_s, vehicle.max_m) if most is not None)]
    start, end = max(depot.opens, vehicle.starts), min(depot.closes, vehicle.ends)
    kind = _Kind(vehicle, min(vehicle.count, len(problem.stops)), fixed, start, end, tuple(limits))

    def use(load: Sequence[int], seconds: int, metres: int) -> tuple[int, ...]:
        used = [*load, *([seconds] if vehicle.max_s is not None else []), *([metres] if vehicle.max_m is not None else [])]
        return tuple(used)

    nothing = (0,) * len(vehicle.capacity)
    for here in range(-1, len(problem.stops)):
        place = base if here < 0 else first + here
        one = problem.stops[here] if here >= 0 else None
        leaves = start if one is None else max(one.opens, start + problem.seconds[base][place]) + one.service_s
        if one is not None:
            seconds, metres = problem.seconds[place][base], problem.metres[place][base]
            kind.home[here] = (metre * metres + second * seconds, seconds, use(nothing, seconds, metres))
        kind.ways[here] = []
        for there, other in enumerate(problem.stops):
            seconds, metres = problem.seconds[place][first + there], problem.metres[place][first + there]
            if there == here or leaves + seconds > other.closes:
                continue
            cost = metre * metres + second * (seconds + other.service_s)
            kind.ways[here].append((there, cost, seconds, use(other.load, seconds + other.service_s, metres)))
    kind.windows = [(stop.opens, stop.closes, stop.service_s) for stop in problem.stops]
    return kind


def _near(problem: Problem) -> list[int]:
    """Of each stop, the neighbours that a route remembers, as bits; itself among them."""
    first = len(problem.depots)
    masks = []
    for here in range(len(problem.stops)):
        row = sorted(range(len(problem.stops)), key=lambda there: (there != here, problem.metres[first + here][first + there], there))
        masks.append(sum(1 << there for there in row[: NEAR + 1]))
    return masks


def _dearest(kind: _Kind) -> float:
    ways = [cost for row in kind.ways.values() for _, cost, _, _ in row]
    return kind.fixed + max(ways, default=0.0) + max((way[0] for way in kind.home.values()), default=0.0)


def _cost(kind: _Kind, order: Sequence[int]) -> float:
    """Cost of a trip without waiting, in solver units."""
    costs = {here: {there: cost for there, cost, _, _ in row} for here, row in kind.ways.items() if here in {-1, *order}}
    return kind.fixed + sum(costs[a][b] for a, b in zip((-1, *order), order, strict=False)) + kind.home[order[-1]][0]


def price(
    kind: _Kind, near: Sequence[int], cover: Sequence[float], number: float, work: Work, *, rough: bool = False
) -> list[tuple[float, tuple[int, ...]]]:
    """The ng-route of least reduced cost for each last stop, those below 0 only. `rough`: labels are compared by cost and time alone, which
    is quick and may miss some."""
    best: dict[int, tuple[float, _Label]] = {}
    kept: dict[int, list[_Label]] = {here: [] for here in kind.ways}
    root = _Label(kind.start, kind.fixed - number, -1, 0, (0,) * len(kind.limits), None)
    heap, made = [(kind.start, 0, root)], 0
    while heap:
        _, _, label = heapq.heappop(heap)
        if label.beaten:
            continue
        for new in _extended(kind, label, cover, near):
            work.spend()
            if _beaten(kept[new.here], new, rough):
                continue
            made += 1
            heapq.heappush(heap, (new.time, made, new))
            if (reduced := _closed(kind, new)) is not None and reduced < min(-ROUND, best.get(new.here, (0.0,))[0]):
                best[new.here] = (reduced, new)
    return [(reduced, label.order()) for reduced, label in best.values()]


@dataclass(slots=True)
class _Label:
    """A way from the depot to a stop: when it leaves there, its reduced cost, the stops that it may not enter, and what it has used."""

    time: int
    reduced: float
    here: int
    mask: int
    used: tuple[int, ...]
    before: _Label | None
    beaten: bool = False

    def order(self) -> tuple[int, ...]:
        found, label = [], self
        while label.before is not None:
            found.append(label.here)
            label = label.before
        return tuple(reversed(found))


def _extended(kind: _Kind, label: _Label, cover: Sequence[float], near: Sequence[int] | None) -> Iterator[_Label]:
    """A label's next stops; without `near` every stop that it has been at is remembered."""
    for there, cost, seconds, use in kind.ways[label.here]:
        if label.mask >> there & 1:
            continue
        opens, closes, service = kind.windows[there]
        begins = max(opens, label.time + seconds)
        if begins > closes:
            continue
        used = tuple(map(int.__add__, label.used, use))
        if any(got > most for got, most in zip(used, kind.limits, strict=True)):
            continue
        mask = (label.mask if near is None else label.mask & near[there]) | 1 << there
        yield _Label(begins + service, label.reduced + cost - cover[there], there, mask, used, label)


def _closed(kind: _Kind, label: _Label) -> float | None:
    """Reduced cost with the way home, None where that is too long."""
    cost, seconds, use = kind.home[label.here]
    if label.time + seconds > kind.end or any(a + b > most for a, b, most in zip(label.used, use, kind.limits, strict=True)):
        return None
    return label.reduced + cost


def _beaten(kept: list[_Label], new: _Label, rough: bool) -> bool:
    """Whether a kept label is as good in every respect; else the new one is kept and those that it beats are marked and dropped."""
    for old in kept:
        if old.reduced <= new.reduced + ROUND and old.time <= new.time and (rough or _wider(old, new)):
            return True
    rest = []
    for old in kept:
        if new.reduced <= old.reduced and new.time <= old.time and (rough or _wider(new, old)):
            old.beaten = True
        else:
            rest.append(old)
    kept[:] = [*rest, new]
    return False


def _wider(one: _Label, other: _Label) -> bool:
    """Whether a label may go wherever another may."""
    return not one.mask & ~other.mask and all(map(int.__le__, one.used, other.used))


def trips_within(relaxation: Relaxation, bound: Bound, gap: float, work: Work) -> list[list[Trip]]:
    """All trips of each vehicle kind whose reduced cost is at most `gap` (minor units), the cheapest order of each set of stops."""
    problem, found = relaxation.problem, []
    for n, kind in enumerate(relaxation.kinds):
        cheapest = [
            min((row[1] for ways in kind.ways.values() for row in ways if row[0] == stop), default=0.0) for stop in range(len(kind.home))
        ]
        gains = [max(0.0, dual - cost) for dual, cost in zip(bound.cover, cheapest, strict=True)]
        home, most = min(way[0] for way in kind.home.values()), gap * problem.scale / relaxation.unit + SETTLED
        best: dict[frozenset[int], Trip] = {}
        stack = [(_Label(kind.start, kind.fixed - bound.number[n] - bound.least, -1, 0, (0,) * len(kind.limits), None), sum(gains))]
        while stack:
            label, hope = stack.pop()
            for new in _extended(kind, label, bound.cover, None):
                left = hope - gains[new.here]
                if new.reduced + home - left > most:
                    continue
                work.spend()
                stack.append((new, left))
                reduced = _closed(kind, new)
                done = trip(problem, kind.vehicle, new.order()) if reduced is not None and reduced <= most else None
                key = frozenset(new.order())
                if done and (key not in best or done.cost < best[key].cost):
                    best[key] = done
        found.append(list(best.values()))
    return found


def assignment(problem: Problem) -> float | None:
    """The bound of the assignment problem: each stop has one way in and one out, between the fewest trips and the number of vehicles, each
    way at the price of the cheapest vehicle; None where no assignment exists, which proves that no plan does. In minor units."""
    from ortools.graph.python import linear_sum_assignment

    kinds = [_kind(problem, vehicle) for vehicle in problem.vehicles]
    stops = len(problem.stops)
    trips = min(stops, sum(vehicle.count for vehicle in problem.vehicles))
    solver = linear_sum_assignment.SimpleLinearSumAssignment()
    ways: dict[tuple[int, int], float] = {}
    for kind in kinds:
        for here, row in kind.ways.items():
            for there, cost, _, _ in row:
                price = cost + kind.fixed * (here < 0)
                ways[here, there] = min(price, ways.get((here, there), math.inf))
        for here, (cost, _, _) in kind.home.items():
            ways[here, -1] = min(cost, ways.get((here, -1), math.inf))
    for (here, there), cost in ways.items():
        for left in range(stops, stops + trips) if here < 0 else (here,):
            for right in range(stops, stops + trips) if there < 0 else (there,):
                solver.add_arc_with_cost(left, right, int(cost))
    for idle in range(stops + fewest(problem), stops + trips):
        for right in range(stops, stops + trips):
            solver.add_arc_with_cost(idle, right, 0)
    if solver.solve() != solver.OPTIMAL:
        return None
    return float(solver.optimal_cost()) / problem.scale


def choose(problem: Problem, trips: Sequence[Sequence[Trip]], work_limit: float) -> tuple[list[Trip], bool] | None:
    """The cheapest trips that serve each stop once, and whether that is proved; None where there are none. `work_limit`: CP-SAT's
    deterministic time."""
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    chosen: list[tuple[Trip, Any]] = []
    serving: dict[str, list[Any]] = {stop.id: [] for stop in problem.stops}
    for vehicle, own in zip(problem.vehicles, trips, strict=True):
        used = []
        for one in own:
            take = model.new_bool_var("")
            chosen.append((one, take))
            used.append(take)
            for visit in one.visits:
                serving[visit.stop].append(take)
        model.add(sum(used) <= vehicle.count)
    for serves in serving.values():
        model.add_exactly_one(serves)
    model.minimize(sum(round(one.cost * problem.scale) * take for one, take in chosen))
    solver, status = solving.run(model, work_limit, SEED)
    if status not in ("optimal", "feasible"):
        return None
    return [one for one, take in chosen if solver.value(take)], status == "optimal"
