"""Delivery routes: capacity, time windows, service times, several depots and kinds of vehicle, by PyVRP (iterated local search), with a
proved lower bound, the rules that bind, and the least set of rules to relax where no plan exists.

PyVRP is stopped by a number of iterations and the bound by a number of labels, never by the clock: a problem, a seed and these give the
same plan on every machine. PyVRP proves nothing itself; what is proved comes from `fleet_bound`. Each trip is timed and priced again by
`fleet.trip`, so a plan that breaks a rule cannot leave this module.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from storeloom.workers.optimise.fleet import MOST, Problem, Stop, Trip, Vehicle, check, trip
from storeloom.workers.optimise.fleet_bound import OutOfWork, Relaxation, Work, assignment, choose, trips_within
from storeloom.workers.optimise.plans import SEED, Note, Proof, clock

if TYPE_CHECKING:
    from pyvrp import ProblemData

ITERATIONS, LABELS = 2000, 400_000
CHOICE_WORK = 10.0
CLOSE, WHOLE, MISSED = 1e-6, 1e-3, 1e-3
NAMED, NEARLY = 5, 0.95
MAX_PENALTY = 1e5


@dataclass(frozen=True, slots=True)
class Plan:
    """Trips, in order of departure; none where the status is infeasible."""

    proof: Proof
    trips: tuple[Trip, ...]


def solve(problem: Problem, *, iterations: int = ITERATIONS, labels: int = LABELS, seed: int = SEED) -> Plan:
    """The cheapest plan found, with what is proved of it. Raises PlanFault.

    `iterations`: of the search. `labels`: work for the bound, 0 for none (the bound is then unknown and a plan never called optimal).
    A problem for which the search finds no plan is answered as infeasible with the rules to relax.
    """
    started = time.perf_counter()
    check(problem)
    trips = search(problem, iterations, seed)
    if trips is None:
        return _none(problem, iterations, labels, seed, started)
    bound, trips = _proved(problem, trips, labels)
    objective = sum(one.cost for one in trips)
    optimal = bound is not None and bound >= objective - CLOSE
    proof = Proof("optimal" if optimal else "feasible", objective, bound, time.perf_counter() - started, binding(problem, trips))
    return Plan(proof, trips)


def _proved(problem: Problem, trips: tuple[Trip, ...], labels: int) -> tuple[float | None, tuple[Trip, ...]]:
    """The bound, and the trips, which are better ones where the proof of the optimum finds such."""
    if not labels:
        return None, trips
    work, index = Work(labels), {stop.id: n for n, stop in enumerate(problem.stops)}
    kinds = {vehicle.id: n for n, vehicle in enumerate(problem.vehicles)}
    relaxation = Relaxation(problem)
    for one in trips:
        relaxation.add(kinds[one.vehicle], tuple(index[visit.stop] for visit in one.visits))
    found, objective = relaxation.solve(work), sum(one.cost for one in trips)
    values = [value for value in (found.value, assignment(problem)) if value is not None]
    bound = math.ceil(max(values) * problem.scale - WHOLE) / problem.scale if values else None
    if bound is None or bound >= objective - CLOSE or not found.converged or found.value is None:
        return bound if bound is None else min(bound, objective), trips
    try:
        chosen = choose(problem, trips_within(relaxation, found, objective - found.value, work), CHOICE_WORK)
    except OutOfWork:
        return bound, trips
    if chosen is None or sum(one.cost for one in chosen[0]) > objective + CLOSE:
        return bound, trips
    better = sum(one.cost for one in chosen[0]) < objective - CLOSE
    kept = _ordered(chosen[0]) if better else trips
    return (sum(one.cost for one in kept) if chosen[1] else bound), kept


def _none(problem: Problem, iterations: int, labels: int, seed: int, started: float) -> Plan:
    """The answer where no plan was found: whether there is none, and what to relax."""
    missed = Relaxation(problem, free=True).solve(Work(labels)).value if labels else None
    proved = missed is not None and missed > MISSED
    notes = relax(problem, iterations, seed)
    return Plan(Proof("infeasible", None, None, time.perf_counter() - started, (), notes, proved), ())


def search(problem: Problem, iterations: int, seed: int) -> tuple[Trip, ...] | None:
    """Trips by PyVRP, None where it finds no plan within all rules."""
    found = _run(problem, _data(problem, problem.vehicles), iterations, seed)
    if found is None:
        return None
    trips = [trip(problem, problem.vehicles[kind], order) for kind, order in found]
    if any(one is None for one in trips):
        raise RuntimeError(f"PyVRP's plan breaks a rule: {found}")
    return _ordered([one for one in trips if one is not None])


def _ordered(trips: Sequence[Trip]) -> tuple[Trip, ...]:
    return tuple(sorted(trips, key=lambda one: (one.starts, one.vehicle, one.visits[0].stop)))


def _data(problem: Problem, vehicles: Sequence[Vehicle], windows: Sequence[Sequence[tuple[int, int, int]]] | None = None) -> ProblemData:
    """The problem in PyVRP's terms. `windows`: of each stop, ways to serve it as (opens, closes, price), the cheaper the better; where
    there are several, one is taken."""
    import numpy as np
    import pyvrp

    metres: Any = np.array(problem.metres, dtype=np.int64)
    seconds: Any = np.array(problem.seconds, dtype=np.int64)
    places = len(problem.depots) + len(problem.stops)
    first, scale = len(problem.depots), problem.scale
    clients: list[pyvrp.Client] = []
    groups: list[pyvrp.ClientGroup] = []
    for n, stop in enumerate(problem.stops):
        ways = windows[n] if windows else [(stop.opens, stop.closes, 0)]
        dearest = max(price for _, _, price in ways)
        group = len(groups) if len(ways) > 1 else None
        if group is not None:
            groups.append(pyvrp.ClientGroup(list(range(len(clients), len(clients) + len(ways)))))
        for opens, closes, price in ways:
            clients.append(
                pyvrp.Client(
                    first + n,
                    delivery=list(stop.load),
                    service_duration=stop.service_s,
                    tw_early=opens,
                    tw_late=closes,
                    prize=(dearest - price) * scale,
                    required=group is None,
                    group=group,
                )
            )
    kinds = []
    for vehicle in vehicles:
        base = problem.base[vehicle.depot]
        fixed, metre, second = problem.units(vehicle)
        away, far = (MOST if most is None else most for most in (vehicle.max_s, vehicle.max_m))
        kinds.append(
            pyvrp.VehicleType(
                min(vehicle.count, len(problem.stops)),
                list(vehicle.capacity),
                base,
                base,
                fixed_cost=fixed,
                tw_early=vehicle.starts,
                tw_late=vehicle.ends,
                shift_duration=away,
                max_distance=far,
                unit_distance_cost=metre,
                unit_duration_cost=second,
            )
        )
    return pyvrp.ProblemData(
        [pyvrp.Location(0, 0) for _ in range(places)],
        clients,
        [pyvrp.Depot(n, depot.opens, depot.closes) for n, depot in enumerate(problem.depots)],
        kinds,
        [metres],
        [seconds],
        groups,
    )


def _run(problem: Problem, data: ProblemData, iterations: int, seed: int) -> list[tuple[int, list[int]]] | None:
    """PyVRP's best plan as vehicle kind and clients of each trip, None where it is not feasible."""
    import pyvrp

    dearest = max(max(problem.units(vehicle)[1:]) for vehicle in problem.vehicles)
    params = pyvrp.SolveParams(penalty=pyvrp.PenaltyParams(max_penalty=MAX_PENALTY * max(1, dearest)))
    result = pyvrp.solve(data, pyvrp.stop.MaxIterations(iterations), seed, collect_stats=False, display=False, params=params)
    if not result.is_feasible():
        return None
    return [(route.vehicle_type(), [step.idx for step in route if step.is_client()]) for route in result.best.routes()]


