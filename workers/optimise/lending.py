"""Staff lent between stores: who has people to spare, who may go where, and the cheapest match of people to open needs, by CP-SAT.

An assignment with side rules (surplus by time, rest, loans a month), so no plain matching; it is solved as a 0/1 programme. Equal costs are
told apart in turn: asks that stand are kept, those with the fewest loans go, then the lowest ids. The search ends by CP-SAT's deterministic
time, one thread, fixed seed: the same problem gives the same match.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from storeloom.core.kernel.events import parse_time, rfc3339
from storeloom.workers.optimise import solving
from storeloom.workers.optimise.plans import SEED, TINY, Proof

WORK = 20.0
Spare = tuple[datetime, datetime, int]


@dataclass(frozen=True, slots=True)
class Stint:
    """A fixed shift of a person at a store."""

    staff: str
    store: str
    role: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Need:
    """`heads` people wanted at a store in a role, all of the time. `month` names the month on which its loans count."""

    id: str
    store: str
    role: str
    start: datetime
    end: datetime
    heads: int
    month: str = ""


@dataclass(frozen=True, slots=True)
class Loan:
    """A person lent for a need. `begins` to `ends`: the whole of that person's working day with the ways, which rest is counted from."""

    need: Need
    staff: str
    lender: str
    travel_min: int
    begins: datetime
    ends: datetime

    def row(self) -> dict[str, Any]:
        """As plain JSON; `from_row` reads it."""
        need = self.need
        times = {"start": need.start, "end": need.end, "begins": self.begins, "ends": self.ends}
        names = {"gig": need.id, "staff": self.staff, "lender": self.lender, "store": need.store, "role": need.role}
        return {**names, "travel": self.travel_min, **{name: rfc3339(at) for name, at in times.items()}}


def from_row(row: Mapping[str, Any]) -> Loan:
    """A loan from what `Loan.row` wrote."""
    need = Need(row["gig"], row["store"], row["role"], parse_time(row["start"]), parse_time(row["end"]), 1)
    return Loan(need, row["staff"], row["lender"], row["travel"], parse_time(row["begins"]), parse_time(row["ends"]))


@dataclass(frozen=True, slots=True)
class Rules:
    """Longest way, least rest, and the most loans of a person in a month."""

    max_travel_min: int
    min_rest: timedelta
    max_loans: int


@dataclass(frozen=True, slots=True)
class Problem:
    """`spare`: people whom a lender can do without, by (store, role) and time. `lent`: loans that each person has had, by (staff, month).
    `asked`: (need, staff) of asks that stand. `unserved_min`: cost of a head left open, in minutes of travel."""

    needs: tuple[Need, ...]
    offers: tuple[Loan, ...]
    spare: Mapping[tuple[str, str], Sequence[Spare]] = field(hash=False)
    lent: Mapping[tuple[str, str], int] = field(hash=False)
    rules: Rules
    unserved_min: int
    asked: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Match:
    """The loans to be made; `proof.objective` is their travel and the cost of heads left open, in minutes."""

    proof: Proof
    loans: tuple[Loan, ...]


def spare(
    present: Iterable[Stint], away: Iterable[Loan], required: Iterable[tuple[datetime, datetime, float]], start: datetime, end: datetime,
    margin: int = 0,
) -> list[Spare]:  # fmt: skip
    """People of one store and role to spare between two times, by stretch in which nothing changes; none where the need is not known.

    `present` and `required` are of that store and role; people on loan (`away`) are not there for its time. Where needs overlap the
    highest counts.
    """
    on, out = list(present), list(away)
    needed = [(max(a, start), min(b, end), heads) for a, b, heads in required if a < end and start < b]
    edges = {start, end} | {at for a, b, _ in needed for at in (a, b)}
    edges |= {at for one in on for at in (one.start, one.end)} | {at for one in out for at in (one.need.start, one.need.end)}
    cuts = sorted(at for at in edges if start <= at <= end)
    found = []
    for a, b in pairwise(cuts):
        heads = [need for first, last, need in needed if first <= a and b <= last]
        gone = {one.staff for one in out if one.need.start <= a and b <= one.need.end}
        there = {one.staff for one in on if one.start <= a and b <= one.end} - gone
        found.append((a, b, max(0, len(there) - math.ceil(max(heads) - TINY) - margin) if heads else 0))
    return found


def free(
    found: Iterable[Loan], stints: Sequence[Stint], agreed: Sequence[Loan],
    required: Callable[[str, str], Iterable[tuple[datetime, datetime, float]]], margin: int = 0,
) -> dict[tuple[str, str], list[Spare]]:  # fmt: skip
    """What every lender of these offers has to spare, by (store, role), over the time of all of them; `required` is its need by slot."""
    spans: dict[tuple[str, str], list[Need]] = defaultdict(list)
    for loan in found:
        spans[loan.lender, loan.need.role].append(loan.need)
    return {
        (store, role): spare(
            [stint for stint in stints if (stint.store, stint.role) == (store, role)],
            [loan for loan in agreed if loan.lender == store],
            required(store, role),
            min(need.start for need in needs),
            max(need.end for need in needs),
            margin,
        )
        for (store, role), needs in spans.items()
    }


