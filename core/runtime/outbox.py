"""The outbox: commands on their way to devices, in order, tried again with back-off, dead after the last try.

A command is in the store log from the moment that its solution put it out; it is settled only when the device's driver has taken it, so
a kill in between sends it once more. The command's id travels with it (`cmd`): a device that has seen it does nothing twice. What a device
answered is kept with the command until the caller has it in the log, so that a kill in between neither loses nor doubles it.

Which devices it goes to says `routing`; one that goes to none is dead at once (`unrouted`).

To one device and target (the first required field of the stream's schema) commands go in the order of the log; while one is tried again
those behind it wait, other targets go on. Back-off is exponential with full jitter (Brooker, "Exponential Backoff And Jitter", 2015).
A command is held back until its `not_before`; one whose time (`until`, `valid_to`, `expires`) is over is not sent late. A stream whose
schema says `x-superseded: "drop"` shows a state: of several that wait for one target only the newest is sent.
"""

from __future__ import annotations

import heapq
import random
import threading
import time
from bisect import insort
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import orjson

from storeloom.core.kernel import schemas
from storeloom.core.kernel.errors import Finding
from storeloom.core.kernel.events import Event, Fact, fact_of, fact_row, instant, parse_time
from storeloom.core.kernel.plan import Plan
from storeloom.core.runtime.delivery import DeviceWorker, Driver, Job
from storeloom.core.runtime.log import StoreLog, micros
from storeloom.core.runtime.log_delivery import Command as CommandRow
from storeloom.core.runtime.routing import NAME, Routing, Serves

