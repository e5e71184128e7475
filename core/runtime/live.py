"""The live store: facts from the devices' threads, the engine, commands to the devices, an operator's requests; one loop, one log.

What comes in is accepted first (durable, so acknowledged), then handled in one transaction a batch. Nothing that fails to commit is kept
in memory: a LogFault leaves the loop, the process ends, and its keeper starts it again from the log.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from storeloom.core.kernel.adapter import Adapter
from storeloom.core.kernel.errors import Finding, InputFault
from storeloom.core.kernel.events import Event, plain
from storeloom.core.kernel.plan import RUNTIME_DEFAULTS, Plan
from storeloom.core.kernel.registry import Registry
from storeloom.core.runtime.adapters import statuses
from storeloom.core.runtime.beat import Beat
from storeloom.core.runtime.clock import LiveClock
from storeloom.core.runtime.engine import Engine
from storeloom.core.runtime.intake import Arrival, Bounds, Feeder, Intake, bounds, policies
from storeloom.core.runtime.keeper import Verdict
from storeloom.core.runtime.log import StoreLog, instant, micros
from storeloom.core.runtime.log_file import STORE_DB, LogFile
from storeloom.core.runtime.making import Hosts
from storeloom.core.runtime.outbox import Answer, Outbox
from storeloom.core.runtime.publisher import UNLOGGED
from storeloom.core.runtime.reader import LogReader
from storeloom.core.runtime.requests import Requests
from storeloom.core.runtime.retention import Compaction, used_bytes
from storeloom.core.runtime.status import FigureStatus, StoreStatus
from storeloom.core.runtime.swap import Swaps
from storeloom.core.runtime.uplink import Uplink, newest_token, uplink_settings

PATIENCE_S = 0.02
BATCH = 256
IDLE_S, BUSY_S = 0.2, 0.005
STATUS_S, FIGURES_S, COMPACT_S = 1.0, 60.0, 3600.0
STOP_S = 5.0
UPLINK = "uplink"
LOG = logging.getLogger(__name__)


@dataclass
class Parts:
    """What a live store is put together from; see `commands.store`. `told`: why the store process was started again; `digest` is that of
    the packed bundle."""

    name: str
    plan: Plan
    registry: Registry
    data: Path
    tables: Mapping[str, Iterable[Mapping[str, Any]]] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    adapters: Mapping[str, Adapter] = field(default_factory=dict)
    hosts: Hosts | None = None
    beat: Beat | None = None
    told: Sequence[Verdict] = ()
    restarts: int = 0
    on_output: Callable[[Event], None] | None = None
    clock: LiveClock = field(default_factory=LiveClock)
    troubles: Callable[[], Iterable[Finding]] = tuple
    digest: str = ""


class LiveStore:
    """One store, from its log on. `run` until told to stop; `status` is what its loop last saw."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        plan = parts.plan
        self.log = StoreLog(parts.data / STORE_DB, store=str(plan.store["store"]))
        self.clock = parts.clock
        self.intake = Intake(policies(plan.runtime), self.clock.now)
        self._bounds: Mapping[str, Bounds] = bounds(plan.runtime)
        self._widest = max(self._bounds.values(), key=lambda one: one.late)
        self.engine = Engine(
            plan,
            parts.registry,
            self.log,
            parts.tables,
            self.clock.now(),
            commit_every=1 << 30,
            on_output=parts.on_output,
            secrets=parts.secrets,
            patience=PATIENCE_S,
            hosts=parts.hosts,
            beat=parts.beat,
            data=parts.data,
        )
        self.swaps = Swaps(self.engine)
        self.swaps.recover()
        self._blame(parts.told)
        drivers = {device: one.command for device, one in parts.adapters.items()}
        seed = int.from_bytes(str(plan.store["store"]).encode()[-6:], "big")
        serves = {device: one.serves for device, one in parts.adapters.items()}
        self.outbox = Outbox(self.log, plan, parts.registry.catalogue.adapter_kinds, drivers, seed=seed, serves=serves)
        self.feeders = [Feeder(one, self.intake, seed=seed) for one in parts.adapters.values()]
        self.uplink = self._uplink(seed)
        self.requests = Requests(self)
        self.digest = parts.digest
        self._figures: tuple[FigureStatus, ...] = ()
        self._counted: datetime | None = None
        self._since = self.clock.now()
        self._looked = self._compacted = self._since
        self._compaction: Compaction | None = None
        self._sent_up = 0
        self.leave_with: int | None = None
        self.status = self._status()

    def _blame(self, told: Sequence[Verdict]) -> None:
        """Put down which instance took the last process with it; it is counted against it."""
        self.engine.begin()
        for verdict in told:
            if verdict.instance in self.engine.crew.members:
                finding = verdict.finding()
                self.log.save_failure(verdict.instance, micros(self.engine.now), verdict.ref, verdict.reason, finding.text())
                self.engine.supervisor.failed(verdict.instance, self.engine.now, finding)
        self.engine.flush()

    def _uplink(self, seed: int) -> Uplink | None:
        """The upward queue, where the bundle has one; compaction waits for it from its first start on."""
        settings = uplink_settings(self.engine.plan, self.parts.secrets, self.parts.data / "secrets.json")
        if settings is None:
            return None
        if UPLINK not in self.log.consumers():
            self.log.advance_consumer(UPLINK, 0)
        newest = partial(newest_token, self.parts.data, settings)
        return Uplink(Path(self.log.path), self.engine.store.id, settings, confirmed=self.log.consumer(UPLINK), seed=seed, token=newest)

    def run(self, stop: Callable[[], bool]) -> int:
        """Go round until `stop` says so; the exit code. LogFault when the log cannot be written."""
        self._work_off()
        for feeder in self.feeders:
            feeder.start()
        if self.uplink is not None:
            self.uplink.start()
        try:
            while not stop() and self.leave_with is None:
                self.turn()
        finally:
            self.close()
        return self.leave_with or 0

    def turn(self) -> None:
        """Once round: what came in, what devices answered, what is due, what an operator asks."""
        if self.parts.beat is not None:
            self.parts.beat.alive()
        self.take_in(self.intake.take(BATCH, self._wait_s()))
        self._answered(self.outbox.pump(self.clock.now()))
        if self.uplink is not None and self.uplink.confirmed > self._sent_up:
            self._sent_up = self.uplink.confirmed
            self.log.advance_consumer(UPLINK, self._sent_up)
        now = self.clock.now()
        waits = self.intake.first_at()
        self.engine.advance(now if waits is None else min(now, waits), inclusive=waits is None)
        self.engine.flush()
        self.swaps.tend()
        self.requests.tend()
        self._compact(now)
        self._look()

    def _answered(self, answers: Sequence[Answer]) -> None:
        """Take in what devices answered to commands; what does not fit its stream is left out, and said."""
        good = []
        for fact, key in answers:
            event = self.engine.as_event(fact, key)
            try:
                self.engine.inputs.check(event)
                good.append(event)
            except InputFault as fault:
                LOG.warning("%s", fault.findings[0].text())
        if good:
            self.log.accept(good)
            self._work_off()

    def _wait_s(self) -> float:
        """How long the loop may sleep: until something is due, shortly where an instance works on at its own pace."""
        if any(member.lag and member.lag.call for member in self.engine.crew.behind.values()):
            return BUSY_S
        first = self.engine.crew.first_due()
        if first is None:
            return IDLE_S
        return min(IDLE_S, max(0.0, (instant(first[0]) - self.clock.now()).total_seconds()))

    def take_in(self, arrivals: Sequence[Arrival]) -> None:
        """Accept facts, tell their producers, and handle them. Frames are handled but never stored."""
        facts: list[tuple[Arrival, Event]] = []
        frames: list[tuple[Arrival, Event]] = []
        for arrival in arrivals:
            event = self.intake.admit(arrival, self.engine.store.id, self._bounds.get(arrival.stream, self._widest))
            if event is None:
                continue
            try:
                self.engine.inputs.check(event)
            except InputFault as fault:
                self.intake.refuse(arrival, fault.findings[0])
                continue
            (frames if event.stream in UNLOGGED else facts).append((arrival, event))
        if facts:
            accepted = self.log.accept([event for _, event in facts])
            self.intake.settle([arrival for arrival, _ in facts], accepted)
            self._work_off()
        for arrival, event in frames:
            self.engine.take_in(event)
            self.intake.settle([arrival], [True])
        self.engine.flush()

    def _work_off(self) -> None:
        """Handle what was accepted; a batch is one transaction."""
        while page := self.log.pending(BATCH):
            for number, event in page:
                self.engine.take_in(event, number)
                if self.parts.beat is not None:
                    self.parts.beat.alive()
            self.engine.flush()
            self._look()

    def _look(self) -> None:
        """Renew the status once a second."""
        now = self.clock.now()
        if (now - self._looked).total_seconds() >= STATUS_S:
            self._looked = now
            self.status = self._status()

    def _compact(self, now: datetime) -> None:
        """A slice of compaction a turn, begun every hour. Over its limit, the log waits no more for what has yet to go up."""
        if self._compaction is None and (now - self._compacted).total_seconds() < COMPACT_S:
            return
        keep = {**RUNTIME_DEFAULTS, **self.engine.plan.runtime}
        most = int(keep["keep_mb"]) << 20
        if self._compaction is None:
            self._compaction = Compaction(self.log, now, keep_days=float(keep["keep_days"]), keep_bytes=most)
        if self._compaction.step():
            return
        if f"consumer {UPLINK}" in self._compaction.result.held_by and used_bytes(self.log) > most:
            self.log.drop_consumer(UPLINK)
        self._compaction, self._compacted = None, now

    def _status(self) -> StoreStatus:
        now = self.clock.now()
        if self._counted is None or not 0 <= (now - self._counted).total_seconds() < FIGURES_S:
            self._figures, self._counted = self.engine.day_figures(), now
        return StoreStatus(
            store=self.engine.store.id,
            bundle=self.parts.name,
            pid=os.getpid(),
            since=plain(self._since),
            now=plain(self.clock.now()),
            restarts=self.parts.restarts,
            last=self.log.last,
            oldest=self.log.oldest,
            log_bytes=self.log.size_bytes(),
            inbox=self.log.waiting_facts(),
            instances=self.engine.statuses(),
            queues=self.intake.statuses(),
            outbox=self.log.outbox(),
            uplink=self.uplink.status() if self.uplink is not None else {},
            memory_mb=_memory_mb(),
            troubles=tuple(finding.text(self.engine.store.language[:2]) for finding in self._troubles()),
            devices=tuple(statuses(self.parts.adapters, self.engine.plan.store)),
            digest=self.digest,
            figures=self._figures,
        )

    def _troubles(self) -> Iterable[Finding]:
        yield from self.clock.troubles()
        yield from self.intake.troubles()
        for feeder in self.feeders:
            yield from feeder.troubles()
        yield from self.outbox.findings()
        if self.uplink is not None:
            yield from self.uplink.findings()
        yield from self.requests.troubles()
        yield from self.engine.workers.troubles()
        yield from self.parts.troubles()

    def close(self) -> None:
        """Commit and let go: devices first, so that nothing comes in that is not kept."""
        self.intake.close()
        for feeder in self.feeders:
            feeder.stop(STOP_S)
        if self.uplink is not None:
            self.uplink.stop(STOP_S)
        self.outbox.close(STOP_S)
        self.engine.close()
        self.log.close()


def newest_instant(file: Path) -> datetime | None:
    """The arrival of the newest record of a log; None where there is none yet, or the first start ended before it had its tables."""
    if not file.is_file():
        return None
    begun = LogFile(file, readonly=True)
    try:
        if not begun.one("SELECT count(*) FROM sqlite_schema"):
            return None
    finally:
        begun.close()
    reader = LogReader(file)
    try:
        last = next(reader.read(reader.last - 1, 1), None)
    finally:
        reader.close()
    return None if last is None else last.event.received or last.event.time


def _memory_mb() -> float:
    import psutil

    return float(round(psutil.Process().memory_info().rss / (1 << 20), 1))
