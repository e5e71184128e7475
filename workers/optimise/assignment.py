"""Tasks to staff: who does what and when, with skills, due times, shifts and the walk between zones, by CP-SAT (OR-Tools).

One circuit a person through the tasks that the person does (multiple travelling salesman with time windows); minutes are whole numbers from
the start of the day. Cost is walking, lateness and tasks left undone. The search ends by CP-SAT's deterministic time, one thread, fixed
seed: the same problem gives the same plan.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from storeloom.workers.optimise import solving
from storeloom.workers.optimise.plans import SEED, Checks, Note, Proof, clock

WORK = 20.0
NEARLY = 0.95
DAY = 24 * 60
MOST = 10**6
TASK, PERSON = ("Task", "任务"), ("Person", "员工")


@dataclass(frozen=True, slots=True)
class Task:
    """`minutes` of work at a zone, begun from `opens` on. `due`: wanted by; each minute after it costs `late_cost`. `deadline`: must
    be done by. `skip_cost`: of leaving it undone, None where it must be done."""

    id: str
    zone: str
    minutes: int
    opens: int = 0
    due: int = DAY
    deadline: int = DAY
    skill: str | None = None
    late_cost: int = 1
    skip_cost: int | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """Who is there from `starts` to `ends`, first at `zone`."""

    id: str
    zone: str
    starts: int = 0
    ends: int = DAY
    skills: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Problem:
    """`walk`: minutes from zone to zone, whole, 0 within a zone; a way given one way serves both. `walk_cost` a minute."""

    tasks: tuple[Task, ...]
    people: tuple[Person, ...]
    walk: Mapping[tuple[str, str], int]
    walk_cost: int = 1

    def minutes(self, here: str, there: str) -> int:
        """Walking minutes between two zones. KeyError where the way is not given."""
        if here == there:
            return 0
        return self.walk[here, there] if (here, there) in self.walk else self.walk[there, here]


@dataclass(frozen=True, slots=True)
class Duty:
    """A task with who does it; `walk` are the minutes of the way to it, `late` those after its due time."""

    person: str
    task: str
    begins: int
    ends: int
    walk: int
    late: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Duties by person and time, and the tasks left undone."""

    proof: Proof
    duties: tuple[Duty, ...]
    undone: tuple[str, ...]


def solve(problem: Problem, *, work: float = WORK, seed: int = SEED) -> Plan:
    """The cheapest plan found within `work` (CP-SAT's deterministic time). Where no plan keeps all rules, the answer is infeasible with the
    fewest tasks whose deadline, skill or doing must give way. Raises PlanFault."""
    started = time.perf_counter()
    check(problem)
    model = _Model(problem)
    model.model.minimize(model.cost())
    solver, status = solving.run(model.model, work, seed)
    if status in ("optimal", "feasible"):
        duties, undone = model.read(solver)
        cost, notes = model.price(duties, undone), binding(problem, duties, undone)
        proof = Proof(status, cost, solver.best_objective_bound, time.perf_counter() - started, notes)
        return Plan(proof, duties, undone)
    soft = _Model(problem, soft=True)
    soft.model.minimize(sum(soft.gives.values()) if soft.gives else 0)
    solver, least = solving.run(soft.model, work, seed)
    if least == "unknown":
        raise RuntimeError(f"no plan found within the work of {work}; allow more")
    notes = _relax(problem, [key for key, gives in soft.gives.items() if solver.value(gives)])
    if not notes:
        duties, undone = soft.read(solver)
        cost = soft.price(duties, undone)
        return Plan(Proof("feasible", cost, None, time.perf_counter() - started, binding(problem, duties, undone)), duties, undone)
    return Plan(Proof("infeasible", None, None, time.perf_counter() - started, (), notes, status == "infeasible"), (), ())


