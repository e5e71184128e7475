"""The engine of one store: takes facts in, runs the solutions in order of time, keeps everything in the store log.

Each fact is appended once (its id tells a repeat). A fact, all that it brings about, and the alarms due before the next fact are worked
off in one fixed order: alarms and schedules due before a fact's arrival come first, then the fact, then what its handlers put out,
breadth first. So the same facts give the same outcome on a virtual and on a wall clock, and after a restart. Alarms due at the very
instant of a fact come after it: "within 120 s" includes the 120th.

An instance in a process of its own works beside the others; the engine waits for it up to `patience`. One that takes longer, and one
whose circuit was open, is *behind*: it takes its records from the log at its own pace, and the others do not wait.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from storeloom.core.kernel.errors import Finding, HostFault, LogFault
from storeloom.core.kernel.events import Event, Fact, event_id, plain
from storeloom.core.kernel.plan import InstancePlan, Plan
from storeloom.core.kernel.registry import Registry
from storeloom.core.runtime.arbiter import Arbiter
from storeloom.core.runtime.beat import Beat
from storeloom.core.runtime.context import StoreView
from storeloom.core.runtime.crew import Crew, Lag, Member
from storeloom.core.runtime.failure import Failure, finding_of
from storeloom.core.runtime.inputs import Inputs
from storeloom.core.runtime.log import StoreLog, instant, micros
from storeloom.core.runtime.making import Hosts, Making
from storeloom.core.runtime.outputs import Reach, check_output
from storeloom.core.runtime.profiles import ProfileSwitch
from storeloom.core.runtime.publisher import UNLOGGED, Publisher, Queue
from storeloom.core.runtime.records import during
from storeloom.core.runtime.runner import Call, Runner
from storeloom.core.runtime.status import FigureStatus, InstanceStatus
from storeloom.core.runtime.supervisor import Supervisor
from storeloom.core.runtime.tables import TableSet

MAX_HOPS = 16
PAGE = 256
KEPT_FAILURES = 10_000


class Engine:
    """Runs a plan. `commit_every` facts share a transaction (1 in a live store); `strict` reads state back from JSON at every step;
    `lenient` takes facts that lack required fields (see `Inputs`); `secrets` are by name; `patience` is how long
    (seconds) it waits for an instance in its own process (`hosts` makes these), None: until it answers or is killed; `data` is the folder
    of a live store, where its engines keep what they learn (None: in memory)."""

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
        patience: float | None = None,
        hosts: Hosts | None = None,
        beat: Beat | None = None,
        data: Path | None = None,
    ) -> None:
        self.plan = plan
        self.registry = registry
        self.log = log
        self.store = StoreView(plan.store)
        self.tables = TableSet(tables, self.store.hours)
        self.now = start
        self.failures: deque[Failure] = deque(maxlen=KEPT_FAILURES)
        self.supervisor = Supervisor()
        self.crew = Crew()
        self.patience = patience
        self.level = log.level()
        self.inputs = Inputs(lenient=lenient)
        self._beat = beat
        self._making = Making(self.store, self.tables, lambda: self.now, strict=strict, secrets=secrets, hosts=hosts, data=data)
        self.workers = self._making.workers
        self._commit_every = commit_every
        self._uncommitted = 0
        self._saved_level = self.level
        self._recent_frames: deque[str] = deque(maxlen=256)
        self._queue: Queue = deque()
        self._profiles = ProfileSwitch(plan, self.store.hours)
        self._arbiter = Arbiter(plan, log, registry.catalogue.adapter_kinds)
        self._publisher = Publisher(log, self.store, self._arbiter, self._queue, on_output)
        self.overruled = self._publisher.overruled
        self._reach = Reach(plan.store, registry.catalogue.adapter_kinds)
        self.on_failure: Callable[[Member, Finding], bool] | None = None
        self._resume()

    @property
    def instances(self) -> dict[str, Runner]:
        """The running instances by name."""
        return {member.name: member.runner for member in self.crew}

    def handled(self, name: str) -> int:
        """How many events an instance has handled since the engine started."""
        return self.crew.members[name].meter.handled

    # --- who runs ---

    def spare(self, item: InstancePlan, registry: Registry, order: int) -> Member:
        """An instance that is made but does not run yet."""
        return self._making.member(item, registry, order, self.log)

    def enlist(self, member: Member) -> Member:
        """Take in an instance where the log says that it stood; one that is new stands at the log's end and is yet to be started."""
        offset = member.stored[0] if member.stored is not None else member.begins
        if offset is None and self.patience is not None and not member.runner.awake:
            offset = self.level  # its process starts; the others do not wait for that
        self.crew.join(member, offset)
        return member

    def recruit(self, item: InstancePlan, registry: Registry, order: int) -> Member:
        """Take in an instance while the store runs, and start it if it is new."""
        self.begin()
        member = self.enlist(self.spare(item, registry, order))
        if member.fresh:
            self._run(member, Call("start", micros(self.now)))
            self._drain()
        self.flush()
        return member

    def dismiss(self, name: str) -> int:
        """Let an instance go; the log keeps what it knew. Returns the sequence that it had done with."""
        self.begin()
        self.flush()
        member = self.crew.leave(name)
        member.runner.close()
        return self.level if member.lag is None else member.lag.offset

    def _resume(self) -> None:
        """Go on where the log says that each instance stood; start those that are new."""
        with self.log.transaction():
            for order, item in enumerate(self.plan.instances):
                self.enlist(self.spare(item, self.registry, order))
            self.now = max([self.now, *(instant(member.runner.clock_micros) for member in self.crew if member.stored)])
            for member in [one for one in self.crew if one.fresh]:
                self._run(member, Call("start", micros(self.now)))
            for record in list(self.log.read(self.level)):
                arrival = record.event.received or record.event.time
                self._advance(arrival, inclusive=False)
                self.now = max(self.now, arrival)
                self._queue.append((record.seq, record.event, record.hops))
                self._drain()
            self._drain()
            self._save()

    # --- what comes in ---

    def feed(self, fact: Fact, key: object) -> Event | None:
        """Take in a fact: time moves to its arrival, then it is appended and handled. None when it is a repeat.

        `key` is the producer's own sequence for the fact; with source and time it makes the event's id.
        InputFault when the data does not fit the stream's schema.
        """
        return self.feed_event(self.as_event(fact, key))

    def as_event(self, fact: Fact, key: object) -> Event:
        """A fact in its envelope."""
        moment = fact.time or fact.received
        new_id = event_id(moment, fact.source, fact.stream, key)
        return Event(fact.stream, moment, fact.data, new_id, self.store.id, fact.source, fact.received)

    def feed_event(self, event: Event) -> Event | None:
        """Take in an event that has its envelope already. InputFault when it does not fit its stream's schema."""
        self.inputs.check(event)
        return self.take_in(event)

    def take_in(self, event: Event, inbox: int | None = None) -> Event | None:
        """Take in an event that was checked; `inbox` is its number there, if it was accepted before."""
        arrival = max(self.now, event.received or event.time)
        event = Event(event.stream, event.time, event.data, event.id, event.store, event.source, arrival)
        self.begin()
        if inbox is not None:
            self.log.taken(inbox)
        self._advance(arrival, inclusive=False)
        self.now = arrival
        self._tend()
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

    def advance(self, to: datetime, *, inclusive: bool = True) -> None:
        """Let time pass: schedules and alarms before `to` fire, those at `to` as well when `inclusive`."""
        self.begin()
        self._advance(to, inclusive=inclusive)
        self.now = max(self.now, to)
        self._tend()
        if inclusive:
            self.flush()

    def replace_table(self, name: str, rows: Iterable[Mapping[str, Any]], at: datetime) -> None:
        """Replace a reference table while the store runs."""
        self.begin()
        self._advance(at, inclusive=False)
        self.now = max(self.now, at)
        self.tables.replace(name, rows)
        for member in list(self.crew):
            if name in member.runner.declared.reads:
                member.runner.replace_table(name, self.tables.all(name))
            call = Call("table", micros(self.now), name=name)
            if member.lag is None:
                self._run(member, call)
            elif name not in (waiting.name for waiting in member.lag.first):
                member.lag.first.append(call)
        self._drain()
        self._commit_when_due()

    # --- time ---

    def _advance(self, to: datetime, *, inclusive: bool) -> None:
        limit = micros(to) + (1 if inclusive else 0)
        while self._step(limit):
            pass

    def step(self, before: datetime) -> bool:
        """Run the next thing that comes due before a time; False when nothing does. For a caller that answers commands as they come."""
        self.begin()
        return self._step(micros(before))

    def _step(self, limit: int) -> bool:
        first = self.crew.first_due()
        switch = self._profiles.next_change(self.now)
        rested = self.supervisor.next_end()
        if rested is not None and micros(rested) < limit and (first is None or micros(rested) <= first[0]):
            self.now = max(self.now, rested)
            self._tend()
            return True
        if switch is not None and micros(switch) < limit and (first is None or micros(switch) <= first[0]):
            self._switch_profiles(switch)
            return True
        if first is None or first[0] >= limit:
            return False
        at, name, key, member = first
        self.now = max(self.now, instant(at))
        self._run(member, Call("due", micros(self.now), member.runner.due_cause(name, key), at=at, name=name, key=key))
        self._drain()
        return True

    def _switch_profiles(self, at: datetime) -> None:
        self.now = max(self.now, at)
        for name, config in self._profiles.configs(at).items():
            self.crew.members[name].runner.configure(config)

    # --- running ---

    def _drain(self) -> None:
        """Give what waits, in the log's order, to whom it concerns. Those in their own processes work at the same time."""
        while self._queue:
            seq, event, hops = self._queue.popleft()
            if self._profiles.sees(event):
                self._switch_profiles(event.received or event.time)
            calls: list[tuple[Member, Call, float]] = []
            for member in self.crew.concerned(event.stream):
                call = Call("event", micros(self.now), seq or 0, event)
                if member.lag is not None:
                    idle = not self.supervisor.paused(member.name, self.now) and seq is None and member.runner.takes(event)
                    member.frames_missed += seq is None and not (idle and member.at_leisure(call, hops, self.level))
                    continue
                if not member.runner.takes(event):
                    continue
                if hops >= MAX_HOPS:
                    args = {"instance": member.name, "stream": event.stream, "limit": MAX_HOPS}
                    self._fail(member, call, Finding("SL-RUN-06", args))
                    continue
                member.runner.begin(call)
                calls.append((member, call, time.perf_counter()))
            for member, call, began in calls:
                self._await(member, call, hops, began)
            self.level = seq or self.level

    def _run(self, member: Member, call: Call) -> None:
        """Give one call to a member that is level."""
        member.runner.begin(call)
        self._await(member, call, -1, time.perf_counter())

    def _await(self, member: Member, call: Call, hops: int, began: float) -> None:
        """Wait for a call as long as patience since it `began` lasts; after that the member is behind."""
        if member.runner.ready(None if self.patience is None else max(0.0, self.patience - (time.perf_counter() - began))):
            self._conclude(member, call, hops, began)
            return
        lag = self.crew.fall_behind(member, self._before(call))
        lag.call, lag.hops, lag.began = call, hops, began

    def _before(self, call: Call) -> int:
        """The log sequence that a member had done with before a call."""
        return call.cause - 1 if call.kind == "event" and call.cause else self.level

    def _conclude(self, member: Member, call: Call, hops: int, began: float) -> bool:
        """Take a call's outcome: its changes and outputs count together, or neither does. False when it is to be given once more."""
        shared = member.isolation == "shared"
        began = time.perf_counter() if shared else began
        if self._beat is not None and shared:
            self._beat.enter(member.name, call.ref, member.runner.declared.load)
        try:
            with during(member.name, call.ref, call.label, call.cause):
                answers = member.runner.end()
            for _, outs in answers:
                for item in outs:
                    check_output(member.runner.declared, member.name, item)
                    self._reach.check(member.item, item)
            member.runner.keep()
        except (LogFault, KeyboardInterrupt):
            raise
        except BaseException as error:  # one solution's failure, SystemExit included, is none of its neighbours
            return self._failed(member, call, error)
        finally:
            member.meter.took(time.perf_counter() - began)
            if self._beat is not None:
                self._beat.leave()
        member.meter.handled += call.kind == "event"
        member.fresh = False
        self.supervisor.succeeded(member.name)
        made = instant(call.now) if member.lag is not None and member.lag.replay else self.now
        member.meter.outputs += self._publisher.publish(member.name, call, answers, hops + 1, self.now, made)
        self.crew.settle(member)
        return True

    def _failed(self, member: Member, call: Call, error: BaseException) -> bool:
        member.runner.undo()
        if isinstance(error, HostFault) and (error.starting or member.retried != call.ref):
            member.retried = call.ref
            lag = self.crew.fall_behind(member, self._before(call))
            lag.page.clear()
            if call.kind in ("start", "table"):
                lag.first.appendleft(call)
            self._fail(member, call, error.findings[0])
            return False
        member.runner.skip(call)
        member.fresh = False
        self._fail(member, call, finding_of(member, call, error))
        return True

    def _fail(self, member: Member, call: Call, finding: Finding) -> None:
        member.meter.failures += 1
        self.failures.append(Failure(member.name, self.now, call.ref, finding))
        self.log.save_failure(member.name, micros(self.now), call.ref, call.label, finding.text())
        if self.on_failure is not None and self.on_failure(member, finding):
            return
        self.supervisor.failed(member.name, self.now, finding)
        if self.supervisor.paused(member.name, self.now):
            self.crew.fall_behind(member, call.cause if call.kind == "event" and call.cause else self.level)
        self.crew.settle(member)

    def quiet(self, name: str) -> bool:
        """Whether an instance has nothing under way, and all is committed; it begins nothing more until then."""
        lag = self.crew.members[name].lag
        if lag is not None and lag.call is not None:
            lag.hold = True
            return False
        self.begin()
        self.flush()
        return True

    # --- those that go at their own pace ---

    def _tend(self) -> None:
        """Give those behind what they can take now: all of it in a virtual run, a page each in a live store."""
        self.supervisor.resumed(self.now)
        for member in list(self.crew.behind.values()):
            steps = 0
            while self._pump(member) and (self.patience is None or steps < PAGE):
                self._drain()
                steps += 1
            self.crew.settle(member)
        if self._queue:
            self._drain()

    def _pump(self, member: Member) -> bool:
        """One step of a member that is behind; False when it rests, still works, or is level again."""
        lag = member.lag
        if lag is None or self.crew.behind.get(member.name) is not member or self.supervisor.paused(member.name, self.now):
            return False
        if lag.call is None:
            if lag.hold or (self.patience is not None and not member.runner.awake):
                return False
            lag.call = self._next_call(member, lag)
            if lag.call is None:
                if self.patience is None or member.isolation == "shared" or member.meter.usual_s < self.patience / 2:
                    self.crew.catch_up(member)
                return False
            lag.began = time.perf_counter()
            member.runner.begin(lag.call)
        if not member.runner.ready(None if self.patience is None else 0.0):
            return False
        call, lag.call = lag.call, None
        done = self._conclude(member, call, lag.hops, lag.began)
        if done and call.kind == "event":
            lag.offset = max(lag.offset, call.cause)
        return True

    def _next_call(self, member: Member, lag: Lag) -> Call | None:
        """What a member behind does next: what came due before the next record's arrival, else that record; None at the log's end."""
        if lag.first:
            return lag.first.popleft()
        while True:
            if not lag.page and lag.offset < self.level:
                lag.page.extend(self.log.read_of(member.streams, lag.offset, PAGE))
                lag.offset = lag.offset if lag.page else self.level
            record = lag.page[0] if lag.page else None
            arrival = micros(record.event.received or record.event.time) if record else micros(self.now) + 1
            due = member.runner.due()
            if due is not None and due[0] < arrival:
                at, name, key = due
                now = at if lag.replay else micros(self.now)
                return Call("due", now, member.runner.due_cause(name, key), at=at, name=name, key=key)
            if record is None:
                return None
            lag.page.popleft()
            if record.hops < MAX_HOPS and member.runner.takes(record.event):
                lag.hops = record.hops
                return Call("event", arrival if lag.replay else micros(self.now), record.seq, record.event)
            lag.offset = record.seq

    # --- what is kept ---

    def begin(self) -> None:
        """Open the transaction of what comes next, if there is none yet."""
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
        self.crew.save(self.log)
        self._arbiter.save(self.log)
        if self.level != self._saved_level:
            self.log.save_level(self.level)
            self._saved_level = self.level

    def figures(self) -> dict[str, dict[str, float | None]]:
        """The figures of every instance over all its days."""
        return {member.name: member.runner.figures.values() for member in self.crew}

    def day_figures(self) -> tuple[FigureStatus, ...]:
        """The figures of every instance for the store's present day and the one before."""
        hours, today = self.store.hours, self.store.hours.store_day(self.now)
        found = []
        for member in self.crew:
            declared = member.runner.declared
            for day in (today - timedelta(days=1), today):
                begins = plain(hours.midnight(day))
                for name, (value, weight, how) in sorted(member.runner.figures.weighed(day.isoformat()).items()):
                    unit = declared.kpis[name].unit
                    found.append(FigureStatus(member.name, declared.solution, name, unit, begins, value, weight, how))
        return tuple(found)

    def statuses(self) -> tuple[InstanceStatus, ...]:
        """What each instance does, in words and figures."""
        lang = self.store.language[:2]
        return tuple(self.crew.statuses(self.log.last, self.level, self.supervisor.why(lang), lang))

    def close(self) -> None:
        """Commit and let go."""
        self.flush()
        for member in self.crew:
            member.runner.close()
        self.workers.close()
