"""What people order: a roll-out is planned, started, paused, resumed, ended, taken back; each bound to the plan that they saw."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from storeloom.core.control import audit
from storeloom.core.control.api.problems import ApiFault, missing
from storeloom.core.control.design.planning import require_plan
from storeloom.core.control.models.fleet import Store
from storeloom.core.control.models.identity import Chain
from storeloom.core.control.models.ids import new_id
from storeloom.core.control.models.releases import StoreRelease
from storeloom.core.control.models.rollouts import Rollout, Step, Wave
from storeloom.core.control.rollout import keeping
from storeloom.core.control.rollout.strategy import Candidate, Strategy, assign, unknown_stores
from storeloom.core.kernel.errors import Finding

BUSY = ("running", "paused", "rolling_back")
ALLOWED = {
    "start": ("planned",),
    "pause": ("running",),
    "resume": ("paused",),
    "abort": ("planned", "running", "paused"),
    "roll_back": ("running", "paused", "done", "aborted"),
}


def create(session: Session, chain: str, actor: str, now: datetime, release: str, strategy: Strategy, plan_digest: str) -> Rollout:
    """Plan a roll-out of a release by the plan that was approved. ApiFault says all that is against it."""
    require_plan(session, chain, release, None, plan_digest)
    candidates = _candidates(session, chain, release)
    strange = unknown_stores(strategy, [one.store for one in candidates])
    if strange:
        named = {"count": len(strange), "stores": ", ".join(strange[:5]), "release": release}
        raise ApiFault(422, Finding("SL-ROL-01", named, "body.strategy.waves"))
    rollout = new_id(now)
    waves = assign(strategy, candidates, rollout)
    before = keeping.aims(session, chain, waves)
    taken = {store: wave for store, wave in waves.items() if before.get(store) != release}
    if not taken:
        raise ApiFault(409, Finding("SL-ROL-02", {"release": release}))
    made = Rollout(
        chain=chain,
        id=rollout,
        release=release,
        strategy=strategy.model_dump(mode="json"),
        plan_digest=plan_digest,
        created=now,
        created_by=actor,
        changed=now,
    )
    session.add(made)
    session.flush()
    session.add_all(Wave(chain=chain, rollout=rollout, number=at, name=one.name) for at, one in enumerate(strategy.waves))
    rows = [
        {"chain": chain, "rollout": rollout, "store": store, "wave": wave, "state": "waiting", "before": before.get(store), "changed": now}
        for store, wave in sorted(taken.items())
    ]
    session.connection().execute(Step.__table__.insert(), rows)  # type: ignore[attr-defined]
    _noted(session, made, actor, now, "create", {"release": release, "stores": len(taken), "left_out": len(candidates) - len(taken)})
    return made


def start(session: Session, row: Rollout, actor: str, now: datetime) -> None:
    """Let a roll-out begin: the plan must still be the one that was approved, and no other be under way in its stores."""
    _allowed(row, "start")
    require_plan(session, row.chain, row.release, None, row.plan_digest)
    _in_turn(session, row.chain)
    steps = session.exec(select(Step).where(Step.chain == row.chain, Step.rollout == row.id)).all()
    _alone(session, row)
    before = keeping.aims(session, row.chain, [step.store for step in steps])
    for step in steps:
        if step.before != before.get(step.store):
            step.before = before.get(step.store)
            session.add(step)
    _turned(session, row, "running", now, None)
    _noted(session, row, actor, now, "start", {})


def pause(session: Session, row: Rollout, actor: str, now: datetime, note: str = "") -> None:
    """Offer nothing more; stores that are under way finish."""
    _allowed(row, "pause")
    _turned(session, row, "paused", now, {"why": "person", "actor": actor, "note": note})
    _noted(session, row, actor, now, "pause", {"note": note})


def resume(session: Session, row: Rollout, actor: str, now: datetime, *, accept: bool = False, note: str = "") -> None:
    """Go on. The wave at which it stopped is judged anew; with `accept` it passes by this person's word, whatever its gates say."""
    _allowed(row, "resume")
    waves = session.exec(select(Wave).where(Wave.chain == row.chain, Wave.rollout == row.id).order_by(col(Wave.number))).all()
    wave = next((one for one in waves if one.state != "passed"), None)
    if wave is not None and wave.state != "waiting":
        if (wave.verdict or {}).get("take_back"):
            raise ApiFault(409, Finding("SL-ROL-04", {"wave": wave.name}))
        if accept:
            wave.state, wave.closed = "passed", now
            wave.verdict = {**(wave.verdict or {}), "decided": "accepted", "by": actor, "note": note}
        elif wave.state == "failed" or (row.reason or {}).get("why") in ("silence", "undecided"):
            wave.state, wave.closed, wave.verdict = "open", None, {"earlier": wave.verdict}
        session.add(wave)
    _turned(session, row, "running", now, None)
    _noted(session, row, actor, now, "resume", {"accept": accept, "note": note})


