"""Tasks within shifts against every placing there is on small days, and what to give up where not all can be done."""

import itertools
import random
from datetime import datetime, timedelta

import pytest

from storeloom.workers.optimise.plans import PlanFault
from storeloom.workers.optimise.shift_tasks import Break, Task, place
from storeloom.workers.optimise.shifts import Duty, Need, Shift

DAY = datetime(2026, 3, 2)


def at(hour):
    return DAY + timedelta(hours=hour)


def duty(who, start, end, role="cashier"):
    return Duty(who, role, Shift(DAY.date(), at(start), at(end), round((end - start) * 60)))


def test_a_task_goes_where_staff_is_over():
    duties = [duty("li", 9, 12), duty("wang", 10, 12)]
    day = place(duties, [Need("cashier", at(9), at(11), 1), Need("cashier", at(11), at(12), 2)], [Task("count", 60, at(9), at(12))])
    assert day.proof.status == "optimal" and day.proof.objective == 0
    assert [(job.start, job.end) for job in day.jobs] == [(at(10), at(11))]


def test_it_is_left_undone_where_that_is_cheaper_than_a_missing_head():
    duties, needs = [duty("li", 9, 12)], [Need("cashier", at(9), at(12), 1)]
    cheap = place(duties, needs, [Task("count", 60, at(9), at(12), skip_cost=9999)])
    assert cheap.undone == ("count",) and cheap.proof.objective == 9999 and cheap.proof.binding[0].rule == "undone:count"
    dear = place(duties, needs, [Task("count", 60, at(9), at(12), skip_cost=10001)])
    assert not dear.undone and dear.proof.objective == pytest.approx(10000) and dear.proof.binding[0].rule == "cover:count"


def test_breaks_and_who_can():
    duties = [duty("li", 9, 11), duty("wang", 9, 11)]
    task = Task("count", 60, at(9), at(11), people=frozenset({"li"}))
    day = place(duties, [], [task], breaks=[Break("li", at(9.5), at(9.75))])
    (job,) = day.jobs
    assert job.duty.person == "li" and job.start >= at(9.75)
    none = place(duties, [], [task], breaks=[Break("li", at(9.75), at(10.25))])
    assert none.proof.status == "infeasible" and none.proof.proved and [note.rule for note in none.proof.relax] == ["must:count"]


def test_the_fewest_tasks_are_given_up():
    tasks = [Task("long", 120, at(9), at(11)), Task("a", 60, at(9), at(11)), Task("b", 60, at(9), at(11))]
    day = place([duty("li", 9, 11)], [], tasks)
    assert [note.rule for note in day.proof.relax] == ["must:long"] and day.proof.relax[0].zh == "任务 long 不做。"


def brute(duties, needs, tasks, step=0.5):
    best = None
    ways = []
    for task in tasks:
        own = [None] if task.skip_cost is not None else []
        for one in duties:
            start = one.shift.start
            while start + timedelta(minutes=task.minutes) <= one.shift.end:
                if task.opens <= start and start + timedelta(minutes=task.minutes) <= task.due:
                    own.append((one, start, start + timedelta(minutes=task.minutes)))
                start += timedelta(hours=step)
        ways.append(own)
    for chosen in itertools.product(*ways):
        jobs = [way for way in chosen if way]
        if any(a[0] is b[0] and a[1] < b[2] and b[1] < a[2] for a, b in itertools.combinations(jobs, 2)):
            continue
        cost = sum(task.skip_cost for task, way in zip(tasks, chosen, strict=True) if not way)
        for k in range(12):
            now = at(9 + k * step)
            there = sum(one.shift.start <= now < one.shift.end for one in duties)
            heads = sum(need.heads for need in needs if need.start <= now < need.end)
            gone = sum(way[1] <= now < way[2] for way in jobs)
            cost += 10000 * step * (max(0, heads - there + gone) - max(0, heads - there))
        best = cost if best is None else min(best, cost)
    return best


@pytest.mark.parametrize("seed", range(8))
def test_no_placing_is_cheaper(seed):
    rng = random.Random(seed)
    duties = [duty("li", 9, 12), duty("wang", 10, 13), duty("zhao", 9.5, 11)][: rng.choice((2, 3))]
    needs = [Need("cashier", at(hour), at(hour + 1), rng.choice((0, 1, 1.5, 2))) for hour in (9, 10, 11, 12)]
    tasks = [
        Task(f"t{n}", rng.choice((30, 60, 90)), at(9), at(rng.choice((11, 13))), skip_cost=rng.choice((None, 3000, 8000))) for n in range(3)
    ]
    best, day = brute(duties, needs, tasks), place(duties, needs, tasks, step_min=30)
    assert best is not None and day.proof.status == "optimal"
    assert day.proof.objective == pytest.approx(best, abs=0.01) == day.proof.bound


def test_bad_days_are_told_at_once():
    bad = [Task("a", 0, at(9), at(8)), Task("a", 30, at(9), at(10), skip_cost=-1)]
    with pytest.raises(PlanFault) as fault:
        place([duty("li", 9, 9)], [Need("cashier", at(9), at(8), float("inf"))], bad, step_min=0)
    assert len(fault.value.findings) == 8
    assert place([], [], []).proof.status == "optimal"
    assert place([], [], [Task("a", 30, at(9), at(10))]).proof.relax[0].rule == "must:a"
