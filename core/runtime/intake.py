"""The way in: bounded queues between the adapters' threads and the engine's loop, one policy a stream.

`block` holds a producer back until there is room: for whatever must not be lost. `drop_oldest` keeps the newest: for pictures and
states. `sample` keeps all while at most half of the limit waits, above that the first of every n, and at the limit the newest; so a
flood is thinned before it is cut. What is left out, refused, too late or from the future is counted and said in words.

A stream declares its queue as `x-queue` in its schema: `{"policy", "limit", "per", "one_in"}`, where `per` names the field whose values
have a queue each (a flood of one camera displaces no picture of another). A bundle overrides it under `[runtime.queues."STREAM"]`.
"""

from __future__ import annotations

import logging
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Condition, Lock, Thread
from threading import Event as Flag
from typing import Any, Literal, NamedTuple

from storeloom.core.kernel import schemas
from storeloom.core.kernel.adapter import Adapter, next_fact
from storeloom.core.kernel.errors import Finding, StoreloomError
from storeloom.core.kernel.events import Event, Fact, event_id
from storeloom.core.kernel.plan import RUNTIME_DEFAULTS
from storeloom.core.runtime.clock import span
from storeloom.core.runtime.status import QueueStatus

Policy = Literal["block", "drop_oldest", "sample"]
LIMIT = 10_000
ONE_IN = 10
LANES = 1024
AHEAD = timedelta(minutes=5)
TOLD = timedelta(hours=1)
TOLD_SOURCES = 64


@dataclass(frozen=True, slots=True)
class QueuePolicy:
    """How a stream's facts wait: `limit` facts a queue, a queue for each value of the field `per`, `sample` keeping one in `one_in`."""

    policy: Policy = "block"
    limit: int = LIMIT
    per: str | None = None
    one_in: int = ONE_IN


def policies(runtime: Mapping[str, Any]) -> dict[str, QueuePolicy]:
    """The policy of every stream: what its schema declares, overridden by the plan's `runtime` table."""
    over = runtime.get("queues", {})
    return {stream: QueuePolicy(**{**schemas.queue(stream), **over.get(stream, {})}) for stream in schemas.streams()}


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far an event's time may lie before its arrival and behind it."""

    late: timedelta
    ahead: timedelta = AHEAD


def bounds(runtime: Mapping[str, Any]) -> dict[str, Bounds]:
    """The bounds of every stream: the plan's `lateness_d`, or less where the stream's schema says so (`x-late-s`, seconds)."""
    late = timedelta(days=float(runtime.get("lateness_d", RUNTIME_DEFAULTS["lateness_d"])))
    found = {}
    for stream in schemas.streams():
        own = schemas.load(schemas.stream_file(stream)).get("x-late-s")
        found[stream] = Bounds(late if own is None else min(late, timedelta(seconds=own)))
    return found


class Verdict(NamedTuple):
    """The time that an event is to bear, and whether it is `timely`, too `late` to be taken, or from the `future`."""

    time: datetime
    what: Literal["timely", "late", "future"]


def judge(event_time: datetime, arrival: datetime, limits: Bounds) -> Verdict:
    """Whether an event can be taken. One from the future has its device's clock wrong, and counts as of its arrival."""
    if arrival - event_time > limits.late:
        return Verdict(event_time, "late")
    if event_time - arrival > limits.ahead:
        return Verdict(arrival, "future")
    return Verdict(event_time, "timely")


class Ticket:
    """What a producer gets for a fact: what became of it. `reason` says why one was refused or left out."""

    __slots__ = ("_intake", "outcome", "reason")

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self.outcome: bool | None = None
        self.reason: Finding | None = None

    def wait(self, timeout_s: float | None = None) -> bool | None:
        """True once the fact is stored durably, or was before; False when it was refused or left out, and sending it again helps nothing.

        None when nothing was decided in time, or the intake closed first: then send it again later.
        """
        return self._intake._wait(self, timeout_s)


@dataclass(slots=True, eq=False)
class Arrival:
    """A fact that came in at `at` (store time), with the key that tells its repeats."""

    fact: Fact
    key: object
    at: datetime
    ticket: Ticket

    @property
    def stream(self) -> str:
        return self.fact.stream

    @property
    def time(self) -> datetime:
        """When it happened, as its producer says."""
        return self.fact.time or self.fact.received


@dataclass(slots=True)
class _Lane:
    """One queue: its waiting arrivals, oldest first; `flood` counts what came while more than half of the limit waited."""

    policy: QueuePolicy
    space: Condition
    waiting: deque[_Place] = field(default_factory=deque)
    flood: int = 0
    blocked: int = 0


