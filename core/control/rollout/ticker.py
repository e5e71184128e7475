"""The clockwork of roll-outs: looks at every one that is not at rest, again and again. Any number of servers may run it."""

from __future__ import annotations

from sqlalchemy import or_
from sqlmodel import col, select

from storeloom.core.control.database import reading, writing
from storeloom.core.control.models.rollouts import Rollout
from storeloom.core.control.rollout import controller, gathering, keeping
from storeloom.core.control.services import Services

EVERY_S = 2.0
MOVING = ("running", "paused", "rolling_back")


def tick(services: Services) -> None:
    """Write who was heard of, and look at every roll-out once."""
    services.presence.flush(services.engine)
    with reading(services.engine) as session:
        moving = or_(col(Rollout.state).in_(MOVING), col(Rollout.open_steps))
        rows = session.exec(select(Rollout.chain, Rollout.id).where(moving).order_by(col(Rollout.id))).all()
    for chain, rollout in rows:
        turn(services, chain, rollout)


def turn(services: Services, chain: str, rollout: str) -> bool:
    """One look at a roll-out: read at one moment, decided, made true where nothing changed it meanwhile; whether anything was changed."""
    now = services.now()
    with reading(services.engine) as session:
        row = session.get_one(Rollout, (chain, rollout))
        now_at = gathering.picture(session, row)
        known = gathering.facts(session, row, services.awake_since)
        look = controller.due(now_at, now)
        if look is not None:
            known = gathering.with_evidence(known, gathering.evidence(session, row, now_at, look, now))
    made = controller.advance(now_at, known, now)
    if not made and made.open_steps in (None, row.open_steps):
        return False
    with writing(services.engine) as session:
        return keeping.apply(session, row, now_at, made, now)
