"""Pilot projects: registered, estimated, reviewed, run, evaluated, decided."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Literal

from pydantic import Field
from sqlmodel import Session, col, select

from storeloom.core.control import audit
from storeloom.core.control.api.paging import page
from storeloom.core.control.api.problems import ApiFault, missing
from storeloom.core.control.api.route import Answer, Call, Later, Page, PageQuery, Resource, Wire
from storeloom.core.control.api.stores import expect
from storeloom.core.control.database import reading, writing
from storeloom.core.control.models.fleet import Store
from storeloom.core.control.models.pilots import Pilot
from storeloom.core.control.pilots import steps
from storeloom.core.control.pilots.evaluating import comparable_stores, estimated, evaluated
from storeloom.core.control.pilots.forms import Choice, Decision, Estimate, Id, Plan
from storeloom.core.control.pilots.report import report
from storeloom.core.control.reports import so_far
from storeloom.core.kernel.errors import Finding

pilots = Resource("pilots")
PARTS = ("plan", "estimate", "choice")


class Note(Wire):
    """An observation in a person's words: what figures do not tell."""

    text: str = Field(min_length=1, max_length=4000)


class PilotNew(Wire):
    """A pilot project as it is registered."""

    id: Id
    name: str = Field(min_length=1, max_length=200)
    plan: Plan


class PilotIn(Wire):
    """Parts of a pilot project, written anew; those left out stay."""

    name: str | None = Field(None, min_length=1, max_length=200)
    plan: Plan | None = None
    estimate: Estimate | None = None
    choice: Choice | None = None


class Forward(Wire):
    """The next step."""

    to: Literal["estimated", "reviewed", "running", "evaluated"]


class PilotOut(Wire):
    """A pilot project as it stands. `worth` is what the estimate says would come of it."""

    id: str
    name: str
    step: str
    round: int
    plan: dict[str, Any]
    estimate: dict[str, Any] | None
    worth: dict[str, Any] | None
    choice: dict[str, Any] | None
    evaluation: dict[str, Any] | None
    decision: dict[str, Any] | None
    notes: list[dict[str, Any]]
    rounds: list[dict[str, Any]]
    version: int
    created: datetime
    created_by: str
    changed: datetime


class LikeOut(Wire):
    """How like a store is to a pilot store (see `workers.insight.comparable`)."""

    treated: str
    store: str
    trend: float
    level: float
    unlike: list[str]
    grade: str


class ComparablesOut(Wire):
    """The nearest stores of each pilot store, the stores left out for want of figures, and the weeks looked at."""

    likeness: list[LikeOut]
    left_out: list[str]
    weeks: int


class Wanted(Wire):
    """For which stores comparables are looked for, before which day, how many each."""

    stores: list[Id] = Field(min_length=1, max_length=500)
    begins: date
    each: int = Field(5, ge=1, le=50)


@pilots.route("GET", "/pilots", "pilots:read", "List pilot projects", "试点项目列表", query=PageQuery, answer=Page[PilotOut])
def list_pilots(call: Call) -> Answer:
    """The chain's pilot projects in order of their ids."""
    return Answer(page(call.session, select(Pilot).where(Pilot.chain == call.chain), [col(Pilot.id)], call.query, show))


@pilots.route("POST", "/pilots", "pilots:write", "Register a pilot project", "登记试点项目", body=PilotNew, answer=PilotOut, status=201)
def add_pilot(call: Call) -> Answer:
    """Register a pilot project. 409 where there is one of this id, 422 where it names a solution that is not installed."""
    given: PilotNew = call.body
    if call.session.get(Pilot, (call.chain, given.id)) is not None:
        raise ApiFault(409, Finding("SL-API-12", {"name": given.id}))
    _check_plan(call, given.plan)
    row = Pilot(
        chain=call.chain,
        id=given.id,
        name=given.name,
        plan=given.plan.model_dump(mode="json"),
        notes=[],
        rounds=[],
        created=call.now,
        created_by=call.principal.actor,
        changed=call.now,
    )
    call.session.add(row)
    audit.note(call.session, call.chain, call.now, call.principal.actor, "pilot.register", given.id)
    return Answer(show(row), version="1", headers={"Location": f"/api/v1/pilots/{given.id}"})


