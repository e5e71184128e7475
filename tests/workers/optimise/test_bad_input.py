"""The sweep: every number of every planner's problem turned bad, one at a time, and every list emptied or doubled. A planner answers by its
rules, or raises the fault that its callers catch; never anything else, and never a figure that is not finite."""

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import datetime, timedelta

import pytest

from storeloom.workers.optimise import (
    appointments,
    assignment,
    fleet,
    joint_orders,
    lot_sizing,
    picking,
    pricing,
    routes,
    setpoints,
    shift_tasks,
    shifts,
    space,
)
from storeloom.workers.optimise.order_up_to import Review, hold_out, level_for, newsvendor, order_up_to
from storeloom.workers.optimise.perishable import Costs, Flow, best_level, paths
from storeloom.workers.optimise.pick_routes import Block
from storeloom.workers.optimise.plans import PlanFault
from storeloom.workers.optimise.policies import Case, judge
from storeloom.workers.optimise.stock_input import OrderFault

BAD = (math.nan, math.inf, -math.inf, -1, 1e30)
FAULTS = (PlanFault, OrderFault)
DAY = datetime(2026, 3, 2)


def at(hour):
    return DAY + timedelta(hours=hour)


EARLY = shifts.Shift(DAY.date(), at(8), at(12), 240)
ROSTER = shifts.Problem(
    {"li": shifts.Person("li", 2000, most_week_min=2400)},
    (shifts.Need("till", at(8), at(12), 1.5),),
    (shifts.Duty("li", "till", EARLY),),
    wishes=(shifts.Wish("li", at(8), at(12)),),
)
ROUTE = fleet.Problem((fleet.Depot("d"),), (fleet.Stop("a", (1,)),), (fleet.Vehicle("v", "d", (2,)),), ((0, 5), (5, 0)), ((0, 5), (5, 0)))
SHELF = space.Problem((space.Shelf("s", 100, bears_g=900, height_mm=90),), (space.Item("i", 20, 50.0, most=3, weight_g=5),))
TASKS = assignment.Problem((assignment.Task("t", "z", 10, skip_cost=5),), (assignment.Person("p", "y"),), {("y", "z"): 3})
PRICE = pricing.Task(5, 100.0, 100.0, (100.0, 80.0), (1.0, 1.0), -2.0, guards=pricing.Guards(most_cut=0.5, most_changes=1))
ENERGY = setpoints.Problem(
    (setpoints.Step(10, 2, low_c=18, high_c=26),) * 2, room=setpoints.Room(22, 8, 2, 5, 5), battery=setpoints.Battery(5, 2, 2), grid_kw=50
)
ORDER = joint_orders.Problem(
    (joint_orders.Line("i", "s", 10.0, (5.0, 2.0), 1.0, 1.0),),
    (joint_orders.Supplier("s", 1.0, 1.0),),
    joint_orders.Limits(100.0, 50.0, 50.0),
)
VISITS = appointments.Problem((appointments.Slot("9"),), (appointments.Request("r", "new", {"9": 5.0}),), {"new": 0.2}, 9.0)
LOTS = (lot_sizing.Need("i", (1.0, 2.0), 0.1, 1.0, 2),)
JOBS = (shift_tasks.Task("t", 30, at(8), at(12), skip_cost=5),)
PICKS = (picking.Order("o", ((0, 5.0),)),)
CART, BLOCK = picking.Cart(5), Block(3, 10.0, 3.0)

PLANNERS = {
    "shifts": (ROSTER, lambda one: shifts.solve(one, 0.5).proof),
    "greedy": (ROSTER, lambda one: shifts.greedy(one).proof),
    "routes": (ROUTE, lambda one: routes.solve(one, iterations=5).proof),
    "space": (SHELF, lambda one: space.solve(one, work=0.5).proof),
    "assignment": (TASKS, lambda one: assignment.solve(one, work=0.5).proof),
    "pricing": (PRICE, lambda one: pricing.plan(one).proof),
    "setpoints": (ENERGY, lambda one: setpoints.solve(one).proof),
    "joint_orders": (ORDER, lambda one: joint_orders.solve(one).proof),
    "appointments": (VISITS, lambda one: appointments.book(one, work=0.5).proof),
    "lot_sizing": (LOTS, lambda one: lot_sizing.joint(one, 5.0).proof),
    "shift_tasks": (JOBS, lambda one: shift_tasks.place([ROSTER.candidates[0]], ROSTER.needs, one, work=0.5).proof),
    "batches": (PICKS, lambda one: picking.batch(BLOCK, CART, one).proof),
    "cart": (CART, lambda one: picking.batch(BLOCK, one, PICKS).proof),
    "block": (BLOCK, lambda one: picking.batch(one, CART, PICKS).proof),
}


def numbers(value, path=()):
    """Paths to all numbers of a problem."""
    if isinstance(value, bool):
        return
    if isinstance(value, (int, float)):
        yield path
    elif is_dataclass(value):
        for one in fields(value):
            yield from numbers(getattr(value, one.name), (*path, one.name))
    elif isinstance(value, Mapping):
        for key in value:
            yield from numbers(value[key], (*path, key))
    elif isinstance(value, (tuple, list)):
        for n, one in enumerate(value):
            yield from numbers(one, (*path, n))


