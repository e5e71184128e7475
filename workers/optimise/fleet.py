"""Stops, depots, vehicles and ways of a routing problem, and what one trip through given stops takes: the arithmetic that the solver, the
bound and the tests share.

Times are seconds from the start of the day, distances metres, loads whole units a dimension (as kg, crates), money minor units.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from storeloom.workers.optimise.plans import Checks

DAY_S = 86400
MOST = 10**9
KM, HOUR = 1000, 3600
Matrix = Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class Depot:
    """Where vehicles start and end; open for departure and return from `opens` to `closes`."""

    id: str
    opens: int = 0
    closes: int = DAY_S


@dataclass(frozen=True, slots=True)
class Stop:
    """A delivery whose service must begin from `opens` to `closes` and takes `service_s`."""

    id: str
    load: tuple[int, ...] = (0,)
    opens: int = 0
    closes: int = DAY_S
    service_s: int = 0


@dataclass(frozen=True, slots=True)
class Vehicle:
    """`count` vehicles of a kind. `max_s`, `max_m`: longest time away from the depot and longest distance of a trip."""

    id: str
    depot: str
    capacity: tuple[int, ...]
    count: int = 1
    starts: int = 0
    ends: int = DAY_S
    max_s: int | None = None
    max_m: int | None = None
    fixed_cost: int = 0
    cost_km: int = 100
    cost_h: int = 0


@dataclass(frozen=True)
class Problem:
    """`metres` and `seconds` from place to place: rows and columns are the depots, then the stops, in their order."""

    depots: tuple[Depot, ...]
    stops: tuple[Stop, ...]
    vehicles: tuple[Vehicle, ...]
    metres: Matrix
    seconds: Matrix

    @cached_property
    def base(self) -> dict[str, int]:
        """Place of each depot in the matrices."""
        return {depot.id: place for place, depot in enumerate(self.depots)}

    @cached_property
    def scale(self) -> int:
        """Solver units a minor unit of money: costs are whole numbers in these, without rounding."""
        units = [part for one in self.vehicles for part in (18000 * one.fixed_cost, 18 * one.cost_km, 5 * one.cost_h)]
        return 18000 // math.gcd(18000, *units)

    def units(self, vehicle: Vehicle) -> tuple[int, int, int]:
        """Cost of a vehicle, of a metre and of a second, in solver units."""
        return vehicle.fixed_cost * self.scale, vehicle.cost_km * self.scale // KM, vehicle.cost_h * self.scale // HOUR


@dataclass(frozen=True, slots=True)
class Visit:
    """`begins` is when service begins: on arrival, or when the stop opens."""

    stop: str
    arrives: int
    begins: int
    leaves: int


@dataclass(frozen=True, slots=True)
class Trip:
    """One vehicle's way from its depot through its stops and back; `cost` in minor units."""

    vehicle: str
    visits: tuple[Visit, ...]
    starts: int
    ends: int
    metres: int
    load: tuple[int, ...]
    cost: float


def trip(problem: Problem, vehicle: Vehicle, order: Sequence[int]) -> Trip | None:
    """The trip through stops (indexes into `problem.stops`) with the latest start that loses no time, None where a rule forbids it.

    Service begins as early as possible for that start. The start that makes the time away least follows from the slack gathered along the
    way (Savelsbergh 1992, "The vehicle routing problem with time windows: minimizing route duration").
    """
    if not order:
        return None
    load = tuple(sum(problem.stops[stop].load[n] for stop in order) for n in range(len(vehicle.capacity)))
    base, first = problem.base[vehicle.depot], len(problem.depots)
    depot = problem.depots[base]
    places = [base, *(first + stop for stop in order), base]
    metres = sum(problem.metres[here][there] for here, there in pairwise(places))
    if any(got > room for got, room in zip(load, vehicle.capacity, strict=True)):
        return None
    if vehicle.max_m is not None and metres > vehicle.max_m:
        return None
    earliest, latest = max(depot.opens, vehicle.starts), min(depot.closes, vehicle.ends)
    slack, waited = latest - earliest, 0
    time, here = earliest, base
    for stop in order:
        one = problem.stops[stop]
        arrives = time + problem.seconds[here][first + stop]
        begins = max(arrives, one.opens)
        waited += begins - arrives
        slack = min(slack, one.closes - begins + waited)
        if begins > one.closes:
            return None
        time, here = begins + one.service_s, first + stop
    time += problem.seconds[here][base]
    slack = min(slack, latest - time + waited)
    if time > latest:
        return None
    start = earliest + min(slack, waited)
    visits, ends = _timed(problem, base, order, start)
    if vehicle.max_s is not None and ends - start > vehicle.max_s:
        return None
    fixed, metre, second = problem.units(vehicle)
    cost = (fixed + metre * metres + second * (ends - start)) / problem.scale
    return Trip(vehicle.id, visits, start, ends, metres, load, cost)


