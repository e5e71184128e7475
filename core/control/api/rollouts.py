"""Roll-outs: planned, started, watched, stopped, taken back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

from pydantic import Field
from sqlalchemy import func
from sqlmodel import col, select

from storeloom.core.control.api.paging import page
from storeloom.core.control.api.problems import missing
from storeloom.core.control.api.route import Answer, Call, Page, PageQuery, Resource, Wire
from storeloom.core.control.models.rollouts import STEP_STATES, Rollout, RolloutEvent, Step, Wave
from storeloom.core.control.rollout import orders
from storeloom.core.control.rollout.strategy import Strategy

rollouts = Resource("rollouts")
State = Literal["planned", "running", "paused", "rolling_back", "done", "aborted", "rolled_back"]


class RolloutNew(Wire):
    """A release, its way over the stores, and the digest of the plan that was approved."""

    release: str = Field(min_length=1, max_length=63)
    strategy: Strategy
    plan_digest: str = Field(min_length=1, max_length=200)
    start: bool = False


class Note(Wire):
    """Why, in a person's words."""

    note: str = Field("", max_length=500)


class Resume(Note):
    """`accept`: the wave at which it stopped passes by this person's word."""

    accept: bool = False


class Back(Note):
    """`waves` (from 0): only these, and pause; null: the whole roll-out."""

    waves: list[int] | None = Field(None, min_length=1, max_length=50)


class WaveOut(Wire):
    """A wave as it stands, with how many of its stores are in each state."""

    number: int
    name: str
    state: str
    opened: datetime | None
    closed: datetime | None
    verdict: dict[str, Any] | None
    stores: dict[str, int]


class RolloutOut(Wire):
    """A roll-out as it stands, with how many stores are in each state."""

    id: str
    release: str
    state: State
    reason: dict[str, Any] | None
    plan_digest: str
    version: int
    created: datetime
    created_by: str
    changed: datetime
    stores: dict[str, int]


class RolloutDetail(RolloutOut):
    """A roll-out with its waves and strategy."""

    strategy: dict[str, Any]
    waves: list[WaveOut]


class StepOut(Wire):
    """A store's way through a roll-out."""

    store: str
    wave: int
    state: str
    before: str | None
    reason: dict[str, Any] | None
    changed: datetime


class EventOut(Wire):
    """What happened."""

    seq: int
    at: datetime
    kind: str
    wave: int | None
    data: dict[str, Any]


class RolloutQuery(PageQuery):
    """Which roll-outs: in a state, of a release."""

    state: State | None = None
    release: str | None = Field(None, max_length=63)


class StepQuery(PageQuery):
    """Which stores: in a state, of a wave."""

    state: str | None = Field(None, pattern=f"^({'|'.join(STEP_STATES)})$")
    wave: int | None = Field(None, ge=0, le=49)


@rollouts.route("GET", "/rollouts", "rollouts:read", "List roll-outs", "发布任务列表", query=RolloutQuery, answer=Page[RolloutOut])
def list_rollouts(call: Call) -> Answer:
    """The chain's roll-outs, the oldest first."""
    found = select(Rollout).where(Rollout.chain == call.chain)
    if call.query.state is not None:
        found = found.where(Rollout.state == call.query.state)
    if call.query.release is not None:
        found = found.where(Rollout.release == call.query.release)
    return Answer(page(call.session, found, [col(Rollout.id)], call.query, lambda row: show(call, row)))


@rollouts.route("POST", "/rollouts", "rollouts:run", "Plan a roll-out", "新建发布任务", body=RolloutNew, answer=RolloutDetail, status=201)
def create(call: Call) -> Answer:
    """Plan a roll-out, and start it where the body says so. 409 where the plan is no longer the one that was approved."""
    given: RolloutNew = call.body
    row = orders.create(call.session, call.chain, call.principal.actor, call.now, given.release, given.strategy, given.plan_digest)
    if given.start:
        orders.start(call.session, row, call.principal.actor, call.now)
    return _detail(call, row, {"Location": f"/api/v1/rollouts/{row.id}"})


@rollouts.route("GET", "/rollouts/{rollout}", "rollouts:read", "One roll-out", "发布任务详情", answer=RolloutDetail)
def get_rollout(call: Call) -> Answer:
    """A roll-out with its waves."""
    return _detail(call, one_rollout(call))