def lists(value, path=()):
    """Paths to all sequences of a problem."""
    if isinstance(value, (tuple, list)):
        yield path
        for n, one in enumerate(value):
            yield from lists(one, (*path, n))
    elif is_dataclass(value):
        for one in fields(value):
            yield from lists(getattr(value, one.name), (*path, one.name))


def got(value, path):
    for key in path:
        value = getattr(value, key) if is_dataclass(value) else value[key]
    return value


def changed(value, path, fresh):
    if not path:
        return fresh
    key, *rest = path
    if is_dataclass(value):
        return replace(value, **{key: changed(getattr(value, key), rest, fresh)})
    if isinstance(value, Mapping):
        return dict(value) | {key: changed(value[key], rest, fresh)}
    return tuple(changed(one, rest, fresh) if n == key else one for n, one in enumerate(value))


def answered(call, problem, what):
    """The fault, or an answer whose figures are finite."""
    try:
        proof = call(problem)
    except FAULTS as fault:
        assert fault.findings and all(one.text("zh") for one in fault.findings), what
        return False
    assert proof.status in ("optimal", "feasible", "infeasible"), what
    for figure in (proof.objective, proof.bound, proof.gap):
        assert figure is None or math.isfinite(figure), what
    return True


@pytest.mark.parametrize("name", PLANNERS)
def test_bad_numbers(name):
    problem, call = PLANNERS[name]
    assert answered(call, problem, "as it stands")
    for path in numbers(problem):
        for bad in BAD:
            sound = answered(call, changed(problem, path, bad), f"{name} {path} {bad}")
            assert not (sound and not math.isfinite(bad)), f"{name} {path} took {bad}"


@pytest.mark.parametrize("name", PLANNERS)
def test_nothing_and_duplicates(name):
    problem, call = PLANNERS[name]
    for path in lists(problem):
        if "spots" in path[:-1]:
            continue  # a spot's two coordinates are no list
        whole = got(problem, path)
        answered(call, changed(problem, path, ()), f"{name} {path} emptied")
        answered(call, changed(problem, path, (*whole, *whole)), f"{name} {path} doubled")


DEMAND = [3.0, 2.0, 4.0, 1.0, 0.0, 5.0, 2.0] * 9
FLOW, COSTS = Flow(2, 1, 3), Costs(5.0, 3.0)
HISTORIES = {
    "newsvendor": lambda days: newsvendor(days, 3.0, 1.0).qty,
    "order_up_to": lambda days: order_up_to(days, Review(2, 1), "beta", 0.95).up_to,
    "level_for": lambda days: level_for(days, Review(2, 1), "alpha", 0.95),
    "hold_out": lambda days: hold_out(days, 3.0, 1.0).empirical,
    "paths": lambda days: best_level(paths(days, 60, 4, seed=0), FLOW, COSTS).up_to,
}


@pytest.mark.parametrize("name", HISTORIES)
def test_histories(name):
    call = HISTORIES[name]
    assert math.isfinite(call(DEMAND))
    for bad in ([], [3.0], [-1.0, *DEMAND], [math.inf, *DEMAND], [1e30, *DEMAND], ["x", *DEMAND], [None] * 63):
        with pytest.raises(OrderFault):
            call(bad)
    assert math.isfinite(call([0.0] * 63)), "what never sells"
    assert math.isfinite(call([7.0] * 63)), "what always sells the same"
    assert math.isfinite(call([math.nan, *DEMAND])), "a day unknown"


@pytest.mark.parametrize("bad", BAD)
def test_terms_of_orders(bad):
    for call in (
        lambda: newsvendor(DEMAND, bad, 1.0),
        lambda: newsvendor(DEMAND, 1.0, 1.0, case=bad),
        lambda: order_up_to(DEMAND, Review(bad), "beta", 0.9),
        lambda: order_up_to(DEMAND, Review(1, {1: bad}), "beta", 0.9),
        lambda: order_up_to(DEMAND, Review(1), "beta", bad),
        lambda: level_for(DEMAND, Review(1, bad), "alpha", 0.9),
        lambda: level_for(DEMAND, Review(1), "alpha", bad),
        lambda: best_level(paths(DEMAND, 60, 4, seed=0), replace(FLOW, life_days=bad), COSTS),
        lambda: best_level(paths(DEMAND, 60, 4, seed=0), FLOW, Costs(bad, 1.0)),
        lambda: best_level(paths(DEMAND, 60, 4, seed=0), FLOW, Costs(1.0, 1.0, bad)),
    ):
        try:
            found = call()
        except OrderFault:
            continue
        assert math.isfinite(bad) and bad > 0, call
        assert math.isfinite(getattr(found, "up_to", getattr(found, "qty", found)))


def test_policies_on_bad_cases():
    import numpy as np

    good = Case("a", np.array(DEMAND), np.array(DEMAND[:28]), FLOW, COSTS)
    for bad in (
        replace(good, before=np.array([-1.0] * 63)),
        replace(good, judged=np.array([math.nan] * 28)),
        replace(good, before=np.array([])),
    ):
        with pytest.raises(OrderFault):
            judge([good, bad])
    with pytest.raises(OrderFault):
        judge([])
