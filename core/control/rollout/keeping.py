"""Making decisions true: all of one turn in one transaction, and only where nothing changed the roll-out since it was looked at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, update
from sqlmodel import Session, col, select

from storeloom.core.control import audit
from storeloom.core.control.agents import desired
from storeloom.core.control.models.agents import Agent
from storeloom.core.control.models.rollouts import Rollout, RolloutEvent, Step, Wave
from storeloom.core.control.rollout.picture import Decisions, RolloutNow

ACTOR = "rollout:controller"


def take_turn(session: Session, row: Rollout) -> bool:
    """Claim the next turn of a roll-out, which locks it; False where somebody else had it since `row` was read."""
    mine = col(Rollout.chain) == row.chain, col(Rollout.id) == row.id, col(Rollout.turn) == row.turn
    return session.execute(update(Rollout).where(*mine).values(turn=row.turn + 1)).rowcount == 1  # type: ignore[attr-defined, no-any-return]


def apply(session: Session, row: Rollout, now_at: RolloutNow, made: Decisions, now: datetime) -> bool:
    """Carry out what was decided about `row` as it was read; False, and nothing is changed, where it changed since."""
    if not take_turn(session, row):
        return False
    strategy = now_at.strategy
    if made.offer:
        desired.aim(session, row.chain, made.offer, now_at.release, strategy.health_s, strategy.any_time)
    back: dict[str | None, list[str]] = defaultdict(list)
    for store in made.take_back:
        back[now_at.steps[store].before].append(store)
    for before, stores in back.items():
        desired.aim(session, row.chain, stores, before, strategy.health_s, True)
    _steps(session, row, made, now)
    for number, (state, verdict) in made.waves.items():
        wave = session.get_one(Wave, (row.chain, row.id, number))
        if wave.state == "waiting":
            wave.opened = now
        wave.state, wave.verdict = state, dict(verdict)
        wave.closed = now if state in ("passed", "failed") else None
    note_events(session, row.chain, row.id, now, made.events)
    values: dict[str, Any] = {"changed": now}
    if made.open_steps is not None:
        values["open_steps"] = made.open_steps
    if made.state is not None:
        values |= {"state": made.state, "version": Rollout.version + 1}
        if made.reason is not None:
            values["reason"] = dict(made.reason)
        detail = {"release": row.release, "why": (made.reason or {}).get("why")}
        audit.note(session, row.chain, now, ACTOR, f"rollout.{made.state}", row.id, detail)
    session.execute(update(Rollout).where(col(Rollout.chain) == row.chain, col(Rollout.id) == row.id).values(**values))
    return True


def _steps(session: Session, row: Rollout, made: Decisions, now: datetime) -> None:
    if not made.steps:
        return
    table = Step.__table__  # type: ignore[attr-defined]
    mine = table.c.chain == row.chain, table.c.rollout == row.id, table.c.store == bindparam("who")
    change = update(table).where(*mine).values(state=bindparam("to"), reason=bindparam("why"), changed=now)
    new = sorted(made.steps.items())
    told = [{"who": store, "to": state, "why": None if why is None else dict(why)} for store, (state, why) in new]
    session.connection().execute(change, told)


def note_events(
    session: Session, chain: str, rollout: str, now: datetime, events: Iterable[tuple[str, int | None, Mapping[str, Any]]]
) -> None:
    """Add to what happened in a roll-out, whose turn is taken."""
    last = session.exec(select(func.max(RolloutEvent.seq)).where(RolloutEvent.chain == chain, RolloutEvent.rollout == rollout)).one()
    for seq, (kind, wave, data) in enumerate(events, (last or 0) + 1):
        session.add(RolloutEvent(chain=chain, rollout=rollout, seq=seq, at=now, kind=kind, wave=wave, data=dict(data)))


def aims(session: Session, chain: str, stores: Iterable[str]) -> dict[str, str | None]:
    """The release that each of these stores is to run; those without an agent are left out."""
    found: dict[str, str | None] = {}
    for some in desired.chunks(stores, desired.AT_ONCE):
        rows = session.exec(select(Agent.store, Agent.desired).where(Agent.chain == chain, col(Agent.store).in_(some)))
        found.update(dict(rows.all()))
    return found
