"""What a store is to run, as its agent is told: release, wheels, secrets, times to change over."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import TypeVar

from sqlalchemy import Engine, bindparam, update
from sqlmodel import Session, col, select

from storeloom.core.control.agents.windows import windows
from storeloom.core.control.models.agents import Agent, SealedSecret
from storeloom.core.control.models.fleet import Store
from storeloom.core.control.models.releases import Release, StoreRelease
from storeloom.core.control.prepared import Prepared
from storeloom.core.trust.seal import key_id
from storeloom.core.trust.wire import Desired, Sealed, Wheel

AT_ONCE = 500
Item = TypeVar("Item")
HEALTH_S = 900

_agent = Agent.__table__.c  # type: ignore[attr-defined]
_number = Prepared(select(_agent.desired_number).where(_agent.chain == bindparam("of"), _agent.store == bindparam("who")))


def number(source: Engine | Session, chain: str, store: str) -> int | None:
    """How often a store's desired state changed; None where the store has no agent."""
    found = _number.one(source, of=chain, who=store)
    return None if found is None else int(found[0])


def state(session: Session, chain: str, store: str, now: datetime) -> Desired | None:
    """A store's desired state as a whole; None where it has no agent."""
    agent = session.get(Agent, (chain, store))
    if agent is None:
        return None
    place = session.get(Store, (chain, store))
    assert place is not None
    withdrawn = session.exec(
        select(Release.id)
        .join(StoreRelease, (col(StoreRelease.chain) == col(Release.chain)) & (col(StoreRelease.release) == col(Release.id)))
        .where(Release.chain == chain, StoreRelease.store == store, Release.state == "withdrawn")
    ).all()
    times = None if agent.any_time else windows(place.profile["zone"], place.window, now)
    told = Desired(number=agent.desired_number, wish=agent.wish, windows=times, health_s=agent.health_s, withdrawn=sorted(withdrawn))
    told = told.model_copy(update={"secrets": _secrets(session, agent)})
    if agent.desired is None:
        return told
    release = session.get(Release, (chain, agent.desired))
    bundle = session.get(StoreRelease, (chain, agent.desired, store))
    assert release is not None and bundle is not None
    wheels = [Wheel.model_validate(one) for one in bundle.packages]
    return told.model_copy(update={"release": release.id, "release_number": release.number, "target": bundle.target, "wheels": wheels})


def _secrets(session: Session, agent: Agent) -> dict[str, Sealed]:
    """The store's secrets that its present agent can open."""
    rows = session.exec(select(SealedSecret).where(SealedSecret.chain == agent.chain, SealedSecret.store == agent.store))
    key = key_id(agent.public_key)
    return {row.name: Sealed(sealed=base64.b64encode(row.sealed).decode(), version=row.version) for row in rows if row.key_id == key}


def touch(session: Session, chain: str, stores: Iterable[str]) -> None:
    """Tell the agents of these stores anew: something of their desired state changed that is not the release (a secret, the window)."""
    for some in chunks(stores, AT_ONCE):
        mine = col(Agent.chain) == chain, col(Agent.store).in_(some)
        session.execute(update(Agent).where(*mine).values(desired_number=Agent.desired_number + 1))


def aim(session: Session, chain: str, stores: Iterable[str], release: str | None, health_s: int, any_time: bool) -> None:
    """Let these stores run a release from now on; the number of each rises, also where the release stays the same."""
    rises = {"desired_number": Agent.desired_number + 1, "wish": Agent.wish + 1}
    values = {"desired": release, "health_s": health_s, "any_time": any_time, **rises}
    for some in chunks(stores, AT_ONCE):
        session.execute(update(Agent).where(col(Agent.chain) == chain, col(Agent.store).in_(some)).values(**values))


def chunks(items: Iterable[Item], size: int) -> Iterator[Sequence[Item]]:
    """The items in stretches of at most `size`."""
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some