@dataclass(slots=True)
class _Place:
    """A place in the order of arrival; empty once its arrival was left out."""

    lane_key: tuple[str, str]
    arrival: Arrival | None


class _Trouble(NamedTuple):
    """What a source's times were wrong by, at worst, and what is allowed."""

    at: datetime
    facts: int
    worst: timedelta
    allowed: timedelta


class Intake:
    """Takes facts from any number of threads and gives them to one loop in order of arrival. `now` is the store's clock.

    `taken` of the statuses counts what the loop was given. `repeats` and `future` count by stream.
    """

    def __init__(self, policies: Mapping[str, QueuePolicy], now: Callable[[], datetime]) -> None:
        self._policies = policies
        self._now = now
        self._lock = Lock()
        self._arrived = Condition(self._lock)
        self._decided = Condition(self._lock)
        self._deciding = 0
        self._order: deque[_Place] = deque()
        self._empty = 0
        self._lanes: dict[tuple[str, str], _Lane] = {}
        self._lane_count: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()
        self._taken: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._late: Counter[str] = Counter()
        self.repeats: Counter[str] = Counter()
        self.future: Counter[str] = Counter()
        self._late_sources: dict[tuple[str, str], _Trouble] = {}
        self._future_sources: dict[tuple[str, str], _Trouble] = {}
        self.closed = False

    def policy(self, stream: str) -> QueuePolicy:
        return self._policies.get(stream, QueuePolicy())

    def offer(self, fact: Fact, key: object = None) -> Ticket:
        """Hand in a fact; under `block` this waits while its queue is full. `key` tells its repeats, `fact.key` where it is None.

        Once the intake is closed nothing more comes in: the ticket stays undecided. ValueError when the fact's time has no zone.
        """
        if (fact.time or fact.received).tzinfo is None:
            raise ValueError(f"the time of a fact on {fact.stream} has no zone")
        ticket = Ticket(self)
        with self._lock:
            lane_key, lane = self._lane(fact)
            while not self.closed and lane.policy.policy == "block" and len(lane.waiting) >= lane.policy.limit:
                lane.blocked += 1
                lane.space.wait()
                lane.blocked -= 1
                lane_key, lane = self._lane(fact)
            if self.closed or not self._room(lane, fact, ticket):
                return ticket
            arrival = Arrival(fact, fact.key if key is None else key, self._now(), ticket)
            place = _Place(lane_key, arrival)
            lane.waiting.append(place)
            self._order.append(place)
            self._waiting[fact.stream] += 1
            self._arrived.notify()
        return ticket

    def _lane(self, fact: Fact) -> tuple[tuple[str, str], _Lane]:
        """The queue of a fact; once a stream has very many, further ones share one."""
        policy = self.policy(fact.stream)
        value = "" if policy.per is None else str(fact.data.get(policy.per, ""))
        lane_key = (fact.stream, value)
        lane = self._lanes.get(lane_key)
        if lane is None and value and self._lane_count[fact.stream] >= LANES:
            lane_key = (fact.stream, "")
            lane = self._lanes.get(lane_key)
        if lane is None:
            lane = self._lanes[lane_key] = _Lane(policy, Condition(self._lock))
            self._lane_count[fact.stream] += 1
        return lane_key, lane

    def _room(self, lane: _Lane, fact: Fact, ticket: Ticket) -> bool:
        """Make room by the lane's policy; False when the fact itself is left out."""
        policy, waiting = lane.policy, len(lane.waiting)
        if policy.policy == "sample":
            if waiting <= policy.limit / 2:
                lane.flood = 0
            else:
                lane.flood += 1
                if (lane.flood - 1) % policy.one_in:
                    self._leave_out(fact, ticket, policy)
                    return False
        if waiting >= policy.limit:
            place = lane.waiting.popleft()
            assert place.arrival is not None
            oldest, place.arrival = place.arrival, None
            self._waiting[fact.stream] -= 1
            self._empty += 1
            self._leave_out(oldest.fact, oldest.ticket, policy)
            if self._empty > len(self._order) / 2 + LANES:
                self._order = deque(one for one in self._order if one.arrival is not None)
                self._empty = 0
        return True

    def _leave_out(self, fact: Fact, ticket: Ticket, policy: QueuePolicy) -> None:
        self._dropped[fact.stream] += 1
        args = {"stream": fact.stream, "source": fact.source, "policy": policy.policy, "limit": policy.limit}
        self._decide(ticket, False, Finding("SL-INP-07", args))

    def take(self, limit: int, wait_s: float) -> list[Arrival]:
        """Up to `limit` arrivals in order; waits up to `wait_s` for the first. Closed, it gives what is left, then nothing at once."""
        with self._lock:
            self._arrived.wait_for(lambda: self.closed or self._empty < len(self._order), wait_s)
            taken: list[Arrival] = []
            while self._order and len(taken) < limit:
                place = self._order.popleft()
                if place.arrival is None:
                    self._empty -= 1
                    continue
                taken.append(place.arrival)
                self._leave(place)
            return taken

    def _leave(self, place: _Place) -> None:
        """Free a taken arrival's place in its lane; a lane that is empty and awaited by nobody goes."""
        lane = self._lanes[place.lane_key]
        lane.waiting.popleft()
        stream = place.lane_key[0]
        self._waiting[stream] -= 1
        self._taken[stream] += 1
        if lane.blocked:
            lane.space.notify()
        elif not lane.waiting:
            del self._lanes[place.lane_key]
            self._lane_count[stream] -= 1

    def first_at(self) -> datetime | None:
        """When the first of those that wait arrived: what comes due later is not to overtake it. None where nothing waits."""
        with self._lock:
            return next((place.arrival.at for place in self._order if place.arrival is not None), None)

    def admit(self, arrival: Arrival, store: str, limits: Bounds) -> Event | None:
        """The event of an arrival as the log takes it, its id made from what its producer said; None when it is too late, and refused."""
        verdict = judge(arrival.time, arrival.at, limits)
        fact = arrival.fact
        if verdict.what == "late":
            late = arrival.at - arrival.time
            args = {"source": fact.source, "stream": fact.stream, "late": span(late), "limit": span(limits.late)}
            with self._lock:
                self._late[fact.stream] += 1
                self._note(self._late_sources, arrival, late, limits.late)
                self._decide(arrival.ticket, False, Finding("SL-INP-04", args))
            return None
        if verdict.what == "future":
            with self._lock:
                self.future[fact.stream] += 1
                self._note(self._future_sources, arrival, arrival.time - arrival.at, limits.ahead)
        new_id = event_id(arrival.time, fact.source, fact.stream, arrival.key)
        return Event(fact.stream, verdict.time, fact.data, new_id, store, fact.source, arrival.at)

    @staticmethod
    def _note(sources: dict[tuple[str, str], _Trouble], arrival: Arrival, amount: timedelta, allowed: timedelta) -> None:
        """Remember a source's trouble; the one that is quiet longest makes room."""
        key = (arrival.stream, arrival.fact.source)
        before = sources.pop(key, None)
        facts, worst = (before.facts, before.worst) if before else (0, amount)
        sources[key] = _Trouble(arrival.at, facts + 1, max(amount, worst), allowed)
        if len(sources) > TOLD_SOURCES:
            del sources[next(iter(sources))]

    def settle(self, arrivals: Sequence[Arrival], accepted: Iterable[bool]) -> None:
        """Tell the producers that these are stored; `accepted` is the log's answer, False for a repeat."""
        with self._lock:
            for arrival, new in zip(arrivals, accepted, strict=True):
                self.repeats[arrival.stream] += not new
                arrival.ticket.outcome = True
            if self._deciding:
                self._decided.notify_all()

    def refuse(self, arrival: Arrival, reason: Finding) -> None:
        """Tell the producer that the fact cannot be taken, and why."""
        with self._lock:
            self._refused[arrival.stream] += 1
            self._decide(arrival.ticket, False, reason)

    def close(self) -> None:
        """Let everybody go: no more comes in, who waits for room or for a ticket goes on. What waits can still be taken."""
        with self._lock:
            self.closed = True
            for lane in self._lanes.values():
                lane.space.notify_all()
            self._arrived.notify_all()
            self._decided.notify_all()

    def statuses(self) -> tuple[QueueStatus, ...]:
        """The counts of every stream that something came in on."""
        with self._lock:
            seen = sorted({*self._waiting, *self._dropped, *self._taken})
            return tuple(self._status(stream) for stream in seen)

    def _status(self, stream: str) -> QueueStatus:
        policy = self.policy(stream)
        counts = (self._waiting, self._taken, self._dropped, self._refused, self._late)
        return QueueStatus(stream, policy.policy, policy.limit, *(count[stream] for count in counts))

    def troubles(self) -> tuple[Finding, ...]:
        """Sources that sent too late or from the future within the last hour."""
        with self._lock:
            since = self._now() - TOLD
            found = []
            for (stream, source), trouble in self._late_sources.items():
                if trouble.at >= since:
                    limit = span(trouble.allowed)
                    found.append(Finding("SL-INP-04", {"source": source, "stream": stream, "late": span(trouble.worst), "limit": limit}))
            for (stream, source), trouble in self._future_sources.items():
                if trouble.at >= since:
                    ahead = span(trouble.worst)
                    found.append(Finding("SL-INP-05", {"source": source, "stream": stream, "count": trouble.facts, "ahead": ahead}))
            return tuple(found)

    def _decide(self, ticket: Ticket, outcome: bool, reason: Finding) -> None:
        ticket.outcome, ticket.reason = outcome, reason
        if self._deciding:
            self._decided.notify_all()

    def _wait(self, ticket: Ticket, timeout_s: float | None) -> bool | None:
        with self._lock:
            self._deciding += 1
            self._decided.wait_for(lambda: ticket.outcome is not None or self.closed, timeout_s)
            self._deciding -= 1
            return ticket.outcome


