"""Area `runtime`: a virtual supermarket day against real time, facts through running solutions, and a restart with a long log."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from storeloom.core.bench.harness import Result
from storeloom.core.bench.made import make_package
from storeloom.core.kernel.compose import compose
from storeloom.core.kernel.events import Event, event_id
from storeloom.core.kernel.plan import InstancePlan, Plan
from storeloom.core.kernel.registry import ROOT, Registry, read_catalogue
from storeloom.core.runtime.engine import Engine
from storeloom.core.runtime.log import StoreLog
from storeloom.core.virtual.trial import try_virtual

BUNDLE = ROOT / "examples" / "supermarket" / "bundle.toml"
START = datetime(2026, 3, 2, tzinfo=UTC)
STORE = {"store": "bench", "format": "supermarket", "zone": "Asia/Shanghai", "hours": {"open": "08:00", "close": "22:00"}}
FACTS, BATCH, SENSORS = 2_000, 50, 40
LONG_LOG, PAGE = 1_000_000, 10_000


def measure() -> list[Result]:
    """The demo bundle's virtual day; facts a second and their latency through 1, 40 and 191 solutions; a restart with a million events."""
    registry = Registry()
    plan = compose(BUNDLE, registry).require()
    results = [try_virtual(plan, registry, start=date(2026, 3, 2), seed=seed) for seed in (1, 2, 3)]
    receipts = statistics.median(result.facts["pos.sale"] for result in results)
    speed = statistics.median(result.speed for result in results)
    against = f"real time; {len(plan.instances)} solutions, {receipts:.0f} receipts, {sum(results[0].facts.values())} facts"
    day = Result("virtual_day", speed, "times real time", ">= 500", against, len(results))
    with _made() as made:
        through = [figure for count in (1, 40, 191) for figure in _through(made, count)]
    return [day, *through, *_restart(plan, registry)]


@contextmanager
def _made() -> Iterator[Registry]:
    """A registry with 191 solutions more, each of which takes every sensor reading."""
    with tempfile.TemporaryDirectory() as folder:
        sys.path.insert(0, folder)
        try:
            make_package(Path(folder), read_catalogue(), 191 + len(read_catalogue().solutions))
            yield Registry(read_catalogue())
        finally:
            sys.path.remove(folder)


def readings(count: int, start: datetime = START) -> Iterator[Event]:
    """Sensor readings, one a second."""
    for number in range(count):
        moment = start + timedelta(seconds=number)
        sensor = f"probe-{number % SENSORS}"
        data = {"sensor": sensor, "kind": "temperature", "value": 4.25, "unit": "C", "asset": "chiller-3"}
        yield Event("sensor.reading", moment, data, event_id(moment, sensor, number), "bench", sensor, moment)


def _through(registry: Registry, count: int) -> list[Result]:
    """Facts a second, accepted and handled in batches, and one at a time from its arrival to the commit of all that followed."""
    names = [name for name in registry.catalogue.solutions if name.startswith("made_")][:count]
    plan = Plan(STORE, tuple(InstancePlan(name, name, {}) for name in names))
    with tempfile.TemporaryDirectory() as folder:
        log = StoreLog(Path(folder) / "store.db", store="bench")
        engine = Engine(plan, registry, log, {}, START, commit_every=1 << 30)
        facts = list(readings(FACTS + FACTS // 4))
        began = time.perf_counter()
        for first in range(0, FACTS, BATCH):
            take(engine, facts[first : first + BATCH])
        rate = FACTS / (time.perf_counter() - began)
        single = []
        for fact in facts[FACTS:]:
            began = time.perf_counter()
            take(engine, [fact])
            single.append((time.perf_counter() - began) * 1000)
        log.close()
    cut = statistics.quantiles(single, n=100)
    against = f"durable (FULL), each fact taken by {count} solutions, batches of {BATCH}"
    one = f"one fact at a time, from arrival to commit, through {count} solutions"
    return [
        Result(f"facts_through_{count}", rate, "facts/s", "", against, 1),
        Result(f"latency_p50_through_{count}", cut[49], "ms", "", one, len(single)),
        Result(f"latency_p99_through_{count}", cut[98], "ms", "", one, len(single)),
    ]


def take(engine: Engine, facts: list[Event]) -> None:
    """What the live loop does with what came in: accept, handle, commit."""
    engine.log.accept(facts)
    for number, event in engine.log.pending(len(facts)):
        engine.take_in(event, number)
    engine.flush()


def _restart(plan: Plan, registry: Registry) -> list[Result]:
    """From opening a log with a million events to a store that is ready, the demo bundle's solutions included."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        log = StoreLog(path, store=str(plan.store["store"]))
        engine = Engine(plan, registry, log, {}, START)
        events = readings(LONG_LOG)
        for _ in range(LONG_LOG // PAGE):
            with log.transaction():
                for _ in range(PAGE):
                    log.append(next(events))
        engine.begin()
        engine.level = log.last
        engine.flush()
        log.close()
        times = []
        for _ in range(3):
            began = time.perf_counter()
            log = StoreLog(path, store=str(plan.store["store"]))
            Engine(plan, registry, log, {}, START + timedelta(seconds=LONG_LOG))
            times.append(time.perf_counter() - began)
            log.close()
    against = f"stated limit; {LONG_LOG} events in the log, {len(plan.instances)} solutions; without the start of Python and imports"
    return [Result("restart_with_long_log", statistics.median(times), "s", "<= 5", against, len(times))]
