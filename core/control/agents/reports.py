"""What agents tell, taken once each and read in the order in which it was told, however it came.

Reports behind a gap are kept and read when the gap is closed; until then the agent is answered the number before it, and sends on.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session, select

from storeloom.core.control.agents import health, machines
from storeloom.core.control.api.problems import ApiFault
from storeloom.core.control.models.agents import UNKNOWN, Agent, AgentReport
from storeloom.core.control.models.releases import StoreRelease
from storeloom.core.control.reports import figures
from storeloom.core.kernel.errors import Finding
from storeloom.core.trust.wire import Report, Reports

AHEAD = 100_000


def take(session: Session, chain: str, store: str, told: Reports, now: datetime) -> int:
    """Store an agent's reports and heed them; the number up to which all are stored. ApiFault 404 where the store has no agent."""
    agent = session.get(Agent, (chain, store), with_for_update=True)
    if agent is None:
        raise ApiFault(404, Finding("SL-API-05", {"what": {"en": "agent", "zh": "代理"}, "name": store}))
    _keep(session, agent, told.reports, now)
    made = max([told.made, *(one.seq for one in told.reports)])
    if made >= agent.told_seq:
        _stand(session, agent, told, made)
    machines.note(session, agent, told.machine)
    agent.seen = now if agent.seen is None else max(agent.seen, now)
    session.add(agent)
    return max(0, agent.reported_seq)


def _keep(session: Session, agent: Agent, reports: list[Report], now: datetime) -> None:
    if agent.reported_seq == UNKNOWN and reports:
        agent.reported_seq = min(one.seq for one in reports) - 1
    new = {one.seq: one for one in reports if one.seq > agent.reported_seq}
    if not new:
        return
    if max(new) > agent.reported_seq + AHEAD:
        args = {"got": max(new), "taken": agent.reported_seq, "most": agent.reported_seq + AHEAD}
        raise ApiFault(422, Finding("SL-ENR-03", args, "body.reports"))
    mine = AgentReport.chain == agent.chain, AgentReport.store == agent.store, AgentReport.enrolment == agent.enrolment
    behind = {row.seq: row for row in session.exec(select(AgentReport).where(*mine, AgentReport.seq > agent.reported_seq))}
    for seq in sorted(new.keys() - behind.keys()):
        one = new[seq]
        row = AgentReport(
            chain=agent.chain,
            store=agent.store,
            enrolment=agent.enrolment,
            seq=seq,
            at=one.at,
            received=now,
            kind=one.kind,
            release=one.release,
            data=one.data,
        )
        session.add(row)
        behind[seq] = row
    while (due := behind.get(agent.reported_seq + 1)) is not None:
        _heed(session, agent, due, now)
        agent.reported_seq += 1


def _heed(session: Session, agent: Agent, row: AgentReport, now: datetime) -> None:
    """One report, in its turn."""
    if row.kind == "state":
        agent.reported = dict(agent.reported or {}) | {"reason": row.data.get("reason"), "state_since": min(row.at, now).isoformat()}
    elif row.kind == "health":
        health.look(session, agent, row, now)
        agent.reported = dict(agent.reported or {}) | {"ok": row.data.get("ok"), "solutions": _brief(row.data.get("solutions"))}
    elif row.kind == "figures":
        figures.keep(session, agent.chain, agent.store, row.release, row.data.get("figures"), min(row.at, now))


def _brief(solutions: Any) -> dict[str, str]:
    """Each solution instance's state."""
    if not isinstance(solutions, Mapping):
        return {}
    return {str(name): str(one.get("state", "")) for name, one in solutions.items() if isinstance(one, Mapping)}


def _stand(session: Session, agent: Agent, told: Reports, made: int) -> None:
    """Where the agent stands by the newest that it said."""
    agent.told_seq, agent.told_number, agent.state, agent.version = made, told.desired_number, told.state, told.version[:50]
    known = None if told.running is None else session.get(StoreRelease, (agent.chain, told.running, agent.store))
    agent.actual = None if known is None else known.release