class _Model:
    """Arcs (from, to) of each person are Booleans, 0 being the person and n + 1 the task n; `gives` are the rules that may be set aside."""

    def __init__(self, problem: Problem, soft: bool = False) -> None:
        from ortools.sat.python import cp_model

        self.problem, self.model, self.soft = problem, cp_model.CpModel(), soft
        self.gives: dict[tuple[str, str], Any] = {}
        self.begins = [self.model.new_int_var(task.opens, max(task.opens, DAY), "") for task in problem.tasks]
        self.late = [self.model.new_int_var(0, 2 * DAY, "") for _ in problem.tasks]
        self.does: dict[tuple[int, int], Any] = {}
        self.walked: list[tuple[int, Any]] = []
        for p in range(len(problem.people)):
            self._circuit(p)
        self.skipped = [self.model.new_bool_var("") for _ in problem.tasks]
        for n, task in enumerate(problem.tasks):
            self._task(n, task)

    def _gives(self, rule: str, name: str) -> list[Any]:
        if not self.soft:
            return []
        if (rule, name) not in self.gives:
            self.gives[rule, name] = self.model.new_bool_var("")
        return [self.gives[rule, name]]

    def _circuit(self, p: int) -> None:
        person, tasks = self.problem.people[p], self.problem.tasks
        idle = self.model.new_bool_var("")
        arcs: list[tuple[int, int, Any]] = [(0, 0, idle)]
        able = [n for n, task in enumerate(tasks) if self.soft or task.skill is None or task.skill in person.skills]
        for n in able:
            task = tasks[n]
            does = self.does[p, n] = self.model.new_bool_var("")
            arcs.append((n + 1, n + 1, ~does))
            if task.skill is not None and task.skill not in person.skills:
                self.model.add(does <= sum(self._gives("skill", task.id)))
            first = self.model.new_bool_var("")
            minutes = self.problem.minutes(person.zone, task.zone)
            arcs += [(0, n + 1, first), (n + 1, 0, self.model.new_bool_var(""))]
            self.walked.append((minutes, first))
            self.model.add(self.begins[n] >= person.starts + minutes).only_enforce_if(first)
            self.model.add(self.begins[n] + task.minutes <= person.ends).only_enforce_if(does)
            for other in able:
                if other != n:
                    arc, minutes = self.model.new_bool_var(""), self.problem.minutes(task.zone, tasks[other].zone)
                    arcs.append((n + 1, other + 1, arc))
                    self.walked.append((minutes, arc))
                    self.model.add(self.begins[other] >= self.begins[n] + task.minutes + minutes).only_enforce_if(arc)
        self.model.add_circuit(arcs)

    def _task(self, n: int, task: Task) -> None:
        doing = [does for (_, one), does in self.does.items() if one == n]
        self.model.add_exactly_one([*doing, self.skipped[n]])
        if task.skip_cost is None:
            self.model.add(self.skipped[n] <= sum(self._gives("must", task.id)))
        done = self.begins[n] + task.minutes
        self.model.add(self.late[n] >= done - task.due).only_enforce_if(~self.skipped[n])
        self.model.add(done <= task.deadline).only_enforce_if([~self.skipped[n], *(~gives for gives in self._gives("deadline", task.id))])

    def cost(self) -> Any:
        walked = sum(self.problem.walk_cost * minutes * arc for minutes, arc in self.walked)
        tasks = zip(self.problem.tasks, self.late, self.skipped, strict=True)
        return walked + sum(task.late_cost * late + (task.skip_cost or 0) * skipped for task, late, skipped in tasks)

    def read(self, solver: Any) -> tuple[tuple[Duty, ...], tuple[str, ...]]:
        """Duties begun as early as their order allows, and the tasks left undone."""
        tasks, duties = self.problem.tasks, []
        for p, person in enumerate(self.problem.people):
            own = sorted((solver.value(self.begins[n]), n) for (one, n), does in self.does.items() if one == p and solver.value(does))
            now, here = person.starts, person.zone
            for _, n in own:
                task = tasks[n]
                minutes = self.problem.minutes(here, task.zone)
                begins = max(task.opens, now + minutes)
                now, here = begins + task.minutes, task.zone
                duties.append(Duty(person.id, task.id, begins, now, minutes, max(0, now - task.due)))
        return tuple(duties), tuple(task.id for task, skipped in zip(tasks, self.skipped, strict=True) if solver.value(skipped))

    def price(self, duties: Sequence[Duty], undone: Sequence[str]) -> float:
        """The cost of a plan, counted again from its duties."""
        tasks = {task.id: task for task in self.problem.tasks}
        worked = sum(self.problem.walk_cost * duty.walk + tasks[duty.task].late_cost * duty.late for duty in duties)
        return float(worked + sum(tasks[name].skip_cost or 0 for name in undone))


