"""One event's way through the wiring: up to the fact that began it all, and down to everything that followed.

Every log record names its cause, the record whose handling brought it (for what an alarm brings: the event that set the alarm). Upward that
is a chain; downward the log is read once from the root on, without an index (one would cost every append), up to LOOK_AHEAD records.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import orjson

from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.events import rfc3339
from storeloom.core.runtime.log_tables import Record, event_of, opened, record_of, select
from storeloom.core.runtime.reader import LogReader

LOOK_AHEAD = 1_000_000
SLICE = 20_000
MOST_EVENTS = 1_000
_FIELDS = "SELECT seq, id, stream, source, store, time, received, hops, cause, data, crc FROM log"


class Records(Protocol):
    """A log that can be asked: a LogReader, a StoreLog."""

    path: str

    def rows(self, query: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query. LogFault when the log cannot be read."""


class Command(NamedTuple):
    """What has become of a command to a device: `status`, how often it was sent, and the note that says why."""

    status: str
    tries: int
    note: str


class Failure(NamedTuple):
    """An instance that failed on the event; `handler` says on what, the stream as a rule."""

    instance: str
    handler: str
    reason: str


@dataclass
class Step:
    """One event on the way; `depth` counts its causes up to the root."""

    record: Record
    depth: int = 0
    command: Command | None = None
    failures: list[Failure] = field(default_factory=list)


@dataclass
class Trace:
    """The way of the event `asked`: its steps with every cause before what it brought.

    `lost` is the sequence of a cause that the log no longer keeps (0: the first step is where it began); `looked` is the newest record that
    was looked at, `last` the newest that there is; `more` tells that only the first MOST_EVENTS steps are here.
    """

    asked: int
    steps: list[Step]
    lost: int
    looked: int
    last: int
    more: bool = False


def find(records: Records, event: str) -> Record | None:
    """The record of an event id or of a sequence (`1204`, `#1204`)."""
    text = event.strip().removeprefix("#")
    if text.isascii() and text.isdecimal() and len(text) < 19:
        return _record(records, "seq", int(text))
    return _record(records, "id", text)


def _record(records: Records, column: str, value: object) -> Record | None:
    rows = records.rows(f"{_FIELDS} WHERE {column} = ?", (value,))
    return record_of(rows[0], records.path) if rows else None


def missing(records: Records, event: str) -> Finding:
    """Why an event cannot be traced: accepted but not handled yet, or not known."""
    waiting = records.rows(select("inbox", "WHERE id = ?"), (event.strip(),))
    if waiting:
        fact = event_of(opened("inbox", waiting[0], records.path))
        return Finding("SL-OBS-10", {"event": fact.id, "stream": fact.stream, "source": fact.source})
    oldest, last = _ends(records)
    return Finding("SL-OBS-04", {"event": event, "oldest": oldest, "last": last})


def _ends(records: Records) -> tuple[int, int]:
    oldest, last = records.rows("SELECT coalesce(min(seq), 0), coalesce(max(seq), 0) FROM log")[0]
    return int(oldest), int(last)


def follow(records: Records, record: Record, look_ahead: int = LOOK_AHEAD) -> Trace:
    """The whole way of a record: from the fact that began it, all that followed."""
    chain, lost = [record], 0
    while 0 < chain[0].cause < chain[0].seq:
        above = _record(records, "seq", chain[0].cause)
        if above is None:
            lost = chain[0].cause
            break
        chain.insert(0, above)
    steps = {one.seq: Step(one, depth) for depth, one in enumerate(chain)}
    last = _ends(records)[1]
    looked = min(last, chain[0].seq + look_ahead)
    more = _descend(records, steps, chain[0].seq, looked)
    _annotate(records, steps)
    return Trace(record.seq, _in_order(steps), lost, looked, last, more)


def _descend(records: Records, steps: dict[int, Step], first: int, to: int) -> bool:
    """Add what the steps brought, up to record `to`; whether there was more than MOST_EVENTS."""
    for start in range(first, to, SLICE):
        query = "SELECT seq, cause FROM log WHERE seq > ? AND seq <= ? AND cause >= ? ORDER BY seq"
        for seq, cause in records.rows(query, (start, min(start + SLICE, to), first)):
            if cause not in steps or seq in steps:
                continue
            if len(steps) >= MOST_EVENTS:
                return True
            below = _record(records, "seq", seq)
            if below is not None:
                steps[seq] = Step(below, steps[cause].depth + 1)
    return False


def _annotate(records: Records, steps: dict[int, Step]) -> None:
    """Add what became of commands and who failed."""
    by_id = {step.record.event.id: step for step in steps.values()}
    for new_id, step in by_id.items():
        for row in records.rows(select("outbox", "WHERE id = ?"), (new_id,)):
            _, _, _, _, status, tries, _, note = opened("outbox", row, records.path)
            step.command = Command(status, tries, why(note or ""))
    for row in records.rows(select("failure", "ORDER BY at")):
        instance, _, event, handler, reason = opened("failure", row, records.path)
        if event in by_id:
            by_id[event].failures.append(Failure(instance, handler, reason))


def why(note: str) -> str:
    """The reason in an outbox note: while a command is under way the note is the outbox's own JSON, with the devices' answers."""
    return str(orjson.loads(note)["reason"]) if note.startswith('{"done":') else note


def _in_order(steps: dict[int, Step]) -> list[Step]:
    """The steps as a tree is read: each followed by all that it brought, in order of the log."""
    below: dict[int, list[int]] = {}
    for seq, step in sorted(steps.items(), reverse=True):
        below.setdefault(step.record.cause, []).append(seq)
    order, waiting = [], [min(steps)]
    while waiting:
        seq = waiting.pop()
        order.append(steps[seq])
        waiting += below.get(seq, [])
    return order


def as_json(trace: Trace, *, data: bool = True) -> dict[str, Any]:
    """The trace as JSON, its events in the tree's order, each with its `depth` in it; `data=False` leaves out what the events carry."""
    start = trace.steps[0].record.event
    events = []
    for step in trace.steps:
        record, event = step.record, step.record.event
        facts: dict[str, Any] = {
            "seq": record.seq,
            "id": event.id,
            "stream": event.stream,
            "source": event.source,
            "time": rfc3339(event.time),
            "received": rfc3339(event.received or event.time),
            "delay_s": delay_s(trace, step),
            "cause": record.cause,
            "depth": step.depth,
        }
        if step.command is not None:
            facts["command"] = step.command._asdict()
        if step.failures:
            facts["failures"] = [failure._asdict() for failure in step.failures]
        if data:
            facts["data"] = event.data
        events.append(facts)
    about = {"asked": trace.asked, "began": rfc3339(start.received or start.time)}
    return {**about, "lost": trace.lost, "looked": trace.looked, "last": trace.last, "more": trace.more, "events": events}


def delay_s(trace: Trace, step: Step) -> float:
    """Seconds between the arrival of the first step and that of this one, in the store's time."""
    first, event = trace.steps[0].record.event, step.record.event
    return ((event.received or event.time) - (first.received or first.time)).total_seconds()


@contextmanager
def open_records(path: Path) -> Iterator[Records]:
    """A log file to be asked, beside the store that writes it or without one. LogFault when it cannot be read."""
    with closing(LogReader(path)) as records:
        yield records
