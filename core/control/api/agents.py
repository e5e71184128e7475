"""Agents: they enrol, are told what to run, tell what they do; operators look at them."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

from pydantic import Field
from sqlmodel import col, select

from storeloom.core.control import audit
from storeloom.core.control.agents import desired, enrolment, reports
from storeloom.core.control.agents.health import INSTANCES
from storeloom.core.control.api.paging import page
from storeloom.core.control.api.problems import ApiFault, missing
from storeloom.core.control.api.route import ANYBODY, Answer, Call, Instant, Later, Page, PageQuery, Resource, Wire
from storeloom.core.control.database import reading, writing
from storeloom.core.control.identity.tokens import still_good
from storeloom.core.control.models.agents import Agent, AgentReport, ReleaseHealth
from storeloom.core.kernel.errors import Finding
from storeloom.core.trust.wire import Desired, Enrol, Enrolled, NewToken, Reports, Taken

agents = Resource("agents")
MOST_WAIT_S = 60


class CodeOut(Wire):
    """A one-time code for a store's agent, told this once."""

    code: str
    expires: datetime


class WaitQuery(Wire):
    """How many seconds to wait for news."""

    wait: int = Field(0, ge=0, le=MOST_WAIT_S)


class AgentOut(Wire):
    """An agent as it stands. `reported` is what it last told: reason, ok, each solution's state."""

    store: str
    enrolled: datetime
    seen: datetime | None
    version: str
    desired: str | None
    actual: str | None
    state: str
    informed: bool
    reported: dict[str, Any]


class AgentQuery(PageQuery):
    """Which agents: in a state, to run a release, running a release, not heard of since."""

    state: str | None = Field(None, max_length=50)
    desired: str | None = Field(None, max_length=63)
    actual: str | None = Field(None, max_length=63)
    silent_since: Instant | None = None


class HealthOut(Wire):
    """How a store ran under a release: looks at its health, how many of them bad, [failures, handled] of each solution instance."""

    release: str
    begins: datetime
    last: datetime
    looks: int
    bad: int
    solutions: dict[str, tuple[int, int]] = Field(max_length=INSTANCES)


class AgentDetail(AgentOut):
    """An agent, how its store ran under each release, and what it told last, the newest first."""

    health: list[HealthOut]
    reports: list[dict[str, Any]]


@agents.route(
    "POST", "/stores/{store}/enrolment", "stores:write", "Make an enrolment code", "生成注册码", answer=CodeOut, status=201, told_once=True
)
def make_code(call: Call) -> Answer:
    """A one-time code with which the store's agent enrols; one made before holds no longer."""
    code, expires = enrolment.new_code(call.session, call.chain, call.path["store"], call.principal.actor, call.now)
    return Answer({"code": code, "expires": expires}, headers={"Cache-Control": "no-store"})


@agents.route("DELETE", "/stores/{store}/agent/tokens", "stores:write", "Lock out a store's agent", "停用门店代理令牌", status=204)
def lock_out(call: Call) -> Answer:
    """End every token of a store's agent at once; it comes back with a new enrolment code."""
    _agent(call)
    enrolment.end_tokens(call.session, call.chain, call.path["store"], call.now)
    audit.note(call.session, call.chain, call.now, call.principal.actor, "agent.lock_out", call.path["store"])
    return Answer()


@agents.route("POST", "/enrol", ANYBODY, "Enrol an agent", "代理注册", body=Enrol, answer=Enrolled, own_session=True)
def enrol(call: Call) -> Answer:
    """Take a one-time code: 403 for one that does not hold, 429 for an address with too many wrong ones."""
    engine, said = call.services.engine, call.body
    with writing(engine) as session:
        enrolment.refuse_guessers(session, call.address, call.now)
        found = enrolment.enrol(session, said.code, said.public_key, said.version, call.now, said.machine)
        if found is None:
            enrolment.note_guess(session, call.address, call.now)
        else:
            root = base64.b64encode(call.services.trust(found.chain).root_bytes()).decode()
    if found is None:
        raise ApiFault(403, Finding("SL-ENR-04"))
    told = Enrolled(chain=found.chain, store=found.store, token=found.token, expires=found.expires, root=root)
    return Answer(told, headers={"Cache-Control": "no-store"})


