"""Area `optimise_routes`: routes, picking, space, tasks and set points against published optima, rules of thumb and their own bounds."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence

from storeloom.core.bench.harness import Result, interleaved
from storeloom.core.bench.solomon import OPTIMA, c101
from storeloom.workers.optimise import assignment, picking, routes, setpoints, space
from storeloom.workers.optimise.fleet import Depot, Problem, Stop, Vehicle, straight
from storeloom.workers.optimise.pick_routes import RULES, Block, Spot
from storeloom.workers.optimise.plans import SEED
from storeloom.workers.optimise.savings import savings

SEEDS = range(2)
STOPS, ITERATIONS, LABELS = 25, 500, 600_000
PROVED = 50
WALKS = 300
BLOCK = Block(10, 30, 3, 4)
WORK = 2.0
HOT_C = 25.0


def measure() -> list[Result]:
    """Every planner once, on problems made from seeds; nothing is read."""
    return [*_solomon(), *_deliveries(), *_walks(), _batches(), _shelves(), _tasks(), _energy()]


def _solomon() -> list[Result]:
    trips = routes.search(c101(), ITERATIONS, SEED)
    cost = sum(one.cost for one in trips) if trips else float("inf")
    proved = routes.solve(c101(PROVED), iterations=ITERATIONS).proof
    return [
        Result("solomon_c101_against_optimum", cost / OPTIMA[100], "ratio", "<= 1", "published optimum 827.3", 1),
        Result("solomon_c101_50_gap", _gap(proved.gap), "share", "<= 0", "own bound, published optimum 362.4", 1),
    ]


def _town(seed: int) -> Problem:
    """Stops in five quarters round two depots, each with a window of an hour, and two kinds of van."""
    chance = random.Random(seed)
    centres = [(chance.randrange(2000, 18000), chance.randrange(2000, 18000)) for _ in range(5)]
    points: list[tuple[float, float]] = [(10000, 10000), (4000, 15000)]
    stops = []
    for n in range(STOPS):
        x, y = centres[n % len(centres)]
        points.append((x + chance.gauss(0, 1200), y + chance.gauss(0, 1200)))
        opens = chance.randrange(8, 16) * 3600
        stops.append(Stop(f"S{n}", (chance.randrange(15, 40),), opens, opens + 3600, 600))
    vans = (
        Vehicle("van", "main", (150,), 8, 8 * 3600, 18 * 3600, fixed_cost=6000, cost_km=120),
        Vehicle("truck", "north", (250,), 4, 8 * 3600, 18 * 3600, fixed_cost=11000, cost_km=200),
    )
    metres, seconds = straight(points, 8, 1.3)
    return Problem((Depot("main"), Depot("north")), tuple(stops), vans, metres, seconds)


def _deliveries() -> list[Result]:
    ratios, gaps = [], []
    for seed in SEEDS:
        town = _town(seed)
        plan, rule = routes.solve(town, iterations=ITERATIONS, labels=LABELS), savings(town)
        if plan.proof.objective is None or rule is None:
            raise RuntimeError(f"town {seed} has no plan")
        ratios.append(plan.proof.objective / sum(one.cost for one in rule))
        gaps.append(_gap(plan.proof.gap))
    return [
        Result("routes_against_savings", statistics.mean(ratios), "ratio", "<= 0.97", f"Clarke-Wright, {STOPS} stops", len(ratios)),
        Result("routes_gap", statistics.mean(gaps), "share", "<= 0.06", "column generation or assignment bound", len(gaps)),
    ]


def _gap(gap: float | None) -> float:
    return float("inf") if gap is None else gap


def _picks(seed: int, count: int) -> list[Spot]:
    chance = random.Random(seed)
    return [(chance.randrange(BLOCK.aisles), chance.uniform(0, BLOCK.length_m)) for _ in range(count)]


def _walks() -> list[Result]:
    """Metres of the taught rules over the shortest, and how long the shortest takes to find."""
    some = [_picks(seed, 15) for seed in range(WALKS)]
    metres = {name: sum(rule(BLOCK, picks).metres for picks in some) for name, rule in RULES.items()}
    seconds = interleaved({"shortest": lambda: [RULES["shortest"](BLOCK, picks) for picks in some]}, 3)["shortest"]
    against = "shortest route (Ratliff-Rosenthal), 15 picks in 10 aisles"
    return [
        Result("pick_s_shape_over_shortest", metres["s_shape"] / metres["shortest"], "ratio", ">= 1", against, WALKS),
        Result("pick_largest_gap_over_shortest", metres["largest_gap"] / metres["shortest"], "ratio", ">= 1", against, WALKS),
        Result("pick_shortest_ms", 1000 * seconds / WALKS, "ms", "<= 10", "a route", 3 * WALKS),
    ]


def _batches() -> Result:
    orders = [picking.Order(f"O{seed}", tuple(_picks(seed, 3)), 1 + seed % 3) for seed in range(30)]
    made = picking.batch(BLOCK, picking.Cart(10, 6), orders, sets=500)
    alone = sum(RULES["shortest"](BLOCK, order.spots).metres for order in orders)
    return Result(
        "batches_against_single_orders", (made.proof.objective or alone) / alone, "ratio", "<= 0.6", "order by order, 30 orders", 1
    )


def _shelves() -> Result:
    chance = random.Random(0)
    shelves = tuple(space.Shelf(f"L{n}", 1200, pull) for n, pull in enumerate((0.8, 1.0, 1.1, 0.9)))
    items = tuple(
        space.Item(f"I{n}", chance.randrange(60, 160), chance.randrange(100, 2000), 1, 5, block=f"B{n % 4}" if n % 3 == 0 else None)
        for n in range(30)
    )
    plan = space.solve(space.Problem(shelves, items), work=WORK)
    return Result("planogram_gap", _gap(plan.proof.gap), "share", "<= 0.02", "CP-SAT bound, 30 items on 4 shelves", 1)


def _tasks() -> Result:
    """Cost against giving the tasks in the order of their due times to whoever is done with them first."""
    chance = random.Random(0)
    zones = [f"Z{n}" for n in range(6)]
    walk = {(a, b): 1 + abs(n - m) for n, a in enumerate(zones) for m, b in enumerate(zones) if n < m}
    tasks = tuple(assignment.Task(f"T{n}", chance.choice(zones), chance.randrange(5, 30), due=chance.randrange(60, 240)) for n in range(14))
    people = tuple(assignment.Person(f"P{n}", zones[n]) for n in range(3))
    problem = assignment.Problem(tasks, people, walk)
    plan = assignment.solve(problem, work=WORK)
    ratio = (plan.proof.objective or 0.0) / _earliest_due(problem, tasks, people)
    return Result("tasks_against_earliest_due", ratio, "ratio", "<= 1", "earliest due date first, 14 tasks for 3 people", 1)


def _earliest_due(problem: assignment.Problem, tasks: Sequence[assignment.Task], people: Sequence[assignment.Person]) -> float:
    now, cost = {person.id: (person.starts, person.zone) for person in people}, 0
    for task in sorted(tasks, key=lambda one: (one.due, one.id)):
        who = min(now, key=lambda name: (now[name][0] + problem.minutes(now[name][1], task.zone), name))
        minutes = problem.minutes(now[who][1], task.zone)
        ends = now[who][0] + minutes + task.minutes
        cost += problem.walk_cost * minutes + task.late_cost * max(0, ends - task.due)
        now[who] = (ends, task.zone)
    return float(cost)


def _energy() -> Result:
    """A summer day of quarter-hours with a battery, against a thermostat that holds the upper limit."""
    chance = random.Random(0)
    room = setpoints.Room(24, 8, 2, cool_kw=12)
    steps = tuple(
        setpoints.Step(40 if n < 28 else 120 if 40 <= n < 72 else 80, 10, 27 + 6 * (36 < n < 76), 4 + chance.random() * 6, 20, HOT_C)
        for n in range(96)
    )
    plan = setpoints.solve(setpoints.Problem(steps, 0.25, room, setpoints.Battery(20, 5, 5)))
    warm, fixed = room.starts_c, 0.0
    for step in steps:
        flow = (step.outside_c - warm) / room.resistance + step.gains_kw
        cool = min(room.cool_kw, max(0.0, (flow - (HOT_C - warm) * room.capacity / 0.25) / room.cool_cop))
        warm += (flow - room.cool_cop * cool) * 0.25 / room.capacity
        fixed += 0.25 * step.price * (step.load_kw + cool)
    return Result(
        "energy_against_thermostat", (plan.proof.objective or fixed) / fixed, "ratio", "<= 0.97", "fixed thermostat, no battery", 1
    )