def binding(problem: Problem, duties: Sequence[Duty], undone: Sequence[str]) -> tuple[Note, ...]:
    """People without time to spare (95 % of the shift walked or worked), skills that all who have them use up, tasks late and undone."""
    notes, tasks, full = [], {task.id: task for task in problem.tasks}, set()
    for person in problem.people:
        own = [duty for duty in duties if duty.person == person.id]
        busy = sum(duty.walk + duty.ends - duty.begins for duty in own)
        if own and busy >= NEARLY * (person.ends - person.starts):
            full.add(person.id)
            notes.append(Note(f"person:{person.id}", f"{person.id} has no time to spare.", f"{person.id} 已无空闲时间。"))
    for skill in dict.fromkeys(task.skill for task in problem.tasks if task.skill):
        able = {person.id for person in problem.people if skill in person.skills}
        if able and able <= full:
            notes.append(Note(f"skill:{skill}", f"All who can do {skill} are fully used.", f"具备 {skill} 技能的员工均已排满。"))
    for duty in duties:
        if duty.late:
            en = f"Task {duty.task} ends at {clock(60 * duty.ends)}, {duty.late} min after it was due."
            zh = f"任务 {duty.task} 于 {clock(60 * duty.ends)} 完成，比要求晚 {duty.late} 分钟。"
            notes.append(Note(f"late:{duty.task}", en, zh, duty.late))
    for name in undone:
        en, zh = f"Task {name} is left undone.", f"任务 {name} 未安排。"
        notes.append(Note(f"undone:{name}", en, zh, tasks[name].skip_cost))
    return tuple(notes)


def _relax(problem: Problem, keys: Sequence[tuple[str, str]]) -> tuple[Note, ...]:
    words = {
        "must": ("Task {0} is left undone.", "任务 {0} 不做。"),
        "deadline": ("Task {0} ends after its deadline {1}.", "任务 {0} 晚于截止时间 {1} 完成。"),
        "skill": ("Task {0} is done by someone without the skill {2}.", "任务 {0} 由不具备 {2} 技能的员工完成。"),
    }
    tasks = {task.id: task for task in problem.tasks}
    found = []
    for rule, name in sorted(keys):
        args = (name, clock(60 * tasks[name].deadline), tasks[name].skill)
        found.append(Note(f"{rule}:{name}", words[rule][0].format(*args), words[rule][1].format(*args)))
    return tuple(found)


def check(problem: Problem) -> None:
    """Raise PlanFault with all that is wrong in a problem."""
    checks = Checks()
    checks.some("tasks", "任务", problem.tasks)
    checks.some("people", "员工", problem.people)
    checks.unique(*TASK, (one.id for one in problem.tasks))
    checks.unique(*PERSON, (one.id for one in problem.people))
    for task in problem.tasks:
        checks.within(TASK, task.id, "minutes", task.minutes, 1, DAY)
        for key in ("opens", "due", "deadline"):
            checks.within(TASK, task.id, key, getattr(task, key), 0, DAY)
        checks.within(TASK, task.id, "late_cost", task.late_cost, 0, MOST)
        if task.skip_cost is not None:
            checks.within(TASK, task.id, "skip_cost", task.skip_cost, 0, MOST)
    for person in problem.people:
        checks.within(PERSON, person.id, "starts", person.starts, 0, DAY)
        checks.within(PERSON, person.id, "ends", person.ends, person.starts, DAY)
    checks.within(("Problem", "问题"), "-", "walk_cost", problem.walk_cost, 0, MOST)
    zones = dict.fromkeys([*(task.zone for task in problem.tasks), *(person.zone for person in problem.people)])
    known = {zone for way in problem.walk for zone in way}
    for (here, there), minutes in problem.walk.items():
        checks.within(("Way", "路线"), f"{here} - {there}", "minutes", minutes, 0, DAY)
    ways = {frozenset(way) for way in problem.walk}
    missing = [(a, b) for a in zones for b in zones if a < b and frozenset((a, b)) not in ways]
    for here, there in missing:
        checks.wrong(
            ("Zone", "区域"), here, "walk", there, f"a way given; ways join {', '.join(sorted(known)) or '-'}", "需给出两区之间的步行时间"
        )
    checks.done()
