"""Area `solutions`: what each solution's handlers cost over a virtual month and what they keep; a store with all that fit, at its busiest.

The month runs on a store of a tenth of the usual size, all solutions of a format side by side, each charged for its own handlers only.
The busy hour runs on a store of the usual size and a durable log that commits every event by itself. What each job took is laid before one
server with a queue, at such a pace that 20 receipts a minute come: what arrives while another is handled waits.
What runs in a process of its own in a store (loads `forecast` and `optimise`) is not charged to the others.
"""

from __future__ import annotations

import gc
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from storeloom.core.bench.harness import Result
from storeloom.core.kernel.hours import StoreHours
from storeloom.core.kernel.plan import Plan
from storeloom.core.kernel.registry import Registry
from storeloom.core.runtime.heap import settle
from storeloom.core.runtime.log import StoreLog
from storeloom.core.virtual.formats import NAMES
from storeloom.core.virtual.solo import all_that_fit
from storeloom.core.virtual.store import VirtualStore
from storeloom.core.virtual.trial import Trial

START, DAYS, SMALL, SEED = date(2026, 3, 2), 30, 0.1, 1
BUSY_FROM, BUSY_FOR, RATE = timedelta(hours=17), timedelta(hours=1), 20
RUNNING = timedelta(minutes=10)  # before the busy hour: what is done once after a start is done
LIMIT_MS = 250
APART = ("forecast", "optimise")


def measure(quick: bool = False) -> list[Result]:
    """A row for each solution (`month/<id>/<figure>`) and the latency of all that fit; `quick`: two days and the supermarket only."""
    registry = Registry()
    rows: dict[str, list[Result]] = {}
    latencies: list[Result] = []
    for store_format in tuple(NAMES)[:1] if quick else NAMES:
        plan = all_that_fit(registry, store_format).require()
        latencies += _busy(plan, registry, store_format)
        if {item.solution for item in plan.instances} - rows.keys():
            rows = _month(plan, registry, 2 if quick else DAYS) | rows
    return [figure for name in sorted(rows) for figure in rows[name]] + latencies


def _month(plan: Plan, registry: Registry, days: int) -> dict[str, list[Result]]:
    """Each solution's events a second and longest handler over the days, and its state at the end (rows of the store log, KiB)."""
    store = VirtualStore(plan.store, seed=SEED, scale=SMALL)
    hours = StoreHours(str(plan.store["zone"]), plan.store["hours"])
    log = StoreLog(store=str(plan.store["store"]))
    trial = Trial(plan, registry, store.tables, hours.midnight(START), log=log)
    outputs = trial.result.outputs
    trial.run(
        store.run(START, days, trial.consumed),
        hours.midnight(START + timedelta(days=days)),
        answer=store.command,
        progress=lambda _: outputs.clear(),
    )
    kept = Counter({name: sum(len(value) for value in log.load_state(name).values()) for name in trial.engine.instances})
    found = {}
    for member in trial.engine.crew:
        meter, told = member.meter, f"{member.meter.handled} events in {days} virtual days, {plan.store['format']}"
        rate = meter.handled / meter.busy_s if meter.busy_s else 0.0
        name = f"month/{member.item.solution}"
        found[member.item.solution] = [
            Result(f"{name}/events_s", rate, "events/s", "", told, 1),
            Result(f"{name}/longest_ms", meter.longest_s * 1000, "ms", "", told, 1),
            Result(f"{name}/state_kib", kept[member.name] / 1024, "KiB", "", told, 1),
        ]
    log.close()
    return found


def table(results: list[Result]) -> Iterator[str]:
    """A line a solution, the slowest first."""
    cells: dict[str, dict[str, Result]] = {}
    for result in (result for result in results if result.in_table and result.name.startswith("month/")):
        _, solution, figure = result.name.split("/")
        cells.setdefault(solution, {})[figure] = result
    yield f"{'solution':32} {'events/s':>12} {'longest ms':>12} {'state KiB':>12}"
    for solution, one in sorted(cells.items(), key=lambda item: -item[1]["longest_ms"].value):
        yield f"{solution:32} {one['events_s'].value:12.0f} {one['longest_ms'].value:12.1f} {one['state_kib'].value:12.1f}"


class _Busy(Trial):
    """A trial that times every job of the engine once `since` has come, each with its commit."""

    def watch(self, since: datetime) -> list[tuple[datetime, float, bool]]:
        """Jobs as they are done: when they arrived or came due, their seconds, whether an event (else due work)."""
        self._since, self._jobs = since, list[tuple[datetime, float, bool]]()
        self._apart = [one for one in self.engine.crew if one.runner.declared.load in APART]
        engine, feed, step = self.engine, self.engine.feed, self.engine.step
        engine.feed = lambda fact, key: self._timed(fact.received, feed, fact, key)  # type: ignore[method-assign]
        engine.step = lambda before: self._timed(None, step, before)  # type: ignore[method-assign]
        return self._jobs

    def _timed(self, arrival: datetime | None, call: Any, *args: Any) -> Any:
        elsewhere, began = self._elsewhere(), time.perf_counter()
        done = call(*args)
        self.engine.flush()
        seconds = max(0.0, time.perf_counter() - began - (self._elsewhere() - elsewhere))
        if self.engine.now >= self._since and (arrival is not None or done):
            self._jobs.append((arrival or self.engine.now, seconds, arrival is not None))
        return done

    def _elsewhere(self) -> float:
        return sum(one.meter.busy_s for one in self._apart)


def latencies(jobs: Sequence[tuple[datetime, float, bool]], since: datetime, pace: float) -> list[float]:
    """Milliseconds from each event's arrival to its commit: jobs in order before one server, arriving `pace` times as fast as they did."""
    free, found = 0.0, []
    for at, seconds, is_event in jobs:
        arrival = (at - since).total_seconds() / pace
        free = max(free, arrival) + seconds
        if is_event:
            found.append((free - arrival) * 1000)
    return found


def _busy(plan: Plan, registry: Registry, store_format: str) -> list[Result]:
    """Latency of events in a store's busy hour, its pace raised to `RATE` receipts a minute."""
    with tempfile.TemporaryDirectory() as folder:
        store = VirtualStore(plan.store, seed=SEED)
        since = StoreHours(str(plan.store["zone"]), plan.store["hours"]).midnight(START) + BUSY_FROM
        log = StoreLog(Path(folder) / "store.db", store=str(plan.store["store"]))
        trial = _Busy(plan, registry, store.tables, since - RUNNING, log=log)
        jobs = trial.watch(since)
        settle()  # as a store's own process does
        facts = (fact for fact in store.run(START, 1, trial.consumed) if since - RUNNING <= fact.received < since + BUSY_FOR)
        result = trial.run(facts, since + BUSY_FOR, answer=store.command)
        log.close()
        gc.unfreeze()
    sold = result.facts["pos.sale"] / ((RUNNING + BUSY_FOR).total_seconds() / 60)
    found = latencies(jobs, since, max(1.0, RATE / sold))
    cut = statistics.quantiles(found, n=100)
    told = f"{len(plan.instances)} solutions of a {store_format}, {len(found)} events, each committed (FULL)"
    told += f"; {sold:.1f} sales a minute, paced to {max(RATE, sold):.0f}"
    return [
        Result(f"{store_format}_latency_p50", cut[49], "ms", "", told, 1),
        Result(f"{store_format}_latency_p99", cut[98], "ms", f"<= {LIMIT_MS}", f"stated limit; {told}", 1),
    ]
