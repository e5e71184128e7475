"""What comes out of handlers on its way: into the log, the outbox, and to whom it concerns next."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime

from storeloom.core.kernel import schemas
from storeloom.core.kernel.events import Event, event_id
from storeloom.core.runtime.arbiter import Arbiter
from storeloom.core.runtime.context import StoreView
from storeloom.core.runtime.log import StoreLog, instant, micros
from storeloom.core.runtime.runner import Answers, Call

UNLOGGED = frozenset({"camera.frame"})
ARBITER = "arbiter"
Queue = deque[tuple[int | None, Event, int]]


class Publisher:
    """Appends outputs, puts commands into the outbox, and lets `queue` (sequence, event, hops) know."""

    def __init__(self, log: StoreLog, store: StoreView, arbiter: Arbiter, queue: Queue, on_output: Callable[[Event], None] | None) -> None:
        self.overruled: set[str] = set()
        self._log, self._store, self._arbiter, self._queue, self._on_output = log, store, arbiter, queue, on_output
        self._commands = schemas.streams()

    def publish(self, instance: str, call: Call, answers: Answers, hops: int, now: datetime, time: datetime) -> int:
        """Publish a call's outputs, made at `time`; how many there are.

        Their ids follow from instance, call and place alone, so an output that was made before is not made again.
        """
        event = call.event
        stamp = instant(call.at if call.kind == "due" else call.now) if event is None else event.received or event.time
        number = 0
        for handler, outs in answers:
            for item in outs:
                new_id = event_id(stamp, instance, f"{call.ref}|{handler}", number)
                self._one(Event(item.stream, time, item.data, new_id, self._store.id, instance, now), hops, call.cause)
                number += 1
        return number

    def _one(self, event: Event, hops: int, cause: int) -> None:
        if event.stream not in UNLOGGED:
            seq = self._log.append(event, hops, cause)
            if seq is None:
                return
            if self._commands[event.stream]:
                self._command(event, seq)
            self._queue.append((seq, event, hops))
        if self._on_output is not None:
            self._on_output(event)

    def _command(self, event: Event, seq: int) -> None:
        """Put a command into the outbox, unless a stronger one holds its target; then the loser is named by an alert."""
        now = event.received or event.time
        self._log.push(event.id, seq, event.source, event.stream, micros(now))
        winner = self._arbiter.loses_to(event)
        if winner is None:
            return
        self.overruled.add(event.id)
        self._log.settle(event.id, "overruled", 0, micros(now), f"held by {winner}")
        item = self._arbiter.notice(event, winner, self._store.language)
        note = Event(item.stream, now, item.data, event_id(now, ARBITER, event.id), self._store.id, ARBITER, now)
        number = self._log.append(note, 0, seq)
        if number is not None:
            self._queue.append((number, note, 0))