def _timed(problem: Problem, base: int, order: Sequence[int], start: int) -> tuple[tuple[Visit, ...], int]:
    visits, time, here = [], start, base
    for stop in order:
        place, one = len(problem.depots) + stop, problem.stops[stop]
        arrives = time + problem.seconds[here][place]
        begins = max(arrives, one.opens)
        time, here = begins + one.service_s, place
        visits.append(Visit(one.id, arrives, begins, time))
    return tuple(visits), time + problem.seconds[here][base]


def straight(points: Sequence[tuple[float, float]], m_per_s: float, detour: float = 1.0) -> tuple[list[list[int]], list[list[int]]]:
    """Metres and seconds between points in metres, along straight lines lengthened by `detour`, rounded up."""
    metres = [[math.ceil(round(detour * math.dist(one, other), 6)) for other in points] for one in points]
    return metres, [[math.ceil(round(length / m_per_s, 6)) for length in row] for row in metres]


def check(problem: Problem) -> None:
    """Raise PlanFault with all that is wrong in a problem."""
    checks = Checks()
    stop, depot, kind = ("Stop", "配送点"), ("Depot", "配送中心"), ("Vehicle", "车型")
    checks.some("stops", "配送点", problem.stops)
    checks.some("depots", "配送中心", problem.depots)
    checks.some("vehicles", "车辆", problem.vehicles)
    for what, items in ((stop, problem.stops), (depot, problem.depots), (kind, problem.vehicles)):
        checks.unique(*what, (one.id for one in items))
    for site in problem.depots:
        checks.within(depot, site.id, "opens", site.opens, 0, MOST)
        checks.within(depot, site.id, "closes", site.closes, site.opens, MOST)
    dimensions = len(problem.vehicles[0].capacity) if problem.vehicles else 0
    for vehicle in problem.vehicles:
        checks.known(kind, vehicle.id, "depot", vehicle.depot, problem.base)
        _lengths(checks, kind, vehicle.id, "capacity", vehicle.capacity, dimensions)
        checks.within(kind, vehicle.id, "count", vehicle.count, 1, MOST)
        checks.within(kind, vehicle.id, "starts", vehicle.starts, 0, MOST)
        checks.within(kind, vehicle.id, "ends", vehicle.ends, vehicle.starts, MOST)
        for key in ("fixed_cost", "cost_km", "cost_h"):
            checks.within(kind, vehicle.id, key, getattr(vehicle, key), 0, MOST)
        for key in ("max_s", "max_m"):
            if (most := getattr(vehicle, key)) is not None:
                checks.within(kind, vehicle.id, key, most, 0, MOST)
    for one in problem.stops:
        _lengths(checks, stop, one.id, "load", one.load, dimensions)
        checks.within(stop, one.id, "opens", one.opens, 0, MOST)
        checks.within(stop, one.id, "closes", one.closes, one.opens, MOST)
        checks.within(stop, one.id, "service_s", one.service_s, 0, MOST)
    size = len(problem.depots) + len(problem.stops)
    for name, matrix in (("metres", problem.metres), ("seconds", problem.seconds)):
        _square(checks, name, matrix, size)
    checks.done()


def _lengths(checks: Checks, what: tuple[str, str], name: str, key: str, got: Sequence[int], dimensions: int) -> None:
    if len(got) != dimensions:
        wanted = f"{dimensions} figures, as in the first vehicle", f"{dimensions} 个数值（与首个车型一致）"
        checks.wrong(what, name, key, str(got), *wanted)
    for part in got:
        checks.within(what, name, key, part, 0, MOST)


def _square(checks: Checks, name: str, matrix: Matrix, size: int) -> None:
    what = ("Table", "矩阵")
    shapes = {len(row) for row in matrix} | {len(matrix)}
    if shapes != {size}:
        got = " / ".join(map(str, sorted(shapes)))
        checks.wrong(what, name, "size", got, f"{size} x {size}: depots and stops", f"{size} x {size}：配送中心与配送点")
        return
    wrong = [value for row in matrix for value in row if not 0 <= value <= MOST]
    if wrong:
        checks.within(what, name, "value", wrong[0], 0, MOST)
