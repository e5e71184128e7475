"""Tasks to staff against all orders of all splits, and hand-worked days."""

import itertools
import random
from dataclasses import replace

import pytest

from storeloom.workers.optimise.assignment import Person, Problem, Task, solve
from storeloom.workers.optimise.plans import PlanFault

WALK = {("back", "aisle"): 3, ("aisle", "till"): 2, ("back", "till"): 5}
ZONES = ("back", "aisle", "till")


def chance(seed, n=5):
    rng = random.Random(seed)
    tasks = []
    for k in range(n):
        opens = rng.randrange(0, 40)
        tasks.append(
            Task(
                f"T{k}",
                rng.choice(ZONES),
                rng.randrange(5, 25),
                opens,
                opens + rng.randrange(10, 50),
                rng.choice((60, 90, 1440)),
                rng.choice((None, None, "fork")),
                rng.randrange(1, 4),
                rng.choice((None, 30, 60)),
            )
        )
    people = (Person("li", "back", 0, 90, frozenset({"fork"})), Person("wang", "till", 10, 80))
    return Problem(tuple(tasks), people, WALK)


def brute(problem, free=frozenset()):
    """The least cost over all splits and orders; None where none keeps the rules. `free`: (rule, task) set aside."""
    best = None
    everyone = [*range(len(problem.people)), None]
    for split in itertools.product(everyone, repeat=len(problem.tasks)):
        cost = 0
        for task, who in zip(problem.tasks, split, strict=True):
            if who is None:
                cost = None if task.skip_cost is None and ("must", task.id) not in free else cost + (task.skip_cost or 0)
            elif task.skill and task.skill not in problem.people[who].skills and ("skill", task.id) not in free:
                cost = None
            if cost is None:
                break
        if cost is None:
            continue
        for p, person in enumerate(problem.people):
            own = [task for task, who in zip(problem.tasks, split, strict=True) if who == p]
            day = min(
                (price for order in itertools.permutations(own) if (price := walked(problem, person, order, free)) is not None),
                default=None,
            )
            cost = None if day is None or cost is None else cost + day
        if cost is not None and (best is None or cost < best):
            best = cost
    return best


def walked(problem, person, order, free):
    now, here, cost = person.starts, person.zone, 0
    for task in order:
        minutes = 0 if here == task.zone else WALK.get((here, task.zone), WALK.get((task.zone, here)))
        now = max(task.opens, now + minutes) + task.minutes
        if now > person.ends or (now > task.deadline and ("deadline", task.id) not in free):
            return None
        cost += problem.walk_cost * minutes + task.late_cost * max(0, now - task.due)
        here = task.zone
    return cost


@pytest.mark.parametrize("seed", range(10))
def test_no_split_and_order_is_cheaper(seed):
    problem = chance(seed)
    best, plan = brute(problem), solve(problem)
    if best is None:
        assert plan.proof.status == "infeasible" and plan.proof.proved and plan.proof.relax
        return
    assert plan.proof.status == "optimal"
    assert plan.proof.objective == plan.proof.bound == best
    tasks = {task.id: task for task in problem.tasks}
    counted = sum(duty.walk + tasks[duty.task].late_cost * duty.late for duty in plan.duties) + sum(tasks[n].skip_cost for n in plan.undone)
    assert counted == best


@pytest.mark.parametrize("seed", range(4))
def test_the_rules_to_relax_are_the_fewest(seed):
    given = chance(seed, 4)
    problem = replace(given, tasks=tuple(replace(task, skip_cost=None, deadline=35, skill="fork") for task in given.tasks))
    kinds = [(rule, task.id) for task in problem.tasks for rule in ("must", "deadline", "skill")]
    least = next(n for n in range(6) for some in itertools.combinations(kinds, n) if brute(problem, frozenset(some)) is not None)
    plan = solve(problem)
    assert least > 0 and plan.proof.status == "infeasible" and plan.proof.proved
    assert len(plan.proof.relax) == least


def test_the_nearest_who_can_goes_and_the_way_is_counted():
    people = (Person("li", "back", 0, 60, frozenset({"fork"})), Person("wang", "till", 0, 60))
    tasks = (Task("pallet", "aisle", 20, due=30, skill="fork"), Task("bags", "till", 10, due=15), Task("fill", "till", 10, due=25))
    plan = solve(Problem(tasks, people, WALK))
    assert [(d.person, d.task, d.begins, d.ends, d.walk) for d in plan.duties] == [
        ("li", "pallet", 3, 23, 3),
        ("wang", "bags", 0, 10, 0),
        ("wang", "fill", 10, 20, 0),
    ]
    assert plan.proof.objective == 3 and plan.proof.binding == ()


def test_what_does_not_fit_is_left_by_its_price_and_said():
    tasks = (Task("count", "till", 30, skip_cost=5), Task("fill", "till", 30, skip_cost=50, skill="fork"))
    plan = solve(Problem(tasks, (Person("li", "till", 0, 31, frozenset({"fork"})),), {}))
    assert plan.undone == ("count",) and plan.proof.objective == 5
    assert [note.rule for note in plan.proof.binding] == ["person:li", "skill:fork", "undone:count"]
    assert plan.proof.binding[2].zh == "任务 count 未安排。"


def test_a_skill_nobody_has_is_what_gives_way():
    plan = solve(Problem((Task("pallet", "till", 10, skill="fork", deadline=30),), (Person("li", "till"),), {}))
    (note,) = plan.proof.relax
    assert note.rule in ("skill:pallet", "must:pallet")


def test_the_same_problem_gives_the_same_plan():
    assert solve(chance(4)) == solve(chance(4))


def test_all_faults_are_named_at_once():
    tasks = (Task("a", "x", 0), Task("a", "y", 5, opens=-1))
    with pytest.raises(PlanFault) as caught:
        solve(Problem(tasks, (Person("li", "x", 50, 40),), {}))
    assert [(one.code, one.args.get("key")) for one in caught.value.findings] == [
        ("SL-PLN-02", None),
        ("SL-PLN-03", "minutes"),
        ("SL-PLN-03", "opens"),
        ("SL-PLN-03", "ends"),
        ("SL-PLN-03", "walk"),
    ]