FIRST_WAIT, LONGEST_WAIT, TRIES = timedelta(seconds=5), timedelta(minutes=10), 30
IN_MEMORY = 20_000
PAGE = 500
LANE_RUN = 8
FAILING_AFTER = 3
FORGOTTEN = "the log no longer keeps its record"
BEGINS = "not_before"
ENDS = ("until", "valid_to", "expires")
OUTCOMES = ("dead", "sent", "expired", "superseded")  # of several devices' outcomes the first of these is the command's
Answer = tuple[Fact, str | int]


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a command is tried, and how long it waits at most before the second try and before any other."""

    tries: int = TRIES
    first: timedelta = FIRST_WAIT
    longest: timedelta = LONGEST_WAIT

    def wait(self, seed: int, command: str, tries: int) -> timedelta:
        """The pause after a try that failed, the `tries`-th; the same for the same seed, command and try."""
        most: timedelta = min(self.longest, self.first * 2 ** min(tries - 1, 20))
        share: float = random.Random(f"{seed}|{command}|{tries}").random()
        return most * share


@dataclass(slots=True)
class _Delivery:
    """A command on its way to one device: `due` in microseconds; `outcome` is empty while it is open."""

    command: _Command
    device: str
    lane: str
    due: int
    tries: int
    outcome: str = ""


@dataclass(slots=True)
class _Command:
    """A command that is not settled; `ends` (microseconds) is when it is over, `rows` what was answered: device, number, fact."""

    id: str
    seq: int
    stream: str
    tries: int
    ends: int | None
    deliveries: list[_Delivery] = field(default_factory=list)
    rows: list[tuple[str, int, dict[str, Any]]] = field(default_factory=list)
    reason: str = ""

    def standing(self) -> tuple[str, int | None]:
        """The status that the log is to hold, and when it is due where it is to be sent."""
        open_ones = [one.due for one in self.deliveries if not one.outcome]
        if open_ones:
            return "waiting", min(open_ones)
        if self.rows:
            return "answered", None
        outcomes = {one.outcome for one in self.deliveries}
        return next((word for word in OUTCOMES if word in outcomes), "unrouted"), None

    def note(self, status: str) -> str | None:
        """What the log is to say of it: why it failed; while it is under way, as JSON, who has it and what was answered."""
        done = {one.device: one.outcome for one in self.deliveries if one.outcome}
        if status == "answered" or (status == "waiting" and done):
            return orjson.dumps({"done": done, "answers": self.rows, "reason": self.reason}).decode()
        return self.reason or None if status != "sent" else None


@dataclass(slots=True)
class _Lane:
    """What waits for one target of one device, in the order of the log; `out` counts those that the worker has."""

    queue: list[_Delivery] = field(default_factory=list)
    out: int = 0


class Outbox:
    """Sends what waits to the drivers (`device id -> command`) of the devices that its instance is bound to.

    `kinds` are the catalogue's adapter kinds; `serves` says by device whether a command is its own (`Adapter.serves`). All methods are for
    the thread that owns the log; drivers run in threads of their own. The answers that `pump` and `drain` return must be in the log
    (accepted or fed) before either is called again: then they are forgotten here.
    """

    def __init__(
        self,
        log: StoreLog,
        plan: Plan,
        kinds: Mapping[str, Mapping[str, Any]],
        drivers: Mapping[str, Driver],
        *,
        seed: int,
        serves: Mapping[str, Serves] | None = None,
        retry: Retry | None = None,
        timeout_s: float = 30.0,
        hand_out: int = 32,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._routing = Routing(plan, kinds, drivers.keys(), serves)
        self._drivers = drivers
        self._seed, self._retry = seed, retry or Retry()
        self._woken = threading.Event()
        self._make = partial(DeviceWorker, timeout_s=timeout_s, limit=hand_out, wake=self._woken.set, monotonic=monotonic)
        self._workers: dict[str, DeviceWorker] = {}
        self._failing: dict[str, tuple[int, str]] = {}
        self._held: list[int] = []
        self._commands: dict[str, _Command] = {}
        self._changed: dict[str, _Command] = {}
        self._lanes: dict[str, _Lane] = {}
        self._timers: list[tuple[int, int, str]] = []
        self._ready: dict[str, list[tuple[int, str]]] = {}
        self._answers: list[tuple[int, str, int, str, dict[str, Any]]] = []
        self._given: list[_Command] = []
        self._now = self._seen = self._out = 0
        self._others, self._more = -1, True

    def pump(self, now: datetime) -> list[Answer]:
        """Settle what the devices have done, hand out what is due; their answers, each with its key. Never waits for a device."""
        self._confirm()
        self._turn(now)
        return self._give()

    def drain(self, now: datetime, wait_s: float) -> list[Answer]:
        """As `pump`, until all that is due is done, or for `wait_s` seconds: for replays, tests and the end of a run."""
        self._confirm()
        end = time.monotonic() + wait_s
        while True:
            self._woken.clear()
            self._turn(now)
            left = end - time.monotonic()
            if left <= 0 or not (self._out or self._more):
                return self._give()
            if self._out and not self._more:
                self._woken.wait(min(left, 0.2))

    def close(self, wait_s: float) -> int:
        """Let the drivers go: calls at work may end within `wait_s` seconds in all; what they did is settled. How many hang still.

        What waits stays in the log, and so do answers that were not given out.
        """
        self._confirm()
        for worker in self._workers.values():
            worker.close()
        end = time.monotonic() + wait_s
        hanging = sum(not worker.join(max(0.0, end - time.monotonic())) for worker in self._workers.values())
        self._collect()
        self._write()
        return hanging

    def findings(self) -> list[Finding]:
        """The devices that have failed several times in a row, and the commands that no device served since the start, with the reasons."""
        failing = [(device, count, why) for device, (count, why) in sorted(self._failing.items()) if count >= FAILING_AFTER]
        found = [Finding("SL-OUT-01", {"device": device, "failures": count, "reason": why}) for device, count, why in failing]
        return [*found, *self._routing.findings()]

    def _turn(self, now: datetime) -> None:
        self._now = micros(now)
        self._collect()
        self._load()
        jobs = self._choose(now)
        self._write()
        for device, batch in jobs.items():
            self._workers[device].submit(batch)

    def _confirm(self) -> None:
        """What was given out is in the log by now: its commands are done with."""
        for command in self._given:
            command.rows.clear()
            self._changed[command.id] = command
        self._given.clear()

    def _give(self) -> list[Answer]:
        """The answers that came in, in the order of their commands; one with a key of its own bears that, else one of its command's."""
        self._answers.sort(key=lambda one: one[:3])
        given: list[Answer] = []
        for _, device, number, command_id, row in self._answers:
            fact = fact_of(row)
            given.append((fact, f"{command_id}|{device}|{number}" if fact.key is None else fact.key))
        self._given = [self._commands[command_id] for command_id in {one[3] for one in self._answers}]
        self._answers.clear()
        return given

    def _collect(self) -> None:
        """Take in what the devices' workers have done."""
        for device, worker in self._workers.items():
            for result in worker.collect():
                lane = self._lanes[result.job.lane]
                lane.out -= 1
                self._out -= 1
                delivery = next(one for one in lane.queue if one.command.id == result.job.command)
                if result.failure is None:
                    self._failing.pop(device, None)
                    self._receive(delivery, result.answers)
                elif result.tried:
                    self._failing[device] = (self._failing.get(device, (0, ""))[0] + 1, result.failure)
                    self._fail(delivery, result.failure)
                self._settle_lane(result.job.lane)

    def _receive(self, delivery: _Delivery, rows: Iterable[dict[str, Any]]) -> None:
        delivery.tries += 1
        command = delivery.command
        for number, row in enumerate(rows):
            command.rows.append((delivery.device, number, row))
            self._answers.append((command.seq, delivery.device, number, command.id, row))
        self._finish(delivery, "sent")

    def _fail(self, delivery: _Delivery, reason: str) -> None:
        """Try it again later, or give it up after the last try."""
        delivery.tries += 1
        command = delivery.command
        command.reason = f"{delivery.device}: {reason}"
        self._changed[command.id] = command
        if delivery.tries >= self._retry.tries:
            self._finish(delivery, "dead")
        else:
            wait = self._retry.wait(self._seed, f"{command.id}|{delivery.device}", delivery.tries)
            delivery.due = self._now + wait // timedelta(microseconds=1)

    def _finish(self, delivery: _Delivery, outcome: str) -> None:
        delivery.outcome = outcome
        self._lanes[delivery.lane].queue.remove(delivery)
        self._changed[delivery.command.id] = delivery.command

    def _settle_lane(self, key: str) -> None:
        """Let a lane's next command come due, once the worker has none of the lane; forget an empty lane."""
        lane = self._lanes[key]
        if lane.queue and not lane.out:
            heapq.heappush(self._timers, (lane.queue[0].due, lane.queue[0].command.seq, key))
        elif not lane.queue:
            del self._lanes[key]

    def _write(self) -> None:
        """Settle in the log what has changed, in one transaction."""
        if not self._changed:
            return
        with self._log.transaction():
            for command in self._changed.values():
                command.tries = max((command.tries, *(one.tries for one in command.deliveries)))
                status, due = command.standing()
                self._log.settle(command.id, status, command.tries, self._now if due is None else due, command.note(status))
                if status not in ("waiting", "answered"):
                    del self._commands[command.id]
        self._changed.clear()

    def _load(self) -> None:
        """Take up a page of what the log holds and this does not: newer commands, and those that another process lets be sent again."""
        others = self._log.other_writers()
        if others != self._others:
            self._others, self._seen = others, 0
        while self._held and self._held[0] <= self._now:
            heapq.heappop(self._held)
        rows = self._log.unsettled(self._seen, PAGE) if len(self._commands) - len(self._held) < IN_MEMORY else []
        self._more = len(rows) == PAGE
        for row in rows:
            self._seen = row.seq
            if row.id not in self._commands:
                self._take_up(row)

    def _take_up(self, row: CommandRow) -> None:
        if row.seq < self._log.oldest:
            command = _Command(row.id, row.seq, row.stream, row.tries, None, reason=FORGOTTEN)
            self._commands[row.id] = self._changed[row.id] = command
            return
        event = self._log.event(row.seq)
        command = _Command(row.id, row.seq, row.stream, row.tries, _end(event))
        self._commands[row.id] = command
        under_way = orjson.loads(row.note) if row.note and row.note.startswith("{") else {"done": {}, "answers": [], "reason": row.note}
        done, command.reason = under_way["done"], under_way["reason"] or ""
        meant, why = ([], "") if row.status == "answered" else self._routing.meant(row.instance, event)
        devices = list(dict.fromkeys([*done, *meant]))
        due = max(row.due, self._begin(event))
        for device in devices:
            lane = f"{device}|{event.data[schemas.target_field(event.stream)]}"
            delivery = _Delivery(command, device, lane, due, row.tries, done.get(device, ""))
            command.deliveries.append(delivery)
            if not delivery.outcome:
                insort(self._lanes.setdefault(lane, _Lane()).queue, delivery, key=lambda one: one.command.seq)
                self._settle_lane(lane)
        if not devices:
            command.reason = why or command.reason
            self._changed[row.id] = command
            notice = self._routing.miss(row.instance, event, why) if why else None
            if notice is not None:
                under_way["answers"] = [(NAME, 0, fact_row(Fact(instant(self._now), notice.stream, NAME, notice.data)))]
        for device, number, fact in under_way["answers"]:
            command.rows.append((device, number, fact))
            self._answers.append((row.seq, device, number, row.id, fact))

    def _begin(self, event: Event) -> int:
        """When a command may go (microseconds), 0 where it says nothing; one that is held back does not count against what is in memory."""
        begin = micros(parse_time(event.data[BEGINS])) if BEGINS in event.data else 0
        if begin > self._now:
            heapq.heappush(self._held, begin)
        return begin

    def _choose(self, now: datetime) -> dict[str, list[Job]]:
        """What is due and what its device has room for, by device."""
        while self._timers and self._timers[0][0] <= self._now:
            _, seq, key = heapq.heappop(self._timers)
            lane = self._lanes.get(key)
            if lane is not None and lane.queue and not lane.out:
                heapq.heappush(self._ready.setdefault(lane.queue[0].device, []), (seq, key))
        jobs: dict[str, list[Job]] = {}
        for device, ready in self._ready.items():
            worker = self._workers.setdefault(device, self._make(device, self._drivers[device]))
            room = worker.room()
            while ready and room > 0:
                _, key = heapq.heappop(ready)
                lane = self._lanes.get(key)
                if lane is None or lane.out:
                    continue
                run = self._run(lane, min(room, LANE_RUN))
                for delivery in run:
                    command = delivery.command
                    data = {"cmd": command.id, **self._log.event(command.seq).data}
                    jobs.setdefault(device, []).append(Job(command.id, key, command.stream, data, now))
                lane.out = len(run)
                self._out += len(run)
                room -= len(run)
                if not run:
                    self._settle_lane(key)
        return jobs

    def _run(self, lane: _Lane, most: int) -> list[_Delivery]:
        """The lane's first commands that can go together; what is over or superseded leaves the lane."""
        newest = {one.command.stream: one for one in lane.queue}
        run: list[_Delivery] = []
        for delivery in list(lane.queue):
            if delivery.due > self._now or len(run) == most:
                break
            if delivery.command.ends is not None and delivery.command.ends <= self._now:
                self._finish(delivery, "expired")
            elif newest[delivery.command.stream] is not delivery and _drops_superseded(delivery.command.stream):
                self._finish(delivery, "superseded")
            else:
                run.append(delivery)
        return run


def _end(event: Event) -> int | None:
    """When a command is over, in microseconds; None for one that has no end."""
    ends = [micros(parse_time(event.data[key])) for key in ENDS if key in event.data]
    return min(ends, default=None)


def _drops_superseded(stream: str) -> bool:
    return bool(schemas.load(schemas.stream_file(stream)).get("x-superseded") == "drop")
