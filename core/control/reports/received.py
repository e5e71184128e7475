"""Takes what stores send up of their logs: batches whole or not at all, in order, each event once.

A store's events are keyed by its log's sequence and by their ids, so that a batch sent twice is stored once. A log that was made anew or
restored from an older copy begins a new `generation`: its sequences count afresh, its known events are told by their ids.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlmodel import Session, col, select

from storeloom.core.control.api.route import Instant
from storeloom.core.control.models.received import Position, ReceivedEvent, UploadGap
from storeloom.core.control.reports import alerts, devices
from storeloom.core.kernel.errors import DeliveryFault, Finding

IDS_A_QUERY = 500
LARGEST = 10**18
WORDS = 500


class Line(BaseModel):
    """One line of a batch, as it comes over the wire."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    seq: int = Field(ge=1, le=LARGEST)
    id: str = Field(max_length=WORDS)
    stream: str = Field(max_length=WORDS)
    source: str = Field(max_length=WORDS)
    store: str = Field(max_length=WORDS)
    time: Instant
    received: Instant
    hops: int = Field(ge=0, le=LARGEST)
    cause: int = Field(ge=0, le=LARGEST)
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Batch:
    """The selected records of a log behind `after` up to `last`; both ends are named by sequence and id."""

    generation: int
    after: int
    after_event: str
    last: int
    last_event: str
    lost: int
    lines: Sequence[Line]


class OutOfStep(DeliveryFault):
    """A batch that does not follow what is stored; `position` says what would."""

    def __init__(self, finding: Finding, position: Position) -> None:
        super().__init__(finding)
        self.position = position


def read_lines(text: bytes, after: int, last: int) -> list[Line]:
    """The lines of a batch (NDJSON), in order and within (`after`, `last`]. DeliveryFault says what is wrong with it."""
    if last <= after:
        raise _malformed(f"it ends at {last}, before its start at {after}")
    lines: list[Line] = []
    for number, one in enumerate(text.splitlines(), 1):
        try:
            line = Line.model_validate_json(one)
            if b"\\u0000" in one:
                line = Line.model_validate(_speakable(line.model_dump()))
            elif b"e" in one or b"E" in one:
                _speakable(line.data)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise _malformed(f"line {number}: {'.'.join(map(str, first['loc'])) or 'it'}: {first['msg']}") from error
        except OverflowError as error:
            raise _malformed(f"line {number}: data: {error}") from error
        if not (lines[-1].seq if lines else after) < line.seq <= last:
            raise _malformed(f"line {number}: sequence {line.seq} is out of order, or not within {after} to {last}")
        lines.append(line)
    return lines


def _speakable(value: Any) -> Any:
    """A value as every database can hold it: a NUL character in a text becomes U+FFFD. OverflowError for a number beyond all bounds."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, dict):
        return {_speakable(key): _speakable(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_speakable(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise OverflowError("a number is too large")
    return value


def position(session: Session, chain: str, store: str, now: datetime) -> Position:
    """Where a store stands; at the start when it never sent."""
    return session.get(Position, (chain, store)) or Position(chain=chain, store=store, reported=now)


def begin_generation(session: Session, chain: str, store: str, after: int, now: datetime) -> Position:
    """Begin the generation that follows `after`; the one that stands when it has begun already."""
    known = session.get(Position, (chain, store), with_for_update=True)
    if known is None or known.generation != after:
        return known or Position(chain=chain, store=store, reported=now)
    known.generation, known.seq, known.event, known.reported = after + 1, 0, "", now
    session.add(known)
    return known


def keep_batch(session: Session, chain: str, store: str, batch: Batch, now: datetime) -> tuple[Position, int]:
    """Store a batch and heed what it tells of alerts and devices; where the store stands then, and how many events were new.

    A batch that is stored already changes nothing. OutOfStep when it does not follow.
    """
    known = session.get(Position, (chain, store), with_for_update=True)
    if known is None:
        known = Position(chain=chain, store=store, reported=now)
        session.add(known)
    if batch.generation == known.generation and batch.last <= known.seq:
        return known, 0
    if (batch.generation, batch.after, batch.after_event) != (known.generation, known.seq, known.event):
        args = {"store": store, "got": batch.after, "expected": known.seq, "generation": known.generation}
        raise OutOfStep(Finding("SL-UPL-09", args), Position(**known.model_dump()))
    session.flush()
    new = _unknown(session, chain, store, batch.lines)
    rows = [_row(chain, store, batch.generation, line, now) for line in new]
    session.add_all(rows)
    if batch.lost:
        gap = UploadGap(chain=chain, store=store, generation=batch.generation, after=batch.after, lost=batch.lost, reported=now)
        session.add(gap)
    known.seq, known.event, known.lost, known.reported = batch.last, batch.last_event, known.lost + batch.lost, now
    alerts.heed(session, rows, now)
    devices.heed(session, rows, now)
    return known, len(new)


def _unknown(session: Session, chain: str, store: str, lines: Sequence[Line]) -> list[Line]:
    """The lines whose events are not stored yet, of whatever generation; of two that say the same id the first."""
    known: set[str] = set()
    for start in range(0, len(lines), IDS_A_QUERY):
        ids = [line.id for line in lines[start : start + IDS_A_QUERY]]
        mine = ReceivedEvent.chain == chain, ReceivedEvent.store == store
        known.update(session.exec(select(ReceivedEvent.id).where(*mine, col(ReceivedEvent.id).in_(ids))))
    first = {line.id: line for line in reversed(lines)}
    return [line for line in lines if line.id not in known and first[line.id] is line]


def _row(chain: str, store: str, generation: int, line: Line, now: datetime) -> ReceivedEvent:
    fields = line.model_dump(exclude={"store"})
    return ReceivedEvent(chain=chain, store=store, generation=generation, about=line.store, kept=now, **fields)


def events(session: Session, chain: str, store: str) -> list[ReceivedEvent]:
    """What came from a store, in the order of its log."""
    order = col(ReceivedEvent.generation), col(ReceivedEvent.seq)
    return list(session.exec(select(ReceivedEvent).where(ReceivedEvent.chain == chain, ReceivedEvent.store == store).order_by(*order)))


def _malformed(reason: str) -> DeliveryFault:
    return DeliveryFault(Finding("SL-UPL-08", {"reason": reason}))
