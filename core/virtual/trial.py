"""Trying a bundle: on the virtual store, or on real receipts and footage, with the result of every solution."""

from __future__ import annotations

import heapq
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from storeloom.core.kernel import schemas
from storeloom.core.kernel.errors import Finding, InputFault
from storeloom.core.kernel.events import Event, Fact, plain
from storeloom.core.kernel.hours import StoreHours
from storeloom.core.kernel.plan import InstancePlan, Plan
from storeloom.core.kernel.registry import Registry
from storeloom.core.runtime.engine import Engine
from storeloom.core.runtime.log import StoreLog
from storeloom.core.virtual.figures import hour_name
from storeloom.core.virtual.machines import WATCHED_S
from storeloom.core.virtual.silence import Silence, silence
from storeloom.core.virtual.store import VirtualStore

COMMIT_EVERY = 500
RECORDS = frozenset(
    {
        "calendar.event",
        "inventory.movement",
        "inventory.snapshot",
        "member.profile",
        "pos.exception",
        "pos.sale",
        "shift.fixed",
        "shipment.notice",
        "staff.clock",
        "weather.forecast",
    }
)
QUARTER_S = 900  # every zone's hours begin on a quarter of a UTC hour
Progress = Callable[[datetime], None]
Tables = Mapping[str, Iterable[Mapping[str, Any]]]


@dataclass
class SolutionResult:
    """What one instance did: events taken, outputs by stream, figures over the trial and by store day; why it put out nothing, if so."""

    solution: str
    handled: int
    outputs: Counter[str]
    figures: dict[str, float | None]
    by_day: dict[str, dict[str, float | None]]
    silence: Silence | None = None


@dataclass
class TrialResult:
    """What a trial brought. The clock `began` before `start` where a history came first; `truth` is the virtual store's own account.

    `facts_by_hour` counts the facts of a stream that arrived in each hour of store time, by the hour's name (`2026-03-02T10`).
    """

    name: str
    start: datetime
    end: datetime
    store: str = ""
    zone: str = "UTC"
    currency: str = ""
    facts: Counter[str] = field(default_factory=Counter)
    facts_by_hour: dict[str, Counter[str]] = field(default_factory=dict)
    outputs: list[Event] = field(default_factory=list)
    solutions: dict[str, SolutionResult] = field(default_factory=dict)
    failures: list[Finding] = field(default_factory=list)
    truth: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    began: datetime | None = None

    @property
    def alerts(self) -> list[Event]:
        return [event for event in self.outputs if event.stream == "alert.raise"]

    @property
    def speed(self) -> float:
        """Times real time, the days of history included."""
        return (self.end - (self.began or self.start)).total_seconds() / self.seconds if self.seconds else 0.0

    def as_dict(self, lang: str = "en") -> dict[str, Any]:
        return {
            "name": self.name,
            "from": plain(self.start),
            "to": plain(self.end),
            "facts": dict(sorted(self.facts.items())),
            "solutions": {
                name: {
                    "solution": one.solution,
                    "events": one.handled,
                    "outputs": dict(sorted(one.outputs.items())),
                    "kpis": one.figures,
                    "by_day": one.by_day,
                    **({"silence": one.silence.as_dict(lang)} if one.silence else {}),
                }
                for name, one in self.solutions.items()
            },
            "alerts": [{"at": plain(e.time), "source": e.source, **e.data} for e in self.alerts],
            "failures": [finding.as_dict(lang) for finding in self.failures],
            "seconds": round(self.seconds, 3),
            "times_real_time": round(self.speed, 1),
        }