def relax(problem: Problem, iterations: int = ITERATIONS, seed: int = SEED) -> tuple[Note, ...]:
    """The least set of rules that was found to be enough: for stops that no vehicle can serve even alone the rules in the way; for the
    others the fewest windows to move and vehicles to add together, by a search in which each costs more than any plan."""
    notes: list[Note] = []
    served = []
    for n in range(len(problem.stops)):
        ways = [_obstacles(problem, vehicle, n) for vehicle in problem.vehicles]
        if all(ways):
            fewest: list[Note] = min(ways, key=_weight)
            notes += fewest
        else:
            served.append(n)
    return (*notes, *(_gather(_part(problem, served), iterations, seed) if served else ()))


def _weight(notes: list[Note]) -> tuple[int, float]:
    return len(notes), sum(note.by or 0 for note in notes)


def _part(problem: Problem, stops: Sequence[int]) -> Problem:
    """The problem with some of its stops."""
    places = [*range(len(problem.depots)), *(len(problem.depots) + n for n in stops)]
    metres, seconds = ([[table[a][b] for b in places] for a in places] for table in (problem.metres, problem.seconds))
    return replace(problem, stops=tuple(problem.stops[n] for n in stops), metres=metres, seconds=seconds)


def _obstacles(problem: Problem, vehicle: Vehicle, n: int) -> list[Note]:
    """What keeps a vehicle from serving a stop and nothing else."""
    stop, base, place = problem.stops[n], problem.base[vehicle.depot], len(problem.depots) + n
    depot, notes = problem.depots[base], []
    earliest, latest = max(depot.opens, vehicle.starts), min(depot.closes, vehicle.ends)
    for load, room in zip(stop.load, vehicle.capacity, strict=True):
        if load > room:
            en = f"Stop {stop.id}: the load {load} exceeds what {vehicle.id} takes ({room}); split it or send a larger vehicle."
            zh = f"配送点 {stop.id}：货量 {load} 超过 {vehicle.id} 的容量（{room}）；请拆分或换更大的车。"
            notes.append(Note(f"load:{stop.id}", en, zh, load - room))
    arrives = earliest + problem.seconds[base][place]
    if arrives > stop.closes:
        en = f"Stop {stop.id} closes at {clock(stop.closes)}, but {vehicle.id} is there at {clock(arrives)} at the earliest."
        zh = f"配送点 {stop.id} 于 {clock(stop.closes)} 截止，而 {vehicle.id} 最早 {clock(arrives)} 到达。"
        notes.append(Note(f"window:{stop.id}", en, zh, arrives - stop.closes))
    begins = max(arrives, stop.opens)
    back = begins + stop.service_s + problem.seconds[place][base]
    if back > latest:
        en = f"{vehicle.id} is back from stop {stop.id} at {clock(back)} at the earliest, after {clock(latest)}."
        zh = f"{vehicle.id} 从配送点 {stop.id} 最早 {clock(back)} 返回，晚于 {clock(latest)}。"
        notes.append(Note(f"hours:{vehicle.id}", en, zh, back - latest))
    away = problem.seconds[base][place] + stop.service_s + problem.seconds[place][base]
    if vehicle.max_s is not None and away > vehicle.max_s:
        en = f"The way to stop {stop.id} and back takes {away} s; {vehicle.id} may be away for {vehicle.max_s} s."
        zh = f"往返配送点 {stop.id} 需 {away} 秒；{vehicle.id} 每趟最长 {vehicle.max_s} 秒。"
        notes.append(Note(f"max_s:{vehicle.id}", en, zh, away - vehicle.max_s))
    far = problem.metres[base][place] + problem.metres[place][base]
    if vehicle.max_m is not None and far > vehicle.max_m:
        en = f"The way to stop {stop.id} and back is {far} m; {vehicle.id} may drive {vehicle.max_m} m."
        zh = f"往返配送点 {stop.id} 共 {far} 米；{vehicle.id} 每趟最长 {vehicle.max_m} 米。"
        notes.append(Note(f"max_m:{vehicle.id}", en, zh, far - vehicle.max_m))
    return notes