def offers(
    needs: Iterable[Need], stints: Iterable[Stint], agreed: Iterable[Loan], way: Callable[[str, str, str], int | None],
    may: Callable[[str, Need], bool], rules: Rules, now: datetime, ruled_out: Collection[tuple[str, str]] = (),
) -> list[Loan]:  # fmt: skip
    """Who may be lent for which need: on shift elsewhere in its role for all of it, able, near enough to be there in time, and rested.

    `way`: minutes from a person's home store to another, by (staff, home, store), None where there is none. `may`: whether a person has
    the need's skills and papers. `agreed`: loans that stand. `ruled_out`: (need, staff) not to be asked.
    """
    own: dict[str, list[Stint]] = defaultdict(list)
    for stint in stints:
        own[stint.staff].append(stint)
    lent: dict[str, list[Loan]] = defaultdict(list)
    for loan in agreed:
        lent[loan.staff].append(loan)
    found: dict[tuple[str, str], Loan] = {}
    for need in needs:
        for staff in sorted(own):
            for stint in own[staff]:
                minutes = way(staff, stint.store, need.store)
                fits = stint.store != need.store and stint.role == need.role and stint.start <= need.start and need.end <= stint.end
                if not fits or minutes is None or minutes > rules.max_travel_min or (need.id, staff) in ruled_out:
                    continue
                travel = timedelta(minutes=minutes)
                begins, ends = min(stint.start, need.start - travel), max(stint.end, need.end + travel)
                others = [(one.start, one.end) for one in own[staff] if one != stint]
                others += [(one.begins, one.ends) for one in lent[staff]]
                if now <= need.start - travel and _rested(begins, ends, others, rules.min_rest) and may(staff, need):
                    found.setdefault((need.id, staff), Loan(need, staff, stint.store, minutes, begins, ends))
    return list(found.values())


def _rested(begins: datetime, ends: datetime, others: Iterable[tuple[datetime, datetime]], rest: timedelta) -> bool:
    return all(end + rest <= begins or ends + rest <= start for start, end in others)


def match(problem: Problem, *, work: float = WORK, seed: int = SEED) -> Match:
    """The loans of least cost found within `work` (CP-SAT's deterministic time)."""
    started = time.perf_counter()
    if not problem.offers:
        cost = float(problem.unserved_min * sum(need.heads for need in problem.needs))
        return Match(Proof("optimal", cost, cost, time.perf_counter() - started), ())
    model, takes = _model(problem)
    taken, cost, bound, best = [], 0.0, 0.0, True
    for rank, goal in enumerate(_goals(problem, takes)):
        model.minimize(goal)
        solver, outcome = solving.run(model, work, seed)
        if outcome not in ("optimal", "feasible"):
            break
        taken = [loan for loan, take in takes if solver.value(take)]
        if rank == 0:
            cost, bound, best = solver.objective_value, solver.best_objective_bound, outcome == "optimal"
        if outcome != "optimal":
            break
        model.add(goal == round(solver.objective_value))
    return Match(Proof("optimal" if best else "feasible", cost, bound, time.perf_counter() - started), tuple(taken))


def _model(problem: Problem) -> tuple[Any, list[tuple[Loan, Any]]]:
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    takes = [(loan, model.new_bool_var("")) for loan in problem.offers]
    for need in problem.needs:
        model.add(sum(take for loan, take in takes if loan.need.id == need.id) <= need.heads)
    for (store, role), stretches in problem.spare.items():
        own = [(loan, take) for loan, take in takes if loan.lender == store and loan.need.role == role]
        for start, end, count in stretches:
            for at in {max(start, loan.need.start) for loan, _ in own if loan.need.start < end and start < loan.need.end}:
                model.add(sum(take for loan, take in own if loan.need.start <= at < loan.need.end) <= count)
    people: dict[str, list[tuple[Loan, Any]]] = defaultdict(list)
    for loan, take in takes:
        people[loan.staff].append((loan, take))
    for staff, own in people.items():
        for month in {loan.need.month for loan, _ in own}:
            left = max(0, problem.rules.max_loans - problem.lent.get((staff, month), 0))
            model.add(sum(take for loan, take in own if loan.need.month == month) <= left)
        for place, (one, take) in enumerate(own):
            for other, take_other in own[place + 1 :]:
                if not _rested(one.begins, one.ends, [(other.begins, other.ends)], problem.rules.min_rest):
                    model.add(take + take_other <= 1)
    return model, takes


def _goals(problem: Problem, takes: Sequence[tuple[Loan, Any]]) -> list[Any]:
    """What is to be least, the most important first: cost, asks taken back, loans this month, ids, and ids by need."""
    heads = sum(need.heads for need in problem.needs)
    ids = {staff: rank for rank, staff in enumerate(sorted({loan.staff for loan, _ in takes}), 1)}
    needs = {need.id: rank for rank, need in enumerate(problem.needs, 1)}
    return [
        problem.unserved_min * heads + sum((loan.travel_min - problem.unserved_min) * take for loan, take in takes),
        -sum(take for loan, take in takes if (loan.need.id, loan.staff) in problem.asked),
        sum(problem.lent.get((loan.staff, loan.need.month), 0) * take for loan, take in takes),
        sum(ids[loan.staff] * take for loan, take in takes),
        sum(ids[loan.staff] * -needs[loan.need.id] * take for loan, take in takes),
    ]


@dataclass(frozen=True, slots=True)
class Balance:
    """What `debtor` owes `creditor` in minor units, with the hours that each lent the other."""

    debtor: str
    creditor: str
    owed: int
    hours: float
    hours_back: float


def settle(loans: Iterable[tuple[str, str, float]], rate: int) -> list[Balance]:
    """Loans (lender, borrower, hours) at `rate` minor units an hour, netted by pair of stores."""
    hours: dict[tuple[str, str], float] = defaultdict(float)
    for lender, borrower, length in loans:
        hours[lender, borrower] += length
    balances = []
    for one, other in sorted({(min(pair), max(pair)) for pair in hours}):
        lent, back = hours.get((one, other), 0.0), hours.get((other, one), 0.0)
        creditor, debtor, most, least = (one, other, lent, back) if lent >= back else (other, one, back, lent)
        balances.append(Balance(debtor, creditor, round(rate * (most - least)), most, least))
    return balances
