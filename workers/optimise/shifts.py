"""Rosters: who works which shift, at least cost within the rules, by CP-SAT (OR-Tools), beside a greedy roster and a bound of the curve.

One Boolean a candidate (person, shift, role). The caller lists as candidates only what skills, papers, age and availability allow; rest,
days in a row, one shift a day, hours of the week and of the contract, locks and least numbers are kept here. Where they cannot all be
kept, the answer names a least set of rules to relax, never one of the law, and a smallest set of rules that contradict each other
(a minimal correction set, and a minimal unsatisfiable core from assumption literals, thinned out by leaving out one after the other).

The search is bounded by CP-SAT's deterministic time, one thread, fixed seed: the same problem gives the same roster.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Literal

from storeloom.workers.optimise import roster_rules, roster_words, solving
from storeloom.workers.optimise.plans import SEED, Note, Proof
from storeloom.workers.optimise.roster_model import UNIT, Key, Model
from storeloom.workers.optimise.roster_problem import Duty, Need, Person, Problem, Rules, Shift, Slot, Wish, check, coverage, ordered
from storeloom.workers.optimise.roster_rules import cover_bound, is_legal, price

__all__ = ["Duty", "Need", "Person", "Problem", "Roster", "Rules", "Shift", "Wish", "coverage", "greedy", "is_legal", "price", "solve"]

WORK = 20.0
MORE = 4.0
CORE_WORK = 2.0


@dataclass(frozen=True, slots=True)
class Roster:
    """The duties chosen, by day and person. `made_by` greedy: the solver had none within its work, or (`proof` infeasible) none keeps all
    rules; it then keeps the rules of the law, and locks as far as these allow."""

    proof: Proof
    duties: tuple[Duty, ...]
    slots: tuple[Slot, ...]
    made_by: Literal["cp_sat", "greedy"] = "cp_sat"


def solve(problem: Problem, work: float = WORK, seed: int = SEED) -> Roster:
    """The cheapest roster found within `work` (CP-SAT's deterministic time, about seconds), or within four times as much where no roster at
    all was found by then. Raises PlanFault.

    `proof.bound` is the better of CP-SAT's and `cover_bound`; an infeasible problem's `binding` are the rules that contradict each other.
    """
    started = time.perf_counter()
    check(problem)
    model = Model(problem)
    model.cheapest()
    for spent in (work, MORE * work):
        solver, status = solving.run(model.model, spent, seed, linearization=2)
        if status != "unknown":
            break
    if status in ("optimal", "feasible"):
        duties = ordered(duty for duty, chosen in model.chosen.items() if solver.value(chosen))
        cost = solver.objective_value / UNIT
        bound = min(cost, max(solver.best_objective_bound / UNIT, cover_bound(problem)))
        slots = coverage(problem.needs, [*problem.present, *duties])
        optimal = status == "optimal" or cost - bound <= 1e-6
        notes = roster_words.binding(problem, duties, slots)
        return Roster(Proof("optimal" if optimal else "feasible", cost, bound, time.perf_counter() - started, notes), duties, slots)
    rule = roster_rules.greedy(problem)
    relaxed, contrary = _contradiction(problem, work, seed)
    if status == "infeasible" or relaxed:
        proof = Proof("infeasible", None, None, time.perf_counter() - started, contrary, relaxed, status == "infeasible")
        return replace(_ruled(problem, rule), proof=proof)
    found = _ruled(problem, rule)
    return replace(found, proof=replace(found.proof, seconds=time.perf_counter() - started))


def greedy(problem: Problem) -> Roster:
    """The roster of the rule of thumb: the largest gap first, filled by the cheapest person who may. It does not aim at least numbers and
    promised hours. Raises PlanFault."""
    started = time.perf_counter()
    check(problem)
    found = _ruled(problem, roster_rules.greedy(problem))
    return replace(found, proof=replace(found.proof, seconds=time.perf_counter() - started))


def _ruled(problem: Problem, duties: tuple[Duty, ...]) -> Roster:
    slots = coverage(problem.needs, [*problem.present, *duties])
    notes = roster_words.binding(problem, duties, slots)
    return Roster(Proof("feasible", price(problem, duties), cover_bound(problem), 0.0, notes), duties, slots, "greedy")


def _contradiction(problem: Problem, work: float, seed: int) -> tuple[tuple[Note, ...], tuple[Note, ...]]:
    """The fewest rules to relax, and rules that contradict each other; nothing where all rules can be kept or that was not found out."""
    law = problem.rules.law
    soft = Model(problem, soft=True)
    soft.fewest(law)
    solver, least = solving.run(soft.model, work, seed)
    if least not in ("optimal", "feasible"):
        return (), ()
    given = sorted(key for key, gives in soft.gives.items() if solver.value(gives))
    if not given:
        return (), ()
    amounts = {key: solver.value(short) for key, short in soft.short.items() if key in given}
    return roster_words.relax(problem, given, amounts), roster_words.conflict(problem, _core(problem, seed))


def _core(problem: Problem, seed: int) -> list[Key]:
    """A smallest set of rules that contradict each other: without any one of them the others can be kept."""
    model = Model(problem, soft=True)
    places = {model.gives[key].index: key for key in model.gives}
    kept = _contrary(model, sorted(model.gives), seed)
    if kept is None:
        return []
    core = [places[index] for index in sorted(kept) if index in places] or sorted(model.gives)
    for key in list(core):
        fewer = [one for one in core if one != key]
        if _contrary(model, fewer, seed) is not None:
            core = fewer
    return sorted(core)


def _contrary(model: Model, keys: list[Key], seed: int) -> set[int] | None:
    """The variables of rules among `keys` that cannot all be kept; None where they can, or where that is not proved."""
    model.model.clear_assumptions()
    model.model.add_assumptions([~model.gives[key] for key in keys])
    solver, status = solving.run(model.model, CORE_WORK, seed)
    if status != "infeasible":
        return None
    return {-1 - index if index < 0 else index for index in solver.sufficient_assumptions_for_infeasibility()}
