"""What is known of a roll-out, read from the database at one moment."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func
from sqlmodel import Session, col, select

from storeloom.core.control.agents.desired import AT_ONCE, chunks
from storeloom.core.control.models.agents import Agent, ReleaseHealth
from storeloom.core.control.models.releases import Release
from storeloom.core.control.models.reports import Figure
from storeloom.core.control.models.rollouts import Rollout, Step, Wave
from storeloom.core.control.rollout import gates
from storeloom.core.control.rollout.picture import TOUCHED, Evidence, Facts, Look, RolloutNow, StepNow, StoreFact, WaveNow
from storeloom.core.control.rollout.shifts import excess, shift
from storeloom.core.control.rollout.strategy import FigureGate, Strategy

SAMPLE = 400
HOUR = timedelta(hours=1)
LATE = HOUR  # within which a store tells of an hour that is over


def picture(session: Session, row: Rollout) -> RolloutNow:
    """A roll-out as it stands."""
    mine = Step.chain == row.chain, Step.rollout == row.id
    columns = Step.store, Step.wave, Step.state, Step.before, Step.changed, Step.reason
    steps = {found[0]: StepNow(*found) for found in session.exec(select(*columns).where(*mine).order_by(col(Step.store)))}  # type: ignore[call-overload]
    waves = session.exec(select(Wave).where(Wave.chain == row.chain, Wave.rollout == row.id).order_by(col(Wave.number)))
    stand = tuple(WaveNow(one.number, one.state, one.opened, one.verdict or {}) for one in waves)
    return RolloutNow(row.id, row.release, row.state, Strategy.model_validate(row.strategy), stand, steps)


def facts(session: Session, row: Rollout, awake_since: datetime) -> Facts:
    """What is known of the stores of a roll-out."""
    stores = select(Step.store).where(Step.chain == row.chain, Step.rollout == row.id)
    columns = Agent.store, Agent.seen, Agent.desired, Agent.desired_number, Agent.told_number, Agent.actual, Agent.state, Agent.reported
    found = session.exec(select(*columns).where(Agent.chain == row.chain, col(Agent.store).in_(stores)))  # type: ignore[call-overload]
    known = {row[0]: StoreFact(row[1], row[2], row[3], row[4], row[5], row[6], (row[7] or {}).get("reason")) for row in found}
    state = session.exec(select(Release.state).where(Release.chain == row.chain, Release.id == row.release)).one()
    return Facts(known, awake_since, withdrawn=state == "withdrawn")


def evidence(session: Session, row: Rollout, now_at: RolloutNow, look: Look, now: datetime) -> dict[str, tuple[Evidence, ...]]:
    """What a look at a wave sees."""
    strategy, wave = now_at.strategy, now_at.waves[look.wave]
    treated = [step for step in now_at.of(look.wave) if step.state in TOUCHED]
    found: dict[str, tuple[Evidence, ...]] = {}
    if strategy.errors is not None:
        found[gates.ERRORS] = _errors(session, row, treated)
    since = {step.store: step.changed for step in treated if step.state == "done" and step.changed is not None}
    if strategy.figures and since and wave.opened is not None:
        others = _others(session, row)
        for gate in strategy.figures:
            found[gates.figure_key(gate)] = (_figure(session, row, gate, since, others, wave.opened, now),)
    return found


def _errors(session: Session, row: Rollout, treated: Sequence[StepNow]) -> tuple[Evidence, ...]:
    """Each solution instance's failures per event, every store held against its release before; an instance that was not in that is held
    against all of the store's."""
    before = {step.store: step.before for step in treated}
    now_runs = _health(session, row.chain, dict.fromkeys(before, row.release))
    then_runs = _health(session, row.chain, {store: release for store, release in before.items() if release is not None})
    counts: dict[str, list[tuple[int, int, int, int]]] = {}
    for store, solutions in now_runs.items():
        past = then_runs.get(store, {})
        whole = [sum(one[at] for one in past.values()) for at in (0, 1)]
        for name, (failures, handled) in solutions.items():
            held = past.get(name, whole)
            if held[1] == 0:
                held = whole
            counts.setdefault(name, []).append((failures, handled, held[0], held[1]))
    return tuple(one for one in (excess(name, rows) for name, rows in sorted(counts.items())) if one is not None)