@agents.route("GET", "/agent/desired", "agent:self", "What to run", "目标状态", query=WaitQuery, answer=Desired, conditional=True)
def tell_desired(call: Call) -> Answer | Later:
    """The desired state of the agent's store; 304 where it is still the one of `If-None-Match`, after waiting for another."""
    store, known, wait = _own(call), call.if_none_match, call.query.wait
    call.services.presence.saw(call.chain, store, call.now)
    number = desired.number(call.services.engine, call.chain, store)
    if number is None:
        raise missing("agent", "代理", store)
    if known != str(number):
        told = desired.state(call.session, call.chain, store, call.now)
        assert told is not None
        return Answer(told, version=str(told.number))
    if wait == 0:
        return Answer(status=304, version=known)
    waits = call.services.waits
    if not waits.take():
        return Answer(status=304, version=known, headers={"Retry-After": str(waits.later(wait))})
    return Later(lambda: _after(call, store, number, wait))


def _after(call: Call, store: str, number: int, wait: float) -> Answer:
    """What to answer when the wait is over; an agent that was locked out meanwhile is told nothing."""
    call.services.waits.until((call.chain, store), number, wait)
    now = call.services.now()
    call.services.presence.saw(call.chain, store, now)
    with reading(call.services.engine) as session:
        if not still_good(session, call.principal, now):
            raise ApiFault(401, Finding("SL-API-01"), {"WWW-Authenticate": 'Bearer realm="storeloom"'})
        told = desired.state(session, call.chain, store, now)
    if told is None or told.number == number:
        return Answer(status=304, version=str(number))
    return Answer(told, version=str(told.number))


@agents.route("POST", "/agent/reports", "agent:self", "Report", "上报", body=Reports, answer=Taken, max_body=4 << 20)
def take_reports(call: Call) -> Answer:
    """Take an agent's reports: each once, read in their order however they come."""
    seq = reports.take(call.session, call.chain, _own(call), call.body, call.now)
    return Answer(Taken(seq=seq, now=call.now))


@agents.route("POST", "/agent/token", "agent:self", "Renew the token", "更新令牌", answer=NewToken, told_once=True)
def renew(call: Call) -> Answer:
    """The agent's next token; the one that it asked with is good for another hour."""
    token, expires = enrolment.renew(call.session, call.chain, _own(call), call.principal.token, call.now)
    return Answer(NewToken(token=token, expires=expires), headers={"Cache-Control": "no-store"})


@agents.route("GET", "/agents", "stores:read", "List agents", "代理列表", query=AgentQuery, answer=Page[AgentOut])
def list_agents(call: Call) -> Answer:
    """The chain's agents in order of their stores."""
    query = call.query
    found = select(Agent).where(Agent.chain == call.chain)
    for column, value in ((Agent.state, query.state), (Agent.desired, query.desired), (Agent.actual, query.actual)):
        if value is not None:
            found = found.where(column == value)
    if query.silent_since is not None:
        found = found.where(col(Agent.seen) < query.silent_since)
    return Answer(page(call.session, found, [col(Agent.store)], query, show))


@agents.route("GET", "/agents/{store}", "stores:read", "One agent", "代理详情", answer=AgentDetail)
def get_agent(call: Call) -> Answer:
    """A store's agent with its latest reports."""
    row = _agent(call)
    mine = ReleaseHealth.chain == call.chain, ReleaseHealth.store == row.store
    health = call.session.exec(select(ReleaseHealth).where(*mine).order_by(col(ReleaseHealth.last).desc()).limit(10))
    told = select(AgentReport).where(AgentReport.chain == call.chain, AgentReport.store == row.store)
    newest = told.order_by(col(AgentReport.enrolment).desc(), col(AgentReport.seq).desc()).limit(20)
    shown = [one.model_dump(include={"seq", "at", "received", "kind", "release", "data"}) for one in call.session.exec(newest)]
    runs = [one.model_dump(exclude={"chain", "store"}) for one in health]
    return Answer({**show(row), "health": runs, "reports": shown})


def show(row: Agent) -> dict[str, Any]:
    """An agent as it goes out."""
    told = {key: value for key, value in (row.reported or {}).items() if key != "counters"}
    shown = row.model_dump(include={"store", "enrolled", "seen", "version", "desired", "actual", "state"})
    return {**shown, "informed": row.told_number == row.desired_number, "reported": told}


def _own(call: Call) -> str:
    """The store of the agent that asks."""
    store = call.principal.store
    if store is None:
        raise missing("agent", "代理", call.principal.actor)
    return store


def _agent(call: Call) -> Agent:
    row = call.session.get(Agent, (call.chain, call.path["store"]))
    if row is None:
        raise missing("agent", "代理", call.path["store"])
    return row
