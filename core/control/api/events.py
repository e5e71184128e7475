"""What the stores' runtimes send up of their logs: position, batches, a new generation. The token is that of the store's agent."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from storeloom.core.control.api.problems import ApiFault
from storeloom.core.control.api.route import Answer, Call, Resource, Wire
from storeloom.core.control.database import writing
from storeloom.core.control.models.received import Position
from storeloom.core.control.reports import received
from storeloom.core.control.reports.received import LARGEST, WORDS, Batch, OutOfStep
from storeloom.core.kernel.errors import DeliveryFault, Finding

events = Resource("events")
MAX_BODY, MAX_UNPACKED = 8 << 20, 64 << 20
NDJSON = "application/x-ndjson"


class Standing(Wire):
    """Where a store's log stands here: up to record `seq`, whose id is `event`, of a generation; `lost` records never came."""

    generation: int
    seq: int
    event: str
    lost: int


class Stored(Standing):
    """Where it stands when a batch is stored, and how many of its events were new."""

    stored: int


class Stretch(Wire):
    """The stretch of the log that a batch covers: behind record `after`, whose id is `after_event`, up to `last`."""

    generation: int = Field(ge=1, le=LARGEST)
    after: int = Field(ge=0, le=LARGEST)
    after_event: str = Field("", max_length=WORDS)
    last: int = Field(ge=1, le=LARGEST)
    last_event: str = Field("", max_length=WORDS)
    lost: int = Field(0, ge=0, le=10**12)


class Begin(Wire):
    """Which generation the new one follows."""

    after: int = Field(ge=0, le=LARGEST)


@events.route("GET", "/stores/{store}/position", "agent:self", "Where a store's log stands", "门店日志的接收位置", answer=Standing)
def get_position(call: Call) -> Answer:
    """Where the store's log stands here; at its beginning where it never sent."""
    return Answer(_standing(received.position(call.session, call.chain, _store(call), call.now)))


@events.route(
    *("POST", "/stores/{store}/generations", "agent:self", "Begin a store's log anew", "开始新一代门店日志"), query=Begin, answer=Standing
)
def begin_generation(call: Call) -> Answer:
    """Begin the generation behind `after`: the log is new, or restored from an older copy. Asked again it changes nothing."""
    return Answer(_standing(received.begin_generation(call.session, call.chain, _store(call), call.query.after, call.now)))


@events.route(
    *("POST", "/stores/{store}/events", "agent:self", "Send events up", "上传事件"),
    query=Stretch,
    raw_in=NDJSON,
    answer=Stored,
    own_session=True,
    digest=True,
    max_body=MAX_BODY,
    max_unpacked=MAX_UNPACKED,
)
def take_events(call: Call) -> Answer:
    """Store a batch (NDJSON, one event a line, in the log's order) whole or not at all. 409 names the position that it should follow."""
    query: Stretch = call.query
    store = _store(call)
    try:
        lines = received.read_lines(call.body, query.after, query.last)
    except DeliveryFault as fault:
        raise ApiFault(400, fault.findings) from fault
    span = query.generation, query.after, query.after_event, query.last, query.last_event, query.lost
    try:
        with writing(call.services.engine) as session:
            stands, stored = received.keep_batch(session, call.chain, store, Batch(*span, lines), call.now)
    except OutOfStep as fault:
        raise ApiFault(409, fault.findings, more={"position": _standing(fault.position)}) from fault
    return Answer({**_standing(stands), "stored": stored})


def _store(call: Call) -> str:
    """The store of the agent that asks, which the path must name: of another one nothing is told."""
    if call.principal.store is None or call.path["store"] != call.principal.store:
        raise ApiFault(404, Finding("SL-UPL-06", {"store": call.path["store"]}))
    return call.principal.store


def _standing(stands: Position) -> dict[str, Any]:
    return {"generation": stands.generation, "seq": stands.seq, "event": stands.event, "lost": stands.lost}