def _health(session: Session, chain: str, releases: Mapping[str, str]) -> dict[str, Mapping[str, Sequence[int]]]:
    """The counts of each store under the release that is named for it."""
    found: dict[str, Mapping[str, Sequence[int]]] = {}
    for some in chunks(releases, AT_ONCE):
        columns = ReleaseHealth.store, ReleaseHealth.release, ReleaseHealth.solutions
        rows = session.exec(select(*columns).where(ReleaseHealth.chain == chain, col(ReleaseHealth.store).in_(some)))
        found.update({store: solutions for store, release, solutions in rows if releases[store] == release})
    return found


def _others(session: Session, row: Rollout) -> list[str]:
    """Stores that do not run the release, and are not to."""
    mine = Agent.chain == row.chain, func.coalesce(Agent.desired, "") != row.release, func.coalesce(Agent.actual, "") != row.release
    return list(session.exec(select(Agent.store).where(*mine)))


def _sample(stores: Sequence[str], seed: str) -> list[str]:
    return sorted(stores, key=lambda one: hashlib.sha256(f"{seed}/{one}".encode()).digest())[:SAMPLE]


def _figure(
    session: Session, row: Rollout, gate: FigureGate, since: Mapping[str, datetime], others: Sequence[str], opened: datetime, now: datetime
) -> Evidence:
    """A figure's change, over at most SAMPLE stores of each side. An hour in which a sum did not move has no row, and counts as 0."""
    key = gates.figure_key(gate)
    mine, theirs = _sample(list(since), row.id), _sample(others, row.id)
    base = (opened - timedelta(days=gate.history_d)).replace(minute=0, second=0, microsecond=0)
    start, hours = _hour(opened, base), _hour(now, base)
    rows = {store: at for at, store in enumerate([*mine, *theirs])}
    sums, weights, adds = np.zeros((len(rows), hours)), np.zeros((len(rows), hours)), set()
    columns = Figure.store, Figure.begins, Figure.value, Figure.weight, Figure.how
    which = Figure.chain == row.chain, Figure.solution == gate.solution, Figure.name == gate.name, Figure.span == "hour"
    for some in chunks(rows, AT_ONCE):
        times = col(Figure.begins) >= base, col(Figure.begins) < now, col(Figure.store).in_(some)
        for store, begins, value, weight, how in session.exec(select(*columns).where(*which, *times)):  # type: ignore[call-overload]
            at = _hour(begins, base)
            if at < hours:
                sums[rows[store], at] += value
                weights[rows[store], at] += weight
                if how == "sum":
                    adds.add(store)
    values = np.divide(sums, weights, out=np.full_like(sums, np.nan), where=weights > 0)
    heard = _heard(session, row.chain, mine) if gate.worse == "lower" else {}
    for store in adds:
        begin, end = _told(weights[rows[store]], _hour(heard[store] - LATE, base) if store in heard else 0)
        values[rows[store], begin:end] = sums[rows[store], begin:end]
    first = {rows[store]: _hour(since[store] + HOUR - timedelta(microseconds=1), base) for store in mine}
    return shift(key, values, first, start, worse=gate.worse, least=gate.least_stores)


def _told(weights: NDArray[np.float64], until: int) -> tuple[int, int]:
    """The hours of which a store told a sum, moved or not: from its first row to its last, and to `until` where that is later."""
    rows = np.flatnonzero(weights > 0)
    return int(rows[0]), max(int(rows[-1]) + 1, min(until, weights.size))


def _heard(session: Session, chain: str, stores: Sequence[str]) -> dict[str, datetime]:
    """When the agents of updated stores were last heard of.

    Where less is worse, a sum that ended with the release while its store goes on telling stands at 0: that counts against the release.
    It is never taken for 0 where that would speak for it: where more is worse, and in the stores that it is held against.
    """
    found: dict[str, datetime] = {}
    for some in chunks(stores, AT_ONCE):
        rows = session.exec(select(Agent.store, Agent.seen).where(Agent.chain == chain, col(Agent.store).in_(some)))
        found.update({store: seen for store, seen in rows if seen is not None})
    return found


def _hour(at: datetime, base: datetime) -> int:
    return int((at - base).total_seconds() // 3600)


def with_evidence(known: Facts, found: Mapping[str, tuple[Evidence, ...]]) -> Facts:
    """The facts, with what a look saw."""
    return replace(known, evidence=found)
