"""Tasks placed within the shifts of a roster, at times when the role can spare a pair of hands, by CP-SAT (OR-Tools).

Who does a task is missing from the role meanwhile: missing heads cost as they do in `shifts`, so tasks go where staff is over, then where
it costs least. Time runs in steps; a task takes whole steps of one duty, none of a break. The search ends by CP-SAT's deterministic
time, one thread, fixed seed. Walks between zones are `assignment`'s question.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from storeloom.workers.optimise import solving
from storeloom.workers.optimise.plans import SEED, Checks, Note, Proof
from storeloom.workers.optimise.roster_problem import MOST, Duty, Need

WORK = 10.0
MILLI = 1000
DAY_MIN = 24 * 60
TASK, BREAK, STEPS = ("Task", "任务"), ("Break", "休息"), ("Steps", "时间步")


@dataclass(frozen=True, slots=True)
class Task:
    """Work of so many minutes between `opens` and `due`. `people`: who can do it (None: anybody on duty). `skip_cost`: of leaving it
    undone, None where it must be done."""

    id: str
    minutes: int
    opens: datetime
    due: datetime
    people: frozenset[str] | None = None
    skip_cost: int | None = None


@dataclass(frozen=True, slots=True)
class Break:
    """When a person is off the floor within a duty."""

    person: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Job:
    """A task with who does it in which duty."""

    task: str
    duty: Duty
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Day:
    """Jobs by time, tasks left undone. `proof` counts missing staff beyond what is missing without tasks, and tasks left undone."""

    proof: Proof
    jobs: tuple[Job, ...]
    undone: tuple[str, ...]


def place(
    duties: Sequence[Duty],
    needs: Sequence[Need],
    tasks: Sequence[Task],
    *,
    breaks: Sequence[Break] = (),
    under_cost: int = 10000,
    step_min: int = 15,
    work: float = WORK,
    seed: int = SEED,
) -> Day:
    """The cheapest placing found within `work` (CP-SAT's deterministic time); `under_cost` an hour of a missing head.

    Where not all tasks that must be done can be, the answer is infeasible and names the fewest to give up. Raises PlanFault.
    """
    started = time.perf_counter()
    _check(duties, needs, tasks, breaks, under_cost, step_min)
    if not tasks:
        return Day(Proof("optimal", 0.0, 0.0, time.perf_counter() - started), (), ())
    grid = _Grid(duties, needs, tasks, breaks, timedelta(minutes=step_min))
    model = _Model(grid, under_cost, step_min, firm=True)
    solver, status = solving.run(model.model, work, seed)
    if status in ("optimal", "feasible"):
        jobs, undone = model.read(solver)
        cost, bound = solver.objective_value / MILLI, solver.best_objective_bound / MILLI
        notes = _binding(grid, jobs, undone)
        return Day(Proof(status, cost, bound, time.perf_counter() - started, notes), jobs, undone)
    soft = _Model(grid, under_cost, step_min, firm=False)
    solver, least = solving.run(soft.model, work, seed)
    if least not in ("optimal", "feasible"):
        raise RuntimeError(f"no placing of the tasks found within the work of {work}; allow more")
    _, undone = soft.read(solver)
    must = [task.id for task in tasks if task.skip_cost is None and task.id in undone]
    relax = tuple(Note(f"must:{name}", f"Leave task {name} undone.", f"任务 {name} 不做。") for name in must)
    return Day(Proof("infeasible", None, None, time.perf_counter() - started, (), relax, status == "infeasible"), (), ())


class _Grid:
    """Steps from the first duty on, and where each task may begin: `ways` are (task, duty, first step, steps)."""

    def __init__(
        self, duties: Sequence[Duty], needs: Sequence[Need], tasks: Sequence[Task], breaks: Sequence[Break], step: timedelta
    ) -> None:
        self.duties, self.needs, self.tasks, self.step = duties, needs, tasks, step
        self.first = min((duty.shift.start for duty in duties), default=tasks[0].opens)
        last = max((duty.shift.end for duty in duties), default=self.first)
        self.steps = [self.first + step * k for k in range(math.ceil((last - self.first) / step))]
        self.free = [[self._is_free(duty, at, breaks) for at in self.steps] for duty in duties]
        self.ways = [
            (t, d, k, size)
            for t, task in enumerate(tasks)
            for d, duty in enumerate(duties)
            if task.people is None or duty.person in task.people
            for size in [math.ceil(timedelta(minutes=task.minutes) / step)]
            for k, at in enumerate(self.steps)
            if task.opens <= at and at + size * step <= task.due and all(self.free[d][k : k + size]) and k + size <= len(self.steps)
        ]

    def _is_free(self, duty: Duty, at: datetime, breaks: Sequence[Break]) -> bool:
        inside = duty.shift.start <= at and at + self.step <= duty.shift.end
        return inside and not any(one.person == duty.person and one.start < at + self.step and at < one.end for one in breaks)

    def spare(self, role: str, k: int) -> float:
        """Heads over the need in a step, before any task; below 0 where some are missing."""
        at = self.steps[k]
        wanted = sum(need.heads for need in self.needs if need.role == role and need.start <= at < need.end)
        return sum(free[k] for duty, free in zip(self.duties, self.free, strict=True) if duty.role == role) - wanted


class _Model:
    """One Boolean a way. `firm`: tasks that must be done are; else the fewest of them are left undone."""

    def __init__(self, grid: _Grid, under_cost: int, step_min: int, firm: bool) -> None:
        from ortools.sat.python import cp_model

        self.grid, self.model = grid, cp_model.CpModel()
        self.takes = [self.model.new_bool_var("") for _ in grid.ways]
        self.skips = [self.model.new_bool_var("") for _ in grid.tasks]
        ways: list[list[Any]] = [[] for _ in grid.tasks]
        busy: dict[tuple[int, int], list[Any]] = {}
        for (t, d, k, size), take in zip(grid.ways, self.takes, strict=True):
            ways[t].append(take)
            for step in range(k, k + size):
                busy.setdefault((d, step), []).append(take)
        for own, skip, task in zip(ways, self.skips, grid.tasks, strict=True):
            self.model.add_exactly_one([*own, skip])
            if firm and task.skip_cost is None:
                self.model.add(skip == 0)
        for one in busy.values():
            self.model.add_at_most_one(one)
        if not firm:
            self.model.minimize(sum(skip for skip, task in zip(self.skips, grid.tasks, strict=True) if task.skip_cost is None))
            return
        skipped = sum(MILLI * (task.skip_cost or 0) * skip for task, skip in zip(grid.tasks, self.skips, strict=True))
        self.model.minimize(skipped + sum(self._missing(busy, under_cost * step_min / 60)))

    def _missing(self, busy: dict[tuple[int, int], list[Any]], cost: float) -> list[Any]:
        """What each head costs that tasks take from a role in a step below its need."""
        terms, by_step = [], dict[tuple[str, int], list[Any]]()
        for (d, k), takes in busy.items():
            by_step.setdefault((self.grid.duties[d].role, k), []).extend(takes)
        for (role, k), takes in sorted(by_step.items(), key=lambda one: one[0]):
            spare = max(0, round(MILLI * self.grid.spare(role, k)))
            already = max(0, -round(MILLI * self.grid.spare(role, k)))
            missing = self.model.new_int_var(0, MILLI * len(self.grid.duties) + already, "")
            self.model.add(missing >= MILLI * sum(takes) - spare)
            terms.append(round(cost) * missing)
        return terms

    def read(self, solver: Any) -> tuple[tuple[Job, ...], tuple[str, ...]]:
        grid, jobs = self.grid, []
        for (t, d, k, size), take in zip(grid.ways, self.takes, strict=True):
            if solver.value(take):
                jobs.append(Job(grid.tasks[t].id, grid.duties[d], grid.steps[k], grid.steps[k] + size * grid.step))
        undone = tuple(task.id for task, skip in zip(grid.tasks, self.skips, strict=True) if solver.value(skip))
        return tuple(sorted(jobs, key=lambda job: (job.start, job.duty.person, job.task))), undone


def _binding(grid: _Grid, jobs: Sequence[Job], undone: Sequence[str]) -> tuple[Note, ...]:
    """Tasks left undone, and those that take somebody away who is missed."""
    notes = [Note(f"undone:{name}", f"Task {name} is left undone.", f"任务 {name} 未安排。") for name in undone]
    for job in jobs:
        steps = [k for k, at in enumerate(grid.steps) if job.start <= at < job.end]
        away = [sum(other.start <= grid.steps[k] < other.end and other.duty.role == job.duty.role for other in jobs) for k in steps]
        if any(grid.spare(job.duty.role, k) - gone < 0 for k, gone in zip(steps, away, strict=True)):
            role = job.duty.role
            en, zh = (
                f"Task {job.task} takes {job.duty.person} from {role}, where staff is short.",
                f"任务 {job.task} 占用 {job.duty.person}，{role} 岗位人手不足。",
            )
            notes.append(Note(f"cover:{job.task}", en, zh))
    return tuple(notes)


def _check(
    duties: Sequence[Duty], needs: Sequence[Need], tasks: Sequence[Task], breaks: Sequence[Break], under_cost: float, step_min: int
) -> None:
    checks = Checks()
    checks.unique(*TASK, (task.id for task in tasks))
    checks.within(STEPS, "-", "step_min", step_min, 1, 240)
    checks.within(STEPS, "-", "under_cost", under_cost, 0, MOST)
    spans = [(TASK, task.id, task.opens, task.due) for task in tasks] + [(BREAK, one.person, one.start, one.end) for one in breaks]
    spans += [(("Shift", "班次"), duty.person, duty.shift.start, duty.shift.end) for duty in duties]
    spans += [(("Need", "用工需求"), need.role, need.start, need.end) for need in needs]
    if len({edge.tzinfo is not None for _, _, *edges in spans for edge in edges}) > 1:
        checks.wrong(STEPS, "-", "times", "with and without a zone", "all with a zone or all without", "全部带时区或全部不带时区")
    for what, name, start, end in spans:
        if (start.tzinfo is None) == (end.tzinfo is None) and end <= start:
            checks.wrong(what, name, "end", end.isoformat(), f"after {start.isoformat()}", f"晚于 {start.isoformat()}")
    for task in tasks:
        checks.within(TASK, task.id, "minutes", task.minutes, 1, DAY_MIN)
        if task.skip_cost is not None:
            checks.within(TASK, task.id, "skip_cost", task.skip_cost, 0, MOST)
    for need in needs:
        checks.within(("Need", "用工需求"), need.role, "heads", need.heads, 0, MOST)
    checks.done()
