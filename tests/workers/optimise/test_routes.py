"""Routes against brute force, a hand-worked case and the published optimum of Solomon's C101 (25 and 50 customers)."""

import itertools
import random
from dataclasses import replace
from math import inf

import pytest

from storeloom.core.bench.solomon import OPTIMA, c101
from storeloom.workers.optimise import routes
from storeloom.workers.optimise.fleet import Depot, Problem, Stop, Vehicle, straight, trip
from storeloom.workers.optimise.fleet_bound import assignment
from storeloom.workers.optimise.plans import PlanFault
from storeloom.workers.optimise.savings import savings

pytest.importorskip("pyvrp")


BASE = Depot("base")


def problem(points, stops, vehicles, depots=(BASE,), m_per_s=1.0):
    metres, seconds = straight(points, m_per_s)
    return Problem(tuple(depots), tuple(stops), tuple(vehicles), metres, seconds)


def chance(seed, n, tight=1.0):
    """Two depots and two kinds of vehicle, windows, service times and two dimensions of load."""
    rng = random.Random(seed)
    points = [(rng.randrange(100), rng.randrange(100)) for _ in range(n + 2)]
    stops = []
    for k in range(n):
        opens = rng.randrange(0, 200)
        stops.append(Stop(f"S{k}", (rng.randrange(1, 6), rng.randrange(1, 4)), opens, opens + round(tight * rng.randrange(60, 300)), 10))
    vehicles = (
        Vehicle(
            "van", "base", (10, 9), 2, 0, 700, fixed_cost=30, cost_km=1000, cost_h=rng.choice((0, 1800)), max_s=rng.choice((None, 500))
        ),
        Vehicle("truck", "south", (16, 12), 1, 50, 700, fixed_cost=50, cost_km=1500, max_m=rng.choice((None, 400))),
    )
    return problem(points, stops, vehicles, (Depot("base"), Depot("south", 20, 690)))


def brute(given):
    """The least cost over all sets of stops for each vehicle and all their orders; infinite where there is none."""
    n = len(given.stops)
    best = {}
    for kind, vehicle in enumerate(given.vehicles):
        for size in range(1, n + 1):
            for stops in itertools.combinations(range(n), size):
                ways = (trip_by_hand(given, vehicle, order) for order in itertools.permutations(stops))
                best[kind, sum(1 << stop for stop in stops)] = min(ways)
    fleet = [kind for kind, vehicle in enumerate(given.vehicles) for _ in range(vehicle.count)]
    cost = {0: 0.0}
    for kind in fleet:
        after = dict(cost)
        for done, paid in cost.items():
            for (other, mask), price in best.items():
                if other == kind and not mask & done:
                    after[done | mask] = min(after.get(done | mask, inf), paid + price)
        cost = after
    return cost.get((1 << n) - 1, inf)


def trip_by_hand(given, vehicle, order):
    """The least cost of an order over all starts, second by second where the time costs or is limited."""
    base = next(n for n, depot in enumerate(given.depots) if depot.id == vehicle.depot)
    depot, places = given.depots[base], [len(given.depots) + stop for stop in order]
    if any(sum(given.stops[s].load[d] for s in order) > room for d, room in enumerate(vehicle.capacity)):
        return inf
    metres = sum(given.metres[a][b] for a, b in itertools.pairwise([base, *places, base]))
    if vehicle.max_m is not None and metres > vehicle.max_m:
        return inf
    least = inf
    first, last = max(depot.opens, vehicle.starts), min(depot.closes, vehicle.ends)
    for start in range(first, last + 1) if vehicle.cost_h or vehicle.max_s is not None else [first]:
        time, here = start, base
        for stop, place in zip(order, places, strict=True):
            time = max(time + given.seconds[here][place], given.stops[stop].opens)
            if time > given.stops[stop].closes:
                break
            time, here = time + given.stops[stop].service_s, place
        else:
            time += given.seconds[here][base]
            if time <= last and (vehicle.max_s is None or time - start <= vehicle.max_s):
                least = min(least, vehicle.fixed_cost + vehicle.cost_km * metres / 1000 + vehicle.cost_h * (time - start) / 3600)
            continue
        break
    return least