class Trial:
    """Runs a plan on sources of facts; commands are answered by `answer`, merged into the run in order of time."""

    def __init__(
        self, plan: Plan, registry: Registry, tables: Tables, start: datetime, *, name: str = "", log: StoreLog | None = None
    ) -> None:
        self.plan, self._catalogue = plan, registry.catalogue
        store = plan.store
        place = str(store.get("name", store["store"]))
        self.result = TrialResult(name, start, start, place, str(store["zone"]), str(store.get("currency", "")), began=start)
        self._quarters: Counter[tuple[str, int]] = Counter()
        self._answers: list[tuple[datetime, int, Fact]] = []
        self._count = 0
        self._heard: set[str] = set()
        self._answer: Callable[[str, Mapping[str, Any], datetime], list[Fact]] | None = None
        store_log = log if log is not None else StoreLog(store=str(plan.store["store"]))
        self.engine = Engine(plan, registry, store_log, tables, start, commit_every=COMMIT_EVERY, on_output=self._took)
        self.consumed = frozenset(stream for one in self.engine.instances.values() for stream in one.declared.streams)

    def _took(self, event: Event) -> None:
        self._heard.add(event.stream)
        if event.time >= self.result.start:
            self.result.outputs.append(event)
        if self._answer is not None and schemas.streams()[event.stream] and event.id not in self.engine.overruled:
            for fact in self._answer(event.stream, event.data, event.time):
                if fact.stream in self.consumed:
                    self._count += 1
                    heapq.heappush(self._answers, (fact.received, self._count, fact))

    def run(
        self,
        facts: Iterable[Fact],
        until: datetime | None = None,
        *,
        answer: Callable[[str, Mapping[str, Any], datetime], list[Fact]] | None = None,
        progress: Progress | None = None,
    ) -> TrialResult:
        """Feed facts (in order of arrival) and answers until the clock reaches `until`, by default the midnight after the last fact."""
        began = time.perf_counter()
        self._answer = answer
        for number, fact in enumerate(self._merged(iter(facts), until)):
            if number % 500 == 0 and progress:
                progress(fact.received)
            if fact.received >= self.result.start:
                self.result.facts[fact.stream] += 1
                self._quarters[fact.stream, int(fact.received.timestamp()) // QUARTER_S] += 1
            if fact.stream in self.consumed:
                self._heard.add(fact.stream)
                self.engine.feed(fact, number)
        self.engine.advance(until or self._midnight())
        self.result.end = self.engine.now
        self.result.seconds = time.perf_counter() - began
        self._sum_up()
        return self.result

    def _midnight(self) -> datetime:
        hours = self.engine.store.hours
        return hours.midnight(hours.store_day(self.engine.now) + timedelta(days=1))

    def _merged(self, facts: Iterator[Fact], until: datetime | None) -> Iterator[Fact]:
        """Facts and answers by arrival; what comes due before each runs first, for it may command and so bring answers."""
        coming = next(facts, None)
        while True:
            end = until or (coming.received if coming else self._midnight())
            answer = self._answers[0][0] if self._answers else None
            arrivals = [t for t in (coming.received if coming else None, answer) if t is not None and t <= end]
            if self.engine.step(min(arrivals, default=end)):
                continue
            if not arrivals:
                return
            if coming is None or (answer is not None and answer < coming.received):
                yield heapq.heappop(self._answers)[2]
            else:
                yield coming
                coming = next(facts, None)

    def _sum_up(self) -> None:
        made: dict[str, Counter[str]] = {name: Counter() for name in self.engine.instances}
        first = self.engine.store.hours.store_day(self.result.start).isoformat()
        for event in self.result.outputs:
            made[event.source][event.stream] += 1
        for name, one in self.engine.instances.items():
            shown = [day for day in one.figures.days() if day >= first]
            by_day = {day: one.figures.values(day) for day in shown}
            whole = one.figures.values(*shown) if shown else one.figures.values("")
            why = None if made[name] else self._silence(one.plan)
            self.result.solutions[name] = SolutionResult(one.plan.solution, self.engine.handled(name), made[name], whole, by_day, why)
        for (stream, quarter), count in sorted(self._quarters.items()):
            local = self.engine.store.hours.local(datetime.fromtimestamp(quarter * QUARTER_S, UTC))
            self.result.facts_by_hour.setdefault(stream, Counter())[hour_name(local)] += count
        self.result.failures = [failure.finding for failure in self.engine.failures]

    def _silence(self, instance: InstancePlan) -> Silence:
        filled = {name for name in self.engine.tables.names() if self.engine.tables.all(name)}
        records = self.result.began != self.result.start or self._answer is None  # recordings are what they are
        return silence(self._catalogue.solution(instance.solution), instance.config, self._heard, filled, records=records)


def try_virtual(
    plan: Plan,
    registry: Registry,
    *,
    start: date,
    days: int = 1,
    seed: int = 1,
    scale: float = 1.0,
    history: int = 0,
    name: str = "",
    progress: Progress | None = None,
) -> TrialResult:
    """Try a plan on the virtual store for whole store days.

    For `history` days before them it is given what a store has records of (`RECORDS`), so that what learns from the past has one;
    these days count for nothing in the result.
    """
    store = VirtualStore(plan.store, seed=seed, scale=scale, beats=watched_beats(plan))
    hours = StoreHours(str(plan.store["zone"]), plan.store["hours"])
    first = start - timedelta(days=history)
    trial = Trial(plan, registry, store.tables, hours.midnight(first), name=name)
    trial.result.start = hours.midnight(start)
    past = store.run(first, history, trial.consumed & RECORDS)
    facts = store.run(start, days, trial.consumed)
    end = hours.midnight(start + timedelta(days=days))
    result = trial.run(itertools.chain(past, facts), end, answer=store.command, progress=progress)
    result.truth = store.truth.as_dict()
    return result


def watched_beats(plan: Plan) -> dict[str, float] | None:
    """Seconds between two reports that are expected of devices, by kind: what settings `heartbeat_s` by kind of device say, of several the
    shortest. None where nothing watches devices so."""
    watching = [one.config["heartbeat_s"] for one in plan.instances if isinstance(one.config.get("heartbeat_s"), Mapping)]
    kinds = sorted({kind for beats in watching for kind in beats})
    return {kind: float(min(beats.get(kind, WATCHED_S) for beats in watching)) for kind in kinds} if watching else None


def try_real(
    plan: Plan,
    registry: Registry,
    facts: Iterable[Fact],
    tables: Tables,
    *,
    name: str = "",
    source: str = "",
    progress: Progress | None = None,
) -> TrialResult:
    """Try a plan on recorded facts (in order of arrival); no device answers its commands. InputFault when `source` holds none."""
    stream = iter(facts)
    first = next(stream, None)
    if first is None:
        reason = {"en": "there is nothing in it", "zh": "其中没有数据"}
        raise InputFault(Finding("SL-INP-01", {"file": source, "reason": reason, "remedy": "Check the path."}, file=source))
    trial = Trial(plan, registry, tables, first.received, name=name)
    return trial.run(itertools.chain([first], stream), progress=progress)