def fact_key(fact: Fact, number: int) -> str | int:
    """What tells a fact from others of its source, stream and time: its own key, else its sequence or receipt, else its running number.

    A receipt alone names a `pos.sale`; several of its other facts may share an instant, and their running number tells them apart.
    """
    if fact.key is not None:
        return fact.key
    receipt, seq = fact.data.get("receipt"), fact.data.get("seq")
    if receipt is None:
        return number if seq is None else seq
    if seq is not None:
        return f"{receipt}|{seq}"
    return str(receipt) if fact.stream == "pos.sale" else f"{receipt}|{number}"


class Feeder:
    """Hands an adapter's facts in from a thread of its own. One that raises starts again, after 1 s at first and up to 60 s later.

    The waits are spread by chance, drawn from `seed` and the device, so that a store's drivers do not all come back at once.
    """

    def __init__(self, adapter: Adapter, intake: Intake, *, first_s: float = 1.0, longest_s: float = 60.0, seed: int = 0) -> None:
        self.adapter = adapter
        self.ended = False
        self.failures = 0
        self._intake = intake
        self._first_s, self._longest_s = first_s, longest_s
        self._chance = random.Random(f"{seed}|{adapter.device}")
        self._trouble: Finding | None = None
        self._stopping = Flag()
        self._thread = Thread(target=self._run, name=f"feeder-{adapter.device}", daemon=True)

    def start(self) -> None:
        """Begin to hand in facts."""
        self._thread.start()

    def stop(self, wait_s: float) -> bool:
        """Close the adapter and wait for its thread; False when it still hangs in its driver after `wait_s`."""
        self._stopping.set()
        try:
            self.adapter.close()
        except Exception:  # a driver's fault must not keep the store from stopping
            logging.getLogger(f"storeloom.adapter.{self.adapter.device}").exception("the driver failed when it was closed")
        if self._thread.is_alive():
            self._thread.join(wait_s)
        return not self._thread.is_alive()

    def troubles(self) -> tuple[Finding, ...]:
        """Why the adapter last failed, until a fact has come from it again."""
        return () if self._trouble is None else (self._trouble,)

    def _run(self) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self._hand_in()
                self.ended = True
                return
            except BaseException as error:  # whatever a vendor's driver raises, SystemExit too
                if self._stopping.is_set():
                    return
                lasted = time.monotonic() - began
                self.failures = 1 if lasted > self._longest_s else self.failures + 1
                wait_s = min(self._longest_s, self._first_s * 2 ** min(self.failures - 1, 30) * self._chance.uniform(1.0, 1.5))
                self._tell(error, wait_s)
            self._stopping.wait(wait_s)

    def _hand_in(self) -> None:
        facts, number, ticket = self.adapter.facts(), 0, None
        while True:
            try:
                fact = next_fact(facts, ticket)
            except StopIteration:
                return
            ticket = self._intake.offer(fact, fact_key(fact, number))
            self._trouble, number = None, number + 1
            if self._stopping.is_set() or self._intake.closed:
                return

    def _tell(self, error: BaseException, wait_s: float) -> None:
        reason: Any = f"{type(error).__name__}: {error}".rstrip(": .")
        if isinstance(error, StoreloomError):
            reason = {lang: error.findings[0].text(lang).rstrip(".。") for lang in ("en", "zh")}
        args = {"device": self.adapter.device, "failures": self.failures, "reason": reason, "wait": span(timedelta(seconds=wait_s))}
        self._trouble = Finding("SL-INP-06", args)