@pytest.mark.parametrize("seed", range(12))
def test_brute_force_agrees_that_it_is_the_best(seed):
    given = chance(seed, 5)
    best = brute(given)
    plan = routes.solve(given, iterations=300)
    if best == inf:
        assert plan.proof.status == "infeasible" and not plan.trips and plan.proof.relax
        return
    assert plan.proof.status == "optimal"
    assert plan.proof.objective == pytest.approx(best, abs=1e-3)
    assert plan.proof.bound == pytest.approx(best, abs=1e-3)
    assert sorted(visit.stop for one in plan.trips for visit in one.visits) == sorted(stop.id for stop in given.stops)


@pytest.mark.parametrize("seed", range(12))
def test_the_assignment_bound_holds(seed):
    given = chance(seed, 5, tight=3.0)
    bound, best = assignment(given), brute(given)
    assert bound is None or bound <= best + 1e-6
    assert bound is not None or best == inf


@pytest.mark.parametrize("seed", range(6))
def test_a_trip_starts_so_that_no_time_is_lost(seed):
    given = chance(seed, 4, tight=2.0)
    for vehicle in given.vehicles:
        for order in itertools.permutations(range(4), 3):
            made = trip(given, vehicle, order)
            assert (made.cost if made else inf) == pytest.approx(trip_by_hand(given, vehicle, order), abs=1e-6)


@pytest.mark.parametrize(("customers", "published", "vehicles"), [(25, OPTIMA[25], 3), (50, OPTIMA[50], 5)])
def test_solomons_c101_is_solved_to_the_published_optimum(customers, published, vehicles):
    plan = routes.solve(c101(customers), iterations=200)
    assert plan.proof.status == "optimal" and plan.proof.gap == 0
    assert plan.proof.objective == plan.proof.bound == published
    assert len(plan.trips) == vehicles


def test_solomons_c101_with_all_customers_is_found():
    trips = routes.search(c101(), 200, 1)
    assert (len(trips), sum(one.cost for one in trips)) == (10, OPTIMA[100])


def test_the_same_seed_gives_the_same_plan_and_the_bound_needs_no_clock():
    given = chance(3, 7, tight=3.0)
    one, other = (routes.solve(given, iterations=100, labels=2000, seed=5) for _ in range(2))
    assert one == other


def test_without_work_for_a_bound_nothing_is_called_optimal():
    plan = routes.solve(chance(1, 5, tight=3.0), iterations=100, labels=0)
    assert (plan.proof.status, plan.proof.bound, plan.proof.gap) == ("feasible", None, None)


# A depot at 0 and stops along a line; 1 m a second.
LINE = [(0, 0), (10, 0), (20, 0), (30, 0)]
VAN = Vehicle("van", "base", (10,), 1, 0, 1000, cost_km=1000)


def line(loads=(1, 1, 1), windows=((0, 900),) * 3, vehicle=VAN):
    return problem(
        LINE, [Stop(f"S{n}", (load,), *window) for n, (load, window) in enumerate(zip(loads, windows, strict=True), 1)], [vehicle]
    )


def test_a_line_is_driven_there_and_back():
    plan = routes.solve(line(), iterations=50)
    assert (plan.proof.objective, plan.trips[0].metres) == (60, 60)
    assert [note.rule for note in plan.proof.binding] == ["fleet:van"]


def test_rules_that_bind_are_named_in_both_languages():
    plan = routes.solve(line(loads=(4, 3, 3), windows=((0, 900), (100, 900), (0, 30))), iterations=50)
    notes = {note.rule: note for note in plan.proof.binding}
    assert set(notes) == {"fleet:van", "capacity:van", "closes"} or set(notes) == {"fleet:van", "capacity:van", "closes", "opens"}
    assert notes["closes"].en == "Served at the last moment: S3." and notes["closes"].zh == "在最后时刻服务：S3。"
    assert notes["capacity:van"].en == "1 of 1 trips of van are full (95 % or more)."
    assert notes["fleet:van"].zh == "van 的 1 辆全部使用。"


def test_too_much_for_the_fleet_asks_for_a_vehicle():
    plan = routes.solve(line(loads=(6, 6, 6)), iterations=100)
    assert plan.proof.status == "infeasible" and plan.proof.proved and not plan.trips
    assert [(note.rule, note.by) for note in plan.proof.relax] == [("fleet:van", 2)]
    assert plan.proof.relax[0].en == "2 more of vehicle van (there are 1)."


