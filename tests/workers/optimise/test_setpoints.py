"""Set points and batteries against all whole-kilowatt schedules, hand-worked days, and the physics counted again."""

import itertools
import random

import pytest

from storeloom.workers.optimise.plans import PlanFault
from storeloom.workers.optimise.setpoints import Battery, Problem, Room, Step, solve


def brute(problem):
    """The least cost over whole kilowatts of the battery; without loss and with whole figures an optimum is among them."""
    battery, best = problem.battery, None
    for moves in itertools.product(range(-int(battery.discharge_kw), int(battery.charge_kw) + 1), repeat=len(problem.steps)):
        stored, cost, peak, fits = battery.starts_kwh, 0.0, 0.0, True
        for step, move in zip(problem.steps, moves, strict=True):
            stored += move
            grid = step.load_kw + move
            fits &= 0 <= stored <= battery.capacity_kwh and (problem.grid_kw is None or abs(grid) <= problem.grid_kw)
            cost += step.price * max(grid, 0) - step.sell * max(-grid, 0)
            peak = max(peak, grid)
        if fits and stored >= battery.starts_kwh and (best is None or cost + problem.peak_price * peak < best):
            best = cost + problem.peak_price * peak
    return best


@pytest.mark.parametrize("seed", range(10))
def test_no_way_to_run_the_battery_is_cheaper(seed):
    rng = random.Random(seed)
    steps = tuple(Step(rng.randrange(-10, 100), rng.randrange(-2, 6), sell=rng.choice((0, 30, 120))) for _ in range(5))
    problem = Problem(steps, battery=Battery(5, 2, 3, 1, 1.0), grid_kw=rng.choice((None, 4)), peak_price=rng.choice((0, 0, 40)))
    best, plan = brute(problem), solve(problem)
    if best is None:
        assert plan.proof.status == "infeasible" and plan.proof.proved and plan.proof.relax
        return
    assert plan.proof.status == "optimal"
    if not problem.peak_price:
        assert plan.proof.objective == pytest.approx(best, abs=1e-6)
    assert plan.proof.objective <= best + 1e-6 and plan.proof.bound == pytest.approx(plan.proof.objective, abs=1e-6)


def test_the_loss_of_the_battery_decides_whether_it_pays():
    steps = (Step(80, 1), Step(100, 1))
    assert solve(Problem(steps, battery=Battery(1, 1, 1, 0, 0.81))).proof.objective == pytest.approx(80 + 100 - (100 * 0.81 - 80) * 1)
    assert solve(Problem(steps, battery=Battery(1, 1, 1, 0, 0.64))).proof.objective == pytest.approx(180)


ROOM = Room(24, 10, 1000, cool_kw=10, cool_cop=3)


def test_a_room_is_cooled_before_the_price_rises():
    """Outside as warm as the limit, 30 kW of gains in the dear hour: 3 degrees, which 10 kWh of cooling takes away beforehand."""
    steps = (Step(50, outside_c=24, high_c=24, low_c=21), Step(200, outside_c=24, gains_kw=30, high_c=24))
    plan = solve(Problem(steps, room=ROOM))
    assert plan.settings[0].set_c == pytest.approx(21, abs=0.01) and plan.settings[0].cool_kw == pytest.approx(10, abs=0.01)
    assert plan.proof.objective == pytest.approx(500 + 200 * plan.settings[1].cool_kw, abs=1e-3)
    assert plan.settings[1].cool_kw < 0.02 and plan.settings[1].set_c == pytest.approx(24, abs=1e-6)
    assert [note.rule for note in plan.proof.binding] == ["comfort:low", "comfort:high", "cool"]
    assert plan.proof.binding[2].zh == "2 个时段中有 1 个满功率制冷。"


@pytest.mark.parametrize("seed", range(4))
def test_the_physics_and_the_bill_hold_and_a_fixed_thermostat_pays_more(seed):
    rng = random.Random(seed)
    steps = tuple(
        Step(rng.choice((40, 70, 120)), rng.randrange(5, 15), 26 + rng.random() * 8, rng.random() * 12, 20, 25) for _ in range(24)
    )
    room, battery = Room(24, 8, 2, cool_kw=12, cool_cop=3), Battery(20, 5, 5, 5, 0.9)
    plan = solve(Problem(steps, 1, room, battery))
    warm, stored, bill = room.starts_c, battery.starts_kwh, 0.0
    for step, one in zip(steps, plan.settings, strict=True):
        warm += ((step.outside_c - warm) / room.resistance + step.gains_kw - room.cool_cop * one.cool_kw) / room.capacity
        stored += max(one.battery_kw, 0) * 0.9**0.5 - max(-one.battery_kw, 0) / 0.9**0.5
        assert one.set_c == pytest.approx(warm, abs=1e-4) and 20 - 1e-6 <= warm <= 25 + 1e-6
        assert one.stored_kwh == pytest.approx(stored, abs=1e-4)
        assert one.grid_kw == pytest.approx(step.load_kw + one.cool_kw + one.battery_kw, abs=1e-5)
        bill += step.price * max(one.grid_kw, 0)
    assert plan.proof.objective == pytest.approx(bill, abs=0.05)
    fixed, warm = 0.0, room.starts_c
    for step in steps:
        flow = (step.outside_c - warm) / room.resistance + step.gains_kw
        cool = min(12, max(0, (flow - (25 - warm) * room.capacity) / room.cool_cop))
        warm += (flow - room.cool_cop * cool) / room.capacity
        fixed += step.price * (step.load_kw + cool)
    assert plan.proof.objective <= fixed


def test_comfort_out_of_reach_says_which_steps_and_by_how_much():
    steps = tuple(Step(50, outside_c=24, gains_kw=gains, high_c=24) for gains in (0, 40, 0))
    plan = solve(Problem(steps, room=Room(24, 10, 1e6, cool_kw=10, cool_cop=1)))
    assert plan.proof.status == "infeasible" and plan.proof.proved
    cooled = solve(Problem(steps, room=Room(24, 10, 1e6, cool_kw=20, cool_cop=1)))
    assert cooled.proof.status == "optimal"
    (note,) = plan.proof.relax
    # cooled to 23 beforehand, then 3 up to 26, then 1 down to 25
    assert (note.rule, note.by) == ("comfort:1-2", pytest.approx(2, abs=1e-3))
    assert note.zh == "时段 1 至 2：温度最多偏离舒适范围 2.00 度。"


def test_a_connection_too_small_is_named():
    plan = solve(Problem((Step(50, 5), Step(50, 9)), grid_kw=6))
    (note,) = plan.proof.relax
    assert (note.rule, note.by, note.en) == ("grid:1-1", pytest.approx(3), "Steps 1 to 1: connection exceeded by up to 3.00 kW.")


def test_the_same_problem_gives_the_same_schedule():
    problem = Problem(tuple(Step(price, 5) for price in (10, 50, 20, 90)), battery=Battery(4, 2, 2))
    assert solve(problem) == solve(problem)


def test_all_faults_are_named_at_once():
    problem = Problem((Step(50, low_c=25, high_c=20, outside_c=200),), 0, Room(20, 0, 1), Battery(5, 1, 1, 9))
    with pytest.raises(PlanFault) as caught:
        solve(problem)
    assert [one.args["key"] for one in caught.value.findings] == ["hours", "outside_c", "high_c", "capacity", "starts_kwh"]
