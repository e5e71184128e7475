"""Appointments: which request gets which slot, and how far a slot is overbooked against the risk that people do not come, by CP-SAT.

How many of a slot's bookings come is a sum of independent Bernoulli trials, whose distribution is counted exactly for each mix of risk
classes that a slot may hold (LaGanga and Lawrence 2012, "Appointment overbooking in health care clinics to improve patient service and
clinic performance", weigh the same two costs). Money is in minor units, counted in thousandths. The search ends by CP-SAT's deterministic
time, one thread, fixed seed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from storeloom.workers.optimise import solving
from storeloom.workers.optimise.plans import SEED, Checks, Note, Proof

WORK = 20.0
MILLI = 1000
MOST, MIXES = 10**6, 5000
SLOT, REQUEST, RISK = ("Slot", "时段"), ("Request", "预约"), ("Risk class", "风险等级")


@dataclass(frozen=True, slots=True)
class Slot:
    """`capacity`: people who can be served at once."""

    id: str
    capacity: int = 1


@dataclass(frozen=True, slots=True)
class Request:
    """`slots`: what the request is worth in each slot that suits, if the person comes. `must`: it has to be booked."""

    id: str
    risk: str
    slots: Mapping[str, float] = field(hash=False)
    must: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """`no_show`: chance of not coming by risk class. `turned_away`: cost of each person who comes above capacity. `chance`: most
    chance that a slot has more people than it can serve."""

    slots: tuple[Slot, ...]
    requests: tuple[Request, ...]
    no_show: Mapping[str, float]
    turned_away: float
    chance: float = 0.2


@dataclass(frozen=True, slots=True)
class Load:
    """A slot's bookings, with how many people are expected, how many above capacity, and the chance of any above it."""

    slot: str
    requests: tuple[str, ...]
    come: float
    above: float
    chance: float


@dataclass(frozen=True, slots=True)
class Bookings:
    """`proof` counts the expected worth of those who come less the cost of those turned away."""

    proof: Proof
    slots: tuple[Load, ...]
    refused: tuple[str, ...]


def comers(stays_away: Sequence[float]) -> list[float]:
    """Chance of 0, 1, 2, ... people coming, from each one's chance of not coming (the Poisson binomial distribution, by convolution)."""
    chances = [1.0]
    for away in stays_away:
        padded = [0.0, *chances, 0.0]
        chances = [away * padded[n + 1] + (1 - away) * padded[n] for n in range(len(chances) + 1)]
    return chances


def above(stays_away: Sequence[float], capacity: int) -> tuple[float, float]:
    """People expected above capacity, and the chance of any."""
    over = [(n - capacity, chance) for n, chance in enumerate(comers(stays_away)) if n > capacity]
    return sum(n * chance for n, chance in over), sum(chance for _, chance in over)


def book(problem: Problem, *, work: float = WORK, seed: int = SEED) -> Bookings:
    """The bookings of most worth; where not all that must be booked can be, infeasible with the fewest to refuse. Raises PlanFault."""
    started = time.perf_counter()
    check(problem)
    model = _Model(problem)
    for n, request in enumerate(problem.requests):
        if request.must:
            model.model.add_exactly_one(model.of(n))
    model.model.maximize(model.worth())
    solver, status = solving.run(model.model, work, seed)
    if status in ("optimal", "feasible"):
        slots, refused = model.read(solver)
        worth, bound = solver.objective_value / MILLI, solver.best_objective_bound / MILLI
        proof = Proof(status, worth, bound, time.perf_counter() - started, _binding(problem, slots, refused, model.full(solver)))
        return Bookings(proof, slots, refused)
    soft = _Model(problem)
    must = [n for n, request in enumerate(problem.requests) if request.must]
    soft.model.maximize(sum(variable for n in must for variable in soft.of(n)))
    solver, most = solving.run(soft.model, work, seed)
    if most == "unknown":
        raise RuntimeError(f"no bookings found within the work of {work}; allow more")
    out = [problem.requests[n].id for n in must if not any(solver.value(variable) for variable in soft.of(n))]
    notes = tuple(
        Note(f"must:{name}", f"Request {name} is refused or moved to another day.", f"预约 {name} 需拒绝或改日。") for name in out
    )
    if not notes:
        raise RuntimeError(f"no bookings found within the work of {work}; allow more")
    return Bookings(Proof("infeasible", None, None, time.perf_counter() - started, (), notes, status == "infeasible"), (), ())