def abort(session: Session, row: Rollout, actor: str, now: datetime, note: str = "") -> None:
    """End it where it stands: no store is offered the release any more, none is taken back."""
    _allowed(row, "abort")
    row.open_steps = False
    _turned(session, row, "aborted", now, {"why": "person", "actor": actor, "note": note})
    _noted(session, row, actor, now, "abort", {"note": note})


def roll_back(session: Session, row: Rollout, actor: str, now: datetime, waves: Sequence[int] | None = None, note: str = "") -> None:
    """Take back every store that was offered the release; or those of some waves, and pause."""
    _allowed(row, "roll_back")
    if row.state in ("done", "aborted"):
        _in_turn(session, row.chain)
        _alone(session, row)
    reason = {"why": "person", "actor": actor, "note": note}
    if waves is None:
        _turned(session, row, "rolling_back", now, reason)
    else:
        for number in waves:
            wave = session.get(Wave, (row.chain, row.id, number))
            if wave is None:
                raise missing("wave", "批次", str(number))
            wave.state, wave.verdict = "failed", {**(wave.verdict or {}), "decided": "failed", "take_back": True, "by": reason}
            session.add(wave)
        _turned(session, row, "paused", now, reason)
    _noted(session, row, actor, now, "roll_back", {"waves": None if waves is None else list(waves), "note": note})


def _allowed(row: Rollout, order: str) -> None:
    if row.state not in ALLOWED[order]:
        raise ApiFault(409, Finding("SL-ROL-03", {"state": row.state, "order": order, "allowed": ", ".join(ALLOWED[order])}))


def _in_turn(session: Session, chain: str) -> None:
    """Of two roll-outs of a chain that start at once the later one sees the other."""
    session.exec(select(Chain).where(Chain.id == chain).with_for_update()).one()


def _alone(session: Session, row: Rollout) -> None:
    """No other roll-out may be under way in one of these stores."""
    mine = select(Step.store).where(Step.chain == row.chain, Step.rollout == row.id)
    others = (
        select(Rollout.id, Step.store)
        .join(Step, (col(Step.chain) == col(Rollout.chain)) & (col(Step.rollout) == col(Rollout.id)))
        .where(Rollout.chain == row.chain, Rollout.id != row.id, col(Rollout.state).in_(BUSY), col(Step.store).in_(mine))
    )
    found = session.exec(others.limit(1)).first()
    if found is not None:
        raise ApiFault(409, Finding("SL-ROL-05", {"rollout": found[0], "store": found[1]}))


def _candidates(session: Session, chain: str, release: str) -> list[Candidate]:
    columns = col(Store.id), col(Store.region), col(Store.ring), col(Store.tags)
    within = (col(StoreRelease.chain) == col(Store.chain)) & (col(StoreRelease.store) == col(Store.id))
    query = (
        select(*columns)
        .join(StoreRelease, within)
        .where(Store.chain == chain, StoreRelease.release == release, col(Store.closed).is_(None))
    )
    return [Candidate(store, region, ring, tuple(tags)) for store, region, ring, tags in session.exec(query)]


def _turned(session: Session, row: Rollout, state: str, now: datetime, reason: dict[str, Any] | None) -> None:
    row.state, row.reason, row.changed = state, reason, now
    row.turn, row.version = row.turn + 1, row.version + 1
    session.add(row)


def _noted(session: Session, row: Rollout, actor: str, now: datetime, order: str, detail: dict[str, Any]) -> None:
    session.flush()
    keeping.note_events(session, row.chain, row.id, now, [(order, None, {"actor": actor, **detail})])
    audit.note(session, row.chain, now, actor, f"rollout.{order}", row.id, detail)
