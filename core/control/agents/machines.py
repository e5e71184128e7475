"""Where agents run, as far as wheels must fit it: kept once for all machines that are alike."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache

from sqlmodel import Session, col, select

from storeloom.core.control.agents.desired import AT_ONCE, chunks
from storeloom.core.control.models.agents import Agent, AgentMachine
from storeloom.core.control.reports.upsert import upsert
from storeloom.core.kernel.lock import canonical
from storeloom.core.trust.machine import own_distributions, this_machine
from storeloom.core.trust.wire import Machine


def note(session: Session, agent: Agent, machine: Machine | None) -> None:
    """Keep what an agent told of where it runs; None: it told nothing, what is known stands."""
    if machine is None:
        return
    body = machine.model_dump(mode="json")
    digest = hashlib.sha256(canonical(body)).hexdigest()
    if agent.machine != digest:
        row = {"chain": agent.chain, "sha256": digest, "body": body}
        upsert(session, AgentMachine.__table__, [row])  # type: ignore[attr-defined]
        agent.machine = digest


def known_to(session: Session, chain: str, stores: Iterable[str]) -> dict[str, str]:
    """The digest of where the agent of each store runs, as far as the agent told it."""
    found: dict[str, str] = {}
    for some in chunks(stores, AT_ONCE):
        rows = select(Agent.store, Agent.machine).where(Agent.chain == chain, col(Agent.store).in_(some), col(Agent.machine).is_not(None))
        found.update((store, digest) for store, digest in session.exec(rows) if digest is not None)
    return found


def read(session: Session, chain: str, digests: Iterable[str]) -> dict[str, Machine]:
    """Machines by their digests."""
    found: dict[str, Machine] = {}
    for some in chunks(sorted(set(digests)), AT_ONCE):
        rows = select(AgentMachine.sha256, AgentMachine.body).where(AgentMachine.chain == chain, col(AgentMachine.sha256).in_(some))
        found.update((digest, Machine.model_validate(body)) for digest, body in session.exec(rows))
    return found


@cache
def assumed() -> Machine:
    """What a store is taken to be whose agent was never heard: this machine, with storeloom and its agent alone."""
    return this_machine(own_distributions("agent"))