def _gather(problem: Problem, iterations: int, seed: int) -> list[Note]:
    """The fewest windows and vehicles that stops which could each be served alone need together."""
    dear = _penalty(problem)
    opened = min(max(problem.depots[problem.base[one.depot]].opens, one.starts) for one in problem.vehicles)
    closed = max(min(problem.depots[problem.base[one.depot]].closes, one.ends) for one in problem.vehicles)
    ways = [[(one.opens, one.closes, 0), (min(opened, one.opens), max(closed, one.closes), dear)] for one in problem.stops]
    more = [replace(one, count=len(problem.stops), fixed_cost=one.fixed_cost + dear) for one in problem.vehicles]
    found = _run(problem, _data(problem, [*problem.vehicles, *more], ways), iterations, seed)
    if found is None:
        found = [
            (len(more) + next(k for k, one in enumerate(problem.vehicles) if not _obstacles(problem, one, n)), [2 * n])
            for n in range(len(problem.stops))
        ]
    free = tuple(replace(one, opens=way[1][0], closes=way[1][1]) for one, way in zip(problem.stops, ways, strict=True))
    notes, extra = [], dict.fromkeys((one.id for one in problem.vehicles), 0)
    for kind, clients in found:
        vehicle = problem.vehicles[kind % len(more)]
        extra[vehicle.id] += kind >= len(more)
        moved = {client // 2 for client in clients if client % 2}
        stops = tuple(free[n] if n in moved else one for n, one in enumerate(problem.stops))
        way = trip(replace(problem, stops=stops), vehicle, [client // 2 for client in clients])
        times = {visit.stop: visit.begins for visit in way.visits} if way else {}
        notes += [_moved(problem.stops[n], times[problem.stops[n].id]) for n in sorted(moved) if problem.stops[n].id in times]
    for vehicle in problem.vehicles:
        if more_of := extra[vehicle.id]:
            en = f"{more_of} more of vehicle {vehicle.id} (there are {vehicle.count})."
            zh = f"车型 {vehicle.id} 需再增加 {more_of} 辆（现有 {vehicle.count} 辆）。"
            notes.append(Note(f"fleet:{vehicle.id}", en, zh, more_of))
    return notes


def _penalty(problem: Problem) -> int:
    """More than any plan costs, in minor units."""
    far, long = max(map(max, problem.metres)), max(map(max, problem.seconds))
    hours = max(one.ends for one in problem.vehicles)
    dearest = max(one.fixed_cost + one.cost_km * far / 500 + one.cost_h * max(2 * long, hours) / 3600 for one in problem.vehicles)
    return math.ceil(2 * dearest * len(problem.stops)) + 1


def _moved(stop: Stop, begins: int) -> Note:
    by = max(begins - stop.closes, stop.opens - begins, 0)
    en = f"Serve stop {stop.id} at {clock(begins)} instead of from {clock(stop.opens)} to {clock(stop.closes)}."
    zh = f"配送点 {stop.id} 改在 {clock(begins)} 服务，而非 {clock(stop.opens)} 至 {clock(stop.closes)}。"
    return Note(f"window:{stop.id}", en, zh, by)


def binding(problem: Problem, trips: Sequence[Trip]) -> tuple[Note, ...]:
    """The rules that leave a plan no room: vehicles all in use, trips at least 95 % full, long or far, stops served at the edge of their
    window."""
    notes = []
    for vehicle in problem.vehicles:
        own = [one for one in trips if one.vehicle == vehicle.id]
        if own and len(own) >= vehicle.count:
            notes.append(
                Note(
                    f"fleet:{vehicle.id}", f"All {vehicle.count} of {vehicle.id} are used.", f"{vehicle.id} 的 {vehicle.count} 辆全部使用。"
                )
            )
        full = [one for one in own if any(got >= NEARLY * room > 0 for got, room in zip(one.load, vehicle.capacity, strict=True))]
        if full:
            en = f"{len(full)} of {len(own)} trips of {vehicle.id} are full (95 % or more)."
            zh = f"{vehicle.id} 的 {len(own)} 趟中有 {len(full)} 趟已满载（95% 以上）。"
            notes.append(Note(f"capacity:{vehicle.id}", en, zh))
        for key, most, used, en, zh in (
            ("max_s", vehicle.max_s, [one.ends - one.starts for one in own], "time away", "行程时间"),
            ("max_m", vehicle.max_m, [one.metres for one in own], "distance", "行驶距离"),
        ):
            if most and (spent := sum(got >= NEARLY * most for got in used)):
                words = f"{spent} of {len(own)} trips of {vehicle.id} use 95 % or more of the {en}."
                notes.append(Note(f"{key}:{vehicle.id}", words, f"{vehicle.id} 的 {len(own)} 趟中有 {spent} 趟用去{zh}上限的 95% 以上。"))
    return (*notes, *_edges(problem, trips))


def _edges(problem: Problem, trips: Sequence[Trip]) -> list[Note]:
    stops = {stop.id: stop for stop in problem.stops}
    visits = [visit for one in trips for visit in one.visits]
    notes = []
    for rule, edge, en, zh in (
        ("opens", [visit.stop for visit in visits if visit.arrives < visit.begins], "Vehicles wait for the opening of", "车辆需等待开门："),
        ("closes", [v.stop for v in visits if v.begins == stops[v.stop].closes], "Served at the last moment:", "在最后时刻服务："),
    ):
        if edge:
            more = len(edge) - NAMED
            names = ", ".join(edge[:NAMED])
            notes.append(
                Note(
                    rule,
                    f"{en} {names}" + (f" and {more} more." if more > 0 else "."),
                    zh + names + (f" 等 {len(edge)} 处。" if more > 0 else "。"),
                )
            )
    return notes