@rollouts.route("GET", "/rollouts/{rollout}/stores", "rollouts:read", "Its stores", "发布任务的门店", query=StepQuery, answer=Page[StepOut])
def list_steps(call: Call) -> Answer:
    """The stores of a roll-out in order of their ids."""
    row = one_rollout(call)
    found = select(Step).where(Step.chain == call.chain, Step.rollout == row.id)
    if call.query.state is not None:
        found = found.where(Step.state == call.query.state)
    if call.query.wave is not None:
        found = found.where(Step.wave == call.query.wave)
    shown = set(StepOut.model_fields)
    return Answer(page(call.session, found, [col(Step.store)], call.query, lambda one: one.model_dump(include=shown)))


@rollouts.route("GET", "/rollouts/{rollout}/events", "rollouts:read", "Its events", "发布事件", query=PageQuery, answer=Page[EventOut])
def list_events(call: Call) -> Answer:
    """What happened in a roll-out, the oldest first."""
    row = one_rollout(call)
    found = select(RolloutEvent).where(RolloutEvent.chain == call.chain, RolloutEvent.rollout == row.id)
    shown = set(EventOut.model_fields)
    return Answer(page(call.session, found, [col(RolloutEvent.seq)], call.query, lambda one: one.model_dump(include=shown)))


@rollouts.route("POST", "/rollouts/{rollout}/start", "rollouts:run", "Start it", "启动发布", answer=RolloutDetail)
def start(call: Call) -> Answer:
    """Let it begin; 409 where the plan drifted or another roll-out is under way in one of its stores."""
    return _ordered(call, lambda row, actor: orders.start(call.session, row, actor, call.now))


@rollouts.route("POST", "/rollouts/{rollout}/pause", "rollouts:run", "Pause it", "暂停发布", body=Note, answer=RolloutDetail)
def pause(call: Call) -> Answer:
    """Offer it to no more stores."""
    return _ordered(call, lambda row, actor: orders.pause(call.session, row, actor, call.now, call.body.note))


@rollouts.route("POST", "/rollouts/{rollout}/resume", "rollouts:run", "Resume it", "继续发布", body=Resume, answer=RolloutDetail)
def resume(call: Call) -> Answer:
    """Go on; the wave at which it stopped is judged anew, or passes where the body accepts it."""
    given: Resume = call.body
    return _ordered(call, lambda row, actor: orders.resume(call.session, row, actor, call.now, accept=given.accept, note=given.note))


@rollouts.route("POST", "/rollouts/{rollout}/abort", "rollouts:run", "Abort it", "中止发布", body=Note, answer=RolloutDetail)
def abort(call: Call) -> Answer:
    """End it where it stands."""
    return _ordered(call, lambda row, actor: orders.abort(call.session, row, actor, call.now, call.body.note))


@rollouts.route("POST", "/rollouts/{rollout}/rollback", "rollouts:run", "Roll it back", "回退发布", body=Back, answer=RolloutDetail)
def roll_back(call: Call) -> Answer:
    """Send every store that was offered the release back to what it ran, or those of some waves."""
    given: Back = call.body
    return _ordered(call, lambda row, actor: orders.roll_back(call.session, row, actor, call.now, given.waves, given.note))


def one_rollout(call: Call, *, lock: bool = False) -> Rollout:
    """The roll-out that a path names, of the asker's own chain."""
    row = call.session.get(Rollout, (call.chain, call.path["rollout"]), with_for_update=lock or None)
    if row is None:
        raise missing("roll-out", "发布任务", call.path["rollout"])
    return row


def _ordered(call: Call, order: Callable[[Rollout, str], None]) -> Answer:
    row = one_rollout(call, lock=True)
    order(row, call.principal.actor)
    call.session.flush()
    return _detail(call, row)


def show(call: Call, row: Rollout) -> dict[str, Any]:
    """A roll-out as it goes out."""
    counts = call.session.exec(
        select(Step.state, func.count()).where(Step.chain == row.chain, Step.rollout == row.id).group_by(col(Step.state))
    )
    shown = row.model_dump(include=set(RolloutOut.model_fields))
    return {**shown, "stores": dict(sorted(counts))}


def _detail(call: Call, row: Rollout, headers: dict[str, str] | None = None) -> Answer:
    mine = Step.chain == row.chain, Step.rollout == row.id
    counts: dict[int, dict[str, int]] = {}
    for wave, state, count in call.session.exec(
        select(Step.wave, Step.state, func.count()).where(*mine).group_by(col(Step.wave), col(Step.state))
    ):
        counts.setdefault(wave, {})[state] = count
    waves = call.session.exec(select(Wave).where(Wave.chain == row.chain, Wave.rollout == row.id).order_by(col(Wave.number)))
    told = [{**one.model_dump(exclude={"chain", "rollout"}), "stores": counts.get(one.number, {})} for one in waves]
    body = {**show(call, row), "strategy": row.strategy, "waves": told}
    return Answer(body, version=str(row.version), headers=headers or {})
