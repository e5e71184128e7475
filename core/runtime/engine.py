"""The engine of one store: takes facts in, runs the solutions in order of time, keeps everything in the store log.

Each fact is appended once (its id tells a repeat). A fact, all that it brings about, and the alarms due before the next fact are worked
off in one fixed order: alarms and schedules due before a fact's arrival come first, then the fact, then what its handlers put out,
breadth first. So the same facts give the same outcome on a virtual and on a wall clock, and after a restart. Alarms due at the very
instant of a fact come after it: "within 120 s" includes the 120th.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from storeloom.core.kernel import schemas
from storeloom.core.kernel.errors import ContractFault, Finding, InputFault
from storeloom.core.kernel.events import Event, Fact, Out, event_id
from storeloom.core.kernel.plan import Plan
from storeloom.core.kernel.registry import Registry
from storeloom.core.runtime.arbiter import Arbiter
from storeloom.core.runtime.instance import Answers, Instance, StoreView, Workers
from storeloom.core.runtime.log import StoreLog, instant, micros
from storeloom.core.runtime.profiles import ProfileSwitch
from storeloom.core.runtime.supervisor import Supervisor
from storeloom.core.runtime.tables import TableSet

MAX_HOPS = 16
PAGE = 256
UNLOGGED = frozenset({"camera.frame"})
ARBITER = "arbiter"
KINDED = frozenset({"alert.raise", "task.create"})


@dataclass(frozen=True, slots=True)
class Failure:
    """A handler that raised: who, on what, when, and the finding."""

    instance: str
    at: datetime
    event: str
    finding: Finding


class Engine:
    """Runs a plan. `commit_every` facts share a transaction (1 in a live store); `strict` reads state back from JSON at every step;
    `lenient` takes facts that lack required fields and notes their ids in `incomplete`; `secrets` are by name."""

    def __init__(
        self,
        plan: Plan,
        registry: Registry,
        log: StoreLog,
        tables: Mapping[str, Iterable[Mapping[str, Any]]],
        start: datetime,
        *,
        commit_every: int = 1,
        strict: bool = False,
        on_output: Callable[[Event], None] | None = None,
        lenient: bool = False,
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        self.plan = plan
        self.log = log
        self.store = StoreView(plan.store)
        self.tables = TableSet(tables, self.store.hours)
        self.now = start
        self.failures: list[Failure] = []
        self.incomplete: set[str] = set()
        self._lenient = lenient
        self._recent_frames: deque[str] = deque(maxlen=256)
        self.supervisor = Supervisor()
        self._on_output = on_output
        self._commit_every = commit_every
        self._uncommitted = 0
        self._queue: deque[tuple[int | None, Event, int]] = deque()
        workers = Workers()
        self.instances: dict[str, Instance] = {}
        for item in plan.instances:
            cls = registry.load(item.solution).cls
            self.instances[item.name] = Instance(item, cls, log, self.store, self.tables, workers, start, strict=strict, secrets=secrets)
        self._by_stream: dict[str, list[Instance]] = {}
        for one in self.instances.values():
            for stream in one.streams:
                self._by_stream.setdefault(stream, []).append(one)
        self._profiles = ProfileSwitch(plan, self.store.hours)
        self._commands = schemas.streams()
        self._arbiter = Arbiter(plan, log)
        self.overruled: set[str] = set()
        self._resume()

    def _resume(self) -> None:
        """Go on where the log says that each instance stood; start those that are new."""
        with self.log.transaction():
            self.now = max([self.now, *(one.clock.now for one in self.instances.values())])
            for one in self.instances.values():
                if one.fresh:
                    self._run(one, "start", "start", one.start)
            pending = min((one.offset for one in self.instances.values()), default=self.log.last)
            for record in list(self.log.read(pending)):
                arrival = record.event.received or record.event.time
                self._advance(arrival, inclusive=False)
                self.now = max(self.now, arrival)
                self._queue.append((record.seq, record.event, record.hops))
                self._drain()
            self._drain()
            self._save()

    def feed(self, fact: Fact, key: object) -> Event | None:
        """Take in a fact: time moves to its arrival, then it is appended and handled. None when it is a repeat.

        `key` is the producer's own sequence for the fact; with source and time it makes the event's id.
        InputFault when the data does not fit the stream's schema.
        """
        time = fact.time or fact.received
        new_id = event_id(time, fact.source, fact.stream, key)
        return self.feed_event(Event(fact.stream, time, fact.data, new_id, self.store.id, fact.source, fact.received))

    def feed_event(self, event: Event) -> Event | None:
        """Take in an event that has its envelope already."""
        self._check_input(event)
        arrival = max(self.now, event.received or event.time)
        event = replace(event, received=arrival)
        self._begin()
        self._advance(arrival, inclusive=False)
        self.now = arrival
        self._catch_up()
        if self._profiles.stale(arrival):
            self._switch_profiles(arrival)
        if event.stream in UNLOGGED:
            if event.id in self._recent_frames:
                return None
            self._recent_frames.append(event.id)
            self._queue.append((None, event, 0))
        else:
            seq = self.log.append(event)
            if seq is None:
                self._commit_when_due()
                return None
            self._queue.append((seq, event, 0))
        self._drain()
        self._commit_when_due()
        return event

    def _check_input(self, event: Event) -> None:
        known = event.stream in self._commands
        path = schemas.stream_file(event.stream)
        data = {**event.data, "pixels": {}} if "pixels" in event.data else event.data  # a picture stays in the process, as it is
        reason = schemas.first_error(path, data) if known else "there is no such stream"
        if reason is None:
            return
        if known and self._lenient and schemas.only_incomplete(path, event.data):
            self.incomplete.add(event.id)
            return
        args = {"stream": event.stream, "reason": reason, "source": event.source}
        raise InputFault(Finding("SL-INP-02", args))

    def advance(self, to: datetime, *, inclusive: bool = True) -> None:
        """Let time pass: schedules and alarms before `to` fire, those at `to` as well when `inclusive`."""
        self._begin()
        self._advance(to, inclusive=inclusive)
        self.now = max(self.now, to)
        if inclusive:
            self.flush()

    def replace_table(self, name: str, rows: Iterable[Mapping[str, Any]], at: datetime) -> None:
        """Replace a reference table while the store runs."""
        self._begin()
        self._advance(at, inclusive=False)
        self.now = max(self.now, at)
        self.tables.replace(name, rows)
        for one in self.instances.values():
            self._run(one, f"table:{name}", f"table {name}", partial(one.table_changed, name, self.now))
        self._drain()
        self._commit_when_due()

    def figures(self) -> dict[str, dict[str, float | None]]:
        """The figures of every instance over all its days."""
        return {name: one.figures.values() for name, one in self.instances.items()}

    def _advance(self, to: datetime, *, inclusive: bool) -> None:
        limit = micros(to) + (1 if inclusive else 0)
        while self._step(limit):
            pass

    def step(self, before: datetime) -> bool:
        """Run the next thing that comes due before a time; False when nothing does. For a caller that answers commands as they come."""
        self._begin()
        return self._step(micros(before))

    def _step(self, limit: int) -> bool:
        earliest: tuple[tuple[int, str, str], Instance] | None = None
        for one in self.instances.values():
            due = self._due(one)
            if due is not None and (earliest is None or due[0] < earliest[0][0]):
                earliest = due, one
        switch = self._profiles.next_change(self.now)
        rested = self.supervisor.next_end()
        if rested is not None and micros(rested) < limit and (earliest is None or micros(rested) <= earliest[0][0]):
            self.now = max(self.now, rested)
            self._catch_up()
            return True
        if switch is not None and micros(switch) < limit and (earliest is None or micros(switch) <= earliest[0][0]):
            self._switch_profiles(switch)
            return True
        if earliest is None or earliest[0][0] >= limit:
            return False
        (at, name, key), one = earliest
        self.now = max(self.now, instant(at))
        self._run(one, f"{name}|{key}|{at}", f"{name} {key}".strip(), partial(one.fire, at, name, key))
        self._drain()
        return True

    def _due(self, one: Instance) -> tuple[int, str, str] | None:
        if self.supervisor.paused(one.name, self.now):
            return None
        return one.due()

    def _switch_profiles(self, at: datetime) -> None:
        self.now = max(self.now, at)
        for name, config in self._profiles.configs(at).items():
            one = self.instances[name]
            one.configure(one.cls.Config(**config))

    def _drain(self) -> None:
        while self._queue:
            seq, event, hops = self._queue.popleft()
            if self._profiles.sees(event):
                self._switch_profiles(event.received or event.time)
            for one in self._by_stream.get(event.stream, ()):
                if (seq is not None and seq <= one.offset) or not one.takes(event):
                    continue
                if self.supervisor.paused(one.name, self.now):
                    continue
                if hops >= MAX_HOPS:
                    args = {"instance": one.name, "stream": event.stream, "limit": MAX_HOPS}
                    self._fail(one, event.id, Finding("SL-RUN-06", args))
                    continue
                self._run(one, event.id, event.stream, partial(one.handle, event), hops)
                one.offset = max(one.offset, seq or 0)
            for one in self.instances.values():
                if seq is not None and not self.supervisor.paused(one.name, self.now):
                    one.offset = max(one.offset, seq)

    def _catch_up(self) -> None:
        """An instance whose pause is over takes what it missed, in order."""
        for name in self.supervisor.resumed(self.now):
            one = self.instances[name]
            while not self.supervisor.paused(name, self.now) and (page := list(self.log.read(one.offset, PAGE))):
                for record in page:
                    self._overdue(one, record.event.received or record.event.time)
                    if one.takes(record.event):
                        self._run(one, record.event.id, record.event.stream, partial(one.handle, record.event), record.hops)
                    one.offset = record.seq
                    if self.supervisor.paused(name, self.now):
                        break
        if self._queue:
            self._drain()

    def _overdue(self, one: Instance, before: datetime) -> None:
        """What came due for an instance while it rested, up to the arrival of the event it takes next."""
        while (due := self._due(one)) and due[0] < micros(before):
            at, name, key = due
            self._run(one, f"{name}|{key}|{at}", f"{name} {key}".strip(), partial(one.fire, at, name, key))

    def _run(self, one: Instance, cause: str, what: str, call: Callable[[], Answers], hops: int = -1) -> None:
        """Run a handler: its changes and outputs count together, or neither does."""
        try:
            one.clock.now = max(one.clock.now, self.now)
            answers = call()
            for _, outs in answers:
                for item in outs:
                    self._allow(one, item)
            one.keep()
        except Exception as error:  # a solution's fault must not reach its neighbours
            one.undo()
            self._fail(one, cause, _finding(one, what, error))
            return
        self.supervisor.succeeded(one.name)
        number = 0
        for handler, outs in answers:
            for item in outs:
                self._publish(one, item, f"{cause}|{handler}", number, hops + 1)
                number += 1

    def _fail(self, one: Instance, event: str, finding: Finding) -> None:
        failure = Failure(one.name, self.now, event, finding)
        self.failures.append(failure)
        self.log.save_failure(one.name, micros(self.now), event, str(finding.args.get("handler", "")), finding.text())
        self.supervisor.failed(one.name, self.now, finding.text())

    def _allow(self, one: Instance, item: Out) -> None:
        """Refuse what the solution does not declare and what does not fit the stream."""
        if item.stream not in one.cls.produces:
            args = {"instance": one.name, "stream": item.stream, "known": list(one.cls.produces)}
            raise ContractFault(Finding("SL-RUN-01", args))
        reason = schemas.first_error(schemas.stream_file(item.stream), item.data)
        if reason:
            raise ContractFault(Finding("SL-RUN-02", {"instance": one.name, "stream": item.stream, "reason": reason}))
        if item.stream in KINDED and item.data["kind"] not in one.cls.kinds:
            args = {"instance": one.name, "stream": item.stream, "kind": item.data["kind"], "known": list(one.cls.kinds)}
            raise ContractFault(Finding("SL-RUN-07", args))

    def _publish(self, one: Instance, item: Out, cause: str, number: int, hops: int) -> None:
        new_id = event_id(self.now, one.name, cause, number)
        event = Event(item.stream, self.now, item.data, new_id, self.store.id, one.name, self.now)
        if item.stream not in UNLOGGED:
            seq = self.log.append(event, hops)
            if seq is None:
                return
            if self._commands[item.stream]:
                self._command(event, seq)
            self._queue.append((seq, event, hops))
        if self._on_output is not None:
            self._on_output(event)

    def _command(self, event: Event, seq: int) -> None:
        """Put a command into the outbox, unless a stronger one holds its target; then the loser is named by an alert."""
        self.log.push(event.id, seq, event.source, event.stream, micros(self.now))
        winner = self._arbiter.loses_to(event)
        if winner is None:
            return
        self.overruled.add(event.id)
        self.log.settle(event.id, "overruled", 0, micros(self.now), f"held by {winner}")
        zh = self.store.language.startswith("zh")
        text = (
            f"{winner} 优先，{event.source} 的 {event.stream} 未下发"
            if zh
            else f"{winner} holds it: {event.stream} of {event.source} was not sent"
        )
        alert = f"overruled-{event.source}-{event.stream}"
        data: dict[str, Any] = {"alert": alert, "kind": "overruled", "severity": "info", "state": "open"}
        data |= {"subject": event.source, "text": text, "ref": event.ref}
        note = Event("alert.raise", self.now, data, event_id(self.now, ARBITER, event.id), self.store.id, ARBITER, self.now)
        number = self.log.append(note)
        if number is not None:
            self._queue.append((number, note, 0))

    def _begin(self) -> None:
        if self._uncommitted == 0:
            self.log.begin()
            self._uncommitted = 1

    def _commit_when_due(self) -> None:
        self._uncommitted += 1
        if self._uncommitted > self._commit_every:
            self.flush()

    def flush(self) -> None:
        """Commit what has been done so far; after it, nothing of it can be lost."""
        if self._uncommitted:
            self._save()
            self._uncommitted = 0
            self.log.commit()

    def _save(self) -> None:
        for one in self.instances.values():
            one.save(self.log)
        self._arbiter.save(self.log)

    def close(self) -> None:
        """Commit and let go."""
        self.flush()


def _finding(one: Instance, what: str, error: Exception) -> Finding:
    """Why a handler failed: the contract's own finding, or the exception with its place in the plugin."""
    if isinstance(error, ContractFault):
        return error.findings[0]
    frame, place = error.__traceback__, ""
    while frame is not None:
        if frame.tb_frame.f_globals.get("__name__") == one.cls.__module__:
            place = f" (line {frame.tb_lineno})"
        frame = frame.tb_next
    args = {"instance": one.name, "handler": what, "reason": f"{type(error).__name__}: {error}{place}"}
    return Finding("SL-RUN-05", args)


def utc_now() -> datetime:
    """The wall clock, for the live store's engine loop alone."""
    return datetime.now(UTC)