def test_a_window_that_no_van_reaches_is_named_with_how_far_it_must_move():
    plan = routes.solve(line(windows=((0, 900), (0, 900), (0, 25))), iterations=100)
    (note,) = plan.proof.relax
    assert (note.rule, note.by) == ("window:S3", 5) and plan.proof.proved
    assert note.zh == "配送点 S3 于 00:00:25 截止，而 van 最早 00:00:30 到达。"


def test_two_windows_that_exclude_each_other_cost_one_of_them():
    given = problem([(0, 0), (50, 0), (-50, 0)], [Stop("E", (1,), 0, 60), Stop("W", (1,), 0, 60)], [VAN])
    plan = routes.solve(given, iterations=100)
    (note,) = plan.proof.relax
    assert note.rule in ("window:E", "window:W", "fleet:van") and plan.proof.proved
    assert note.by == (1 if note.rule == "fleet:van" else 90)


def test_a_load_above_each_vehicle_and_a_way_too_long_are_named():
    given = line(loads=(12, 1, 1), vehicle=replace(VAN, max_m=50, max_s=55))
    rules = {note.rule: note.by for note in routes.solve(given, iterations=100).proof.relax}
    assert rules == {"load:S1": 2, "max_s:van": 5, "max_m:van": 10}


@pytest.mark.parametrize("seed", range(40, 52))
def test_the_rules_to_relax_are_the_fewest(seed):
    """Windows and vehicles only, against all sets of them, smallest first."""
    rng = random.Random(seed)
    points = [(rng.randrange(60), rng.randrange(60)) for _ in range(5)]
    windows = [sorted(rng.sample(range(60, 160), 2)) for _ in range(4)]
    given = problem(points, [Stop(f"S{n}", (2,), *window) for n, window in enumerate(windows)], [replace(VAN, capacity=(6,))])
    plan = routes.solve(given, iterations=300)
    least = next(
        size
        for size in range(9)
        for moved in itertools.chain.from_iterable(itertools.combinations(range(4), k) for k in range(size + 1))
        if size - len(moved) < 4 and brute(loosened(given, moved, size - len(moved))) < inf
    )
    assert (plan.proof.status == "infeasible") == (least > 0)
    assert sum(note.by if note.rule.startswith("fleet") else 1 for note in plan.proof.relax) == least
    assert plan.proof.proved


def loosened(given, moved, more):
    stops = tuple(replace(stop, opens=0, closes=1000) if n in moved else stop for n, stop in enumerate(given.stops))
    return replace(given, stops=stops, vehicles=(replace(given.vehicles[0], count=1 + more),))


def test_all_faults_are_named_at_once():
    given = Problem((Depot("a", 10, 5),), (Stop("S", (1, 2)), Stop("S", (-1,))), (Vehicle("van", "b", (5,), 0),), [[0]], [[0]])
    with pytest.raises(PlanFault) as caught:
        routes.solve(given)
    found = [(one.code, one.args.get("key")) for one in caught.value.findings]
    assert ("SL-PLN-02", None) in found and ("SL-PLN-04", "depot") in found
    assert {key for code, key in found if code == "SL-PLN-03"} == {"closes", "count", "load", "size"}
    with pytest.raises(PlanFault) as caught:
        routes.solve(Problem((), (), (), [], []))
    assert [one.code for one in caught.value.findings] == ["SL-PLN-01"] * 3


def test_savings_join_the_two_far_stops():
    given = problem([(0, 0), (30, 0), (30, 4), (-10, 0)], [Stop(name, (1,)) for name in "ABC"], [replace(VAN, capacity=(2,), count=3)])
    trips = savings(given)
    assert sorted(sorted(visit.stop for visit in one.visits) for one in trips) == [["A", "B"], ["C"]]
    assert savings(replace(given, vehicles=(replace(VAN, capacity=(2,)),))) is None


@pytest.mark.parametrize("seed", range(4))
def test_the_search_is_never_behind_the_savings(seed):
    given = chance(seed + 20, 9, tight=3.0)
    given = replace(given, vehicles=tuple(replace(one, count=9) for one in given.vehicles))
    plan, rule = routes.solve(given, iterations=300), savings(given)
    assert plan.proof.bound <= plan.proof.objective <= sum(one.cost for one in rule) + 1e-6