@pilots.route("GET", "/pilots/{pilot}", "pilots:read", "One pilot project", "试点项目详情", answer=PilotOut)
def get_pilot(call: Call) -> Answer:
    """A pilot project; its ETag is what a change must name."""
    row = _one(call)
    return Answer(show(row), version=str(row.version))


@pilots.route(
    "PUT", "/pilots/{pilot}", "pilots:write", "Change a pilot project", "修改试点项目", body=PilotIn, answer=PilotOut, versioned=True
)
def put_pilot(call: Call) -> Answer:
    """Write parts of a pilot project. 409 for a part that stands fast, 422 for stores and solutions that there are not."""
    row, given = _changed(call), call.body
    for part in PARTS:
        new = getattr(given, part)
        if new is not None and (value := new.model_dump(mode="json")) != getattr(row, part):
            steps.require_open(row, part)
            setattr(row, part, value)
    if given.plan is not None:
        _check_plan(call, given.plan)
    if given.choice is not None:
        named = [*(("stores", one) for one in given.choice.stores), *(("comparables", one) for one in given.choice.comparables)]
        _check_stores(call, named, "body.choice")
    row.name = given.name or row.name
    return _kept(call.session, call, row, "pilot.change")


@pilots.route("POST", "/pilots/{pilot}/notes", "pilots:write", "Add a note", "添加观察记录", body=Note, answer=PilotOut, status=201)
def add_note(call: Call) -> Answer:
    """Add an observation; none is ever changed."""
    row = _one(call, lock=True)
    row.notes = [*row.notes, {"at": call.now.isoformat(), "by": call.principal.actor, "text": call.body.text}]
    return _kept(call.session, call, row, "pilot.note")


@pilots.route(
    "POST", "/pilots/{pilot}/comparables", "pilots:read", "Find comparable stores", "查找对照门店", body=Wanted, answer=ComparablesOut
)
def find_comparables(call: Call) -> Later:
    """The stores that moved most like given ones before a day, by the plan's figure; nothing is chosen by it."""
    row, wanted = _one(call), call.body
    _check_stores(call, [("stores", one) for one in wanted.stores], "body")
    metric, engine, chain = Plan(**row.plan).metric, call.services.engine, call.chain

    def finish() -> Answer:
        with reading(engine) as session:
            return Answer(comparable_stores(session, chain, metric, wanted.stores, wanted.begins, wanted.each))

    return Later(finish)


@pilots.route(
    "POST", "/pilots/{pilot}/step", "pilots:write", "Take the next step", "进入下一步", body=Forward, answer=PilotOut, versioned=True
)
def next_step(call: Call) -> Answer:
    """Go on to the next step. 409 where something that it needs is missing."""
    row = _changed(call)
    steps.advance(row, call.body.to, date.fromisoformat(so_far.today(call.session, call.chain, call.now)))
    return _kept(call.session, call, row, "pilot.step", {"to": row.step})


@pilots.route("POST", "/pilots/{pilot}/evaluation", "pilots:write", "Evaluate", "评估", answer=PilotOut)
def evaluate(call: Call) -> Later:
    """Evaluate what came in until yesterday, or the pilot's last day. 409 before it runs, 412 where it was changed meanwhile, 422 where the
    figures allow no comparison."""
    row, engine = _one(call), call.services.engine
    if row.step not in ("running", "evaluated") or row.choice is None or row.estimate is None:
        raise ApiFault(409, Finding("SL-PIL-05", {"step": row.step}))
    last = date.fromisoformat(so_far.today(call.session, call.chain, call.now)) - timedelta(days=1)
    asked = Plan(**row.plan), Choice(**row.choice), Estimate(**row.estimate)
    before, version = _judged(row), row.version

    def finish() -> Answer:
        with reading(engine) as session:
            found = evaluated(session, call.chain, *asked, last)
        with writing(engine) as session:
            now = session.get(Pilot, (call.chain, call.path["pilot"]), with_for_update=True)
            if now is None:
                raise missing("pilot", "试点项目", call.path["pilot"])
            if _judged(now) != before:
                raise ApiFault(412, Finding("SL-API-13", {"got": version, "version": now.version}))
            now.evaluation = {**found, "at": call.now.isoformat()}
            return _kept(session, call, now, "pilot.evaluate")

    return Later(finish)