class _Model:
    """`takes[request, slot]` and `holds[slot][mix]` are Booleans; a mix is how many of each risk class a slot holds."""

    def __init__(self, problem: Problem) -> None:
        from ortools.sat.python import cp_model

        self.problem, self.model = problem, cp_model.CpModel()
        self.risks = sorted(problem.no_show)
        self.takes = {
            (n, k): self.model.new_bool_var("")
            for n, request in enumerate(problem.requests)
            for k, slot in enumerate(problem.slots)
            if slot.id in request.slots
        }
        self.holds: list[dict[tuple[int, ...], Any]] = []
        for n in range(len(problem.requests)):
            self.model.add_at_most_one(self.of(n))
        for k in range(len(problem.slots)):
            self._slot(k)

    def of(self, n: int) -> list[Any]:
        return [variable for (one, _), variable in self.takes.items() if one == n]

    def _slot(self, k: int) -> None:
        requests = self.problem.requests
        wanting = [[n for n, slot in self.takes if slot == k and requests[n].risk == risk] for risk in self.risks]
        mixes = {mix: self.model.new_bool_var("") for mix in _mixes(self.problem, k, self.risks, [len(some) for some in wanting])}
        self.model.add_exactly_one(mixes.values())
        for c, some in enumerate(wanting):
            self.model.add(sum(self.takes[n, k] for n in some) == sum(mix[c] * variable for mix, variable in mixes.items()))
        self.holds.append(mixes)

    def worth(self) -> Any:
        problem, total = self.problem, []
        for (n, k), variable in self.takes.items():
            request = problem.requests[n]
            total.append(round(MILLI * request.slots[problem.slots[k].id] * (1 - problem.no_show[request.risk])) * variable)
        for k, mixes in enumerate(self.holds):
            for mix, variable in mixes.items():
                over, _ = above(_away(problem, self.risks, mix), problem.slots[k].capacity)
                total.append(-round(MILLI * problem.turned_away * over) * variable)
        return sum(total)

    def read(self, solver: Any) -> tuple[tuple[Load, ...], tuple[str, ...]]:
        problem, loads, booked = self.problem, [], set()
        for k, slot in enumerate(problem.slots):
            own = [problem.requests[n] for (n, place), variable in self.takes.items() if place == k and solver.value(variable)]
            away = [problem.no_show[request.risk] for request in own]
            over, chance = above(away, slot.capacity)
            loads.append(Load(slot.id, tuple(one.id for one in own), sum(1 - one for one in away), over, chance))
            booked |= {one.id for one in own}
        return tuple(loads), tuple(one.id for one in problem.requests if one.id not in booked)

    def full(self, solver: Any) -> list[str]:
        """Slots to which the rule on the chance allows no one more of any class that still asks for them."""
        found = []
        for k, mixes in enumerate(self.holds):
            mix = next(mix for mix, variable in mixes.items() if solver.value(variable))
            more = [tuple(n + (c == at) for at, n in enumerate(mix)) for c in range(len(mix))]
            if sum(mix) and not any(one in mixes for one in more):
                found.append(self.problem.slots[k].id)
        return found


def _away(problem: Problem, risks: Sequence[str], mix: Sequence[int]) -> list[float]:
    return [problem.no_show[risk] for risk, count in zip(risks, mix, strict=True) for _ in range(count)]


def _mixes(problem: Problem, k: int, risks: Sequence[str], wanting: Sequence[int]) -> list[tuple[int, ...]]:
    """Counts of each risk class that a slot may hold within the chance. Each class is bounded by what it may hold alone."""
    slot, most = problem.slots[k], []

    def allowed(mix: Sequence[int]) -> bool:
        return above(_away(problem, risks, mix), slot.capacity)[1] <= problem.chance + 1e-12

    for c, want in enumerate(wanting):
        count = 0
        while count < want and allowed([count + 1 if at == c else 0 for at in range(len(risks))]):
            count += 1
        most.append(count)
    if (size := math.prod(count + 1 for count in most)) > MIXES:
        checks = Checks()
        en, zh = (
            f"at most {MIXES} mixes of risk classes: fewer classes, or slots split",
            f"风险等级组合不超过 {MIXES}：请减少等级或拆分时段",
        )
        checks.wrong(SLOT, slot.id, "capacity", f"{slot.capacity} ({size})", en, zh)
        checks.done()
    return [mix for mix in product(*(range(count + 1) for count in most)) if allowed(mix)]


def _binding(problem: Problem, slots: Sequence[Load], refused: Sequence[str], full: Sequence[str]) -> tuple[Note, ...]:
    notes = []
    over = {load.slot: load.chance for load in slots}
    for name in full:
        en = f"Slot {name} takes no more: {100 * over[name]:.1f} % chance of too many, at most {100 * problem.chance:.1f} % allowed."
        zh = f"时段 {name} 不能再约：超员概率 {100 * over[name]:.1f}%，上限 {100 * problem.chance:.1f}%。"
        notes.append(Note(f"chance:{name}", en, zh, over[name]))
    if refused:
        names = ", ".join(refused)
        notes.append(Note("refused", f"Refused: {names}.", f"未接受：{names}。", len(refused)))
    return tuple(notes)


def check(problem: Problem) -> None:
    """Raise PlanFault with all that is wrong in a problem."""
    checks = Checks()
    checks.some("slots", "时段", problem.slots)
    checks.some("requests", "预约", problem.requests)
    checks.unique(*SLOT, (one.id for one in problem.slots))
    checks.unique(*REQUEST, (one.id for one in problem.requests))
    for risk, away in problem.no_show.items():
        checks.within(RISK, risk, "no_show", away, 0, 1)
    checks.within(("Problem", "问题"), "-", "turned_away", problem.turned_away, 0, MOST)
    checks.within(("Problem", "问题"), "-", "chance", problem.chance, 0, 1)
    for slot in problem.slots:
        checks.within(SLOT, slot.id, "capacity", slot.capacity, 0, 1000)
    names = [one.id for one in problem.slots]
    for request in problem.requests:
        checks.known(REQUEST, request.id, "risk", request.risk, problem.no_show)
        for name, worth in request.slots.items():
            checks.known(REQUEST, request.id, "slots", name, names)
            checks.within(REQUEST, request.id, "worth", worth, 0, MOST)
    checks.done()