@pilots.route("GET", "/pilots/{pilot}/report", "pilots:read", "Its report", "试点报告", raw_out="text/html; charset=utf-8")
def get_report(call: Call) -> Answer:
    """The report as one page, in the reader's language."""
    return Answer(
        report(_one(call), call.lang).encode(), headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    )


@pilots.route("POST", "/pilots/{pilot}/decision", "pilots:write", "Decide", "决策", body=Decision, answer=PilotOut, versioned=True)
def decide(call: Call) -> Answer:
    """Roll out, stop, or go into the next round."""
    row = _changed(call)
    steps.decide(row, call.body, call.now, call.principal.actor)
    return _kept(call.session, call, row, "pilot.decide", {"kind": call.body.kind})


def show(row: Pilot) -> dict[str, Any]:
    """A pilot project as it goes out."""
    worth = None if row.estimate is None else estimated(Estimate(**row.estimate))
    return {**row.model_dump(exclude={"chain"}), "worth": worth}


def _one(call: Call, *, lock: bool = False) -> Pilot:
    row = call.session.get(Pilot, (call.chain, call.path["pilot"]), with_for_update=lock or None)
    if row is None:
        raise missing("pilot", "试点项目", call.path["pilot"])
    return row


def _judged(row: Pilot) -> tuple[Any, ...]:
    """What an evaluation rests on."""
    return row.round, row.step, row.plan, row.choice, row.estimate


def _changed(call: Call) -> Pilot:
    """The pilot project that is to be changed, as the client believes it to be."""
    row = _one(call, lock=True)
    expect(call, row.version)
    return row


def _kept(session: Session, call: Call, row: Pilot, action: str, detail: dict[str, Any] | None = None) -> Answer:
    row.version, row.changed = row.version + 1, call.now
    session.add(row)
    audit.note(session, call.chain, call.now, call.principal.actor, action, row.id, {"version": row.version, **(detail or {})})
    return Answer(show(row), version=str(row.version))


def _check_plan(call: Call, plan: Plan) -> None:
    """A finding for each solution that is not installed, and each figure that its solution does not tell."""
    known = call.registry.catalogue.solutions
    metrics = [("metric", plan.metric), *(("drivers", one) for one in plan.drivers)]
    named = [("solutions", one) for one in plan.solutions] + [(at, one.solution) for at, one in metrics]
    solution, figure = {"en": "solution", "zh": "方案"}, {"en": "figure", "zh": "指标"}
    findings = [Finding("SL-API-05", {"what": solution, "name": one}, f"body.plan.{at}") for at, one in named if one not in known]
    findings += [
        Finding("SL-API-05", {"what": figure, "name": f"{one.solution}.{one.name}"}, f"body.plan.{at}")
        for at, one in metrics
        if one.solution in known and one.name not in known[one.solution]["kpis"]
    ]
    if findings:
        raise ApiFault(422, findings)


def _check_stores(call: Call, names: Sequence[tuple[str, str]], at: str) -> None:
    """A finding for each store that the chain has not."""
    known = set(call.session.exec(select(Store.id).where(Store.chain == call.chain, col(Store.id).in_([one for _, one in names]))))
    what = {"en": "store", "zh": "门店"}
    findings = [Finding("SL-API-05", {"what": what, "name": one}, f"{at}.{part}") for part, one in names if one not in known]
    if findings:
        raise ApiFault(422, findings)
