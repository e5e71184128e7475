"""Area `soak`: a week of the demo bundle through the real engine with a log on disk and compaction on. Does it stay as small as it was?"""

from __future__ import annotations

import gc
import os
import tempfile
import time
from datetime import date, datetime, timedelta
from pathlib import Path

from storeloom.core.bench.harness import Result
from storeloom.core.kernel.compose import compose
from storeloom.core.kernel.hours import StoreHours
from storeloom.core.kernel.plan import Plan
from storeloom.core.kernel.registry import ROOT, Registry
from storeloom.core.runtime.log import StoreLog
from storeloom.core.runtime.retention import compact
from storeloom.core.virtual.store import VirtualStore
from storeloom.core.virtual.trial import Trial

BUNDLE = ROOT / "examples" / "supermarket" / "bundle.toml"
START, DAYS, WARM, KEEP_DAYS = date(2026, 3, 2), 7, 2, 2.0
SEED, SCALE = 1, 0.4  # a smaller store: what grows, grows in it too


class Watch:
    """Does by day what a running store does beside its facts: settles what devices have answered, compacts; and measures."""

    def __init__(self, trial: Trial, hours: StoreHours) -> None:
        self._trial, self._engine, self._log, self._hours = trial, trial.engine, trial.engine.log, hours
        self._day = START
        self.resident: list[float] = []
        self.records: list[int] = []
        self.held_by: set[str] = set()

    def look(self, now: datetime) -> None:
        """Called every few hundred facts; at the first of a new day the one before is closed."""
        self._trial.result.outputs.clear()
        if now >= self._hours.midnight(self._day + timedelta(days=1)):
            self.close_day(now)

    def close_day(self, now: datetime) -> None:
        """Measure what a day left, in MiB."""
        self._engine.flush()
        settle(self._log)
        self.held_by |= set(compact(self._log, now, keep_days=KEEP_DAYS).held_by)
        self._day += timedelta(days=1)
        gc.collect()
        self.resident.append(resident_mb())
        self.records.append(self._log.last - self._log.oldest + 1)


def measure() -> list[Result]:
    """Resident memory and size of the log after the last day against those after the second, and how fast the week went."""
    registry = Registry()
    plan = compose(BUNDLE, registry).require()
    with tempfile.TemporaryDirectory() as folder:
        log = StoreLog(Path(folder) / "store.db", store=str(plan.store["store"]))
        watch, seconds, facts = _week(plan, registry, log)
        log.close()
    first, last = watch.resident[WARM - 1], watch.resident[-1]
    kept = max(watch.records[WARM:]) / watch.records[WARM]  # a day's end after WARM days is the first from which something may go
    against = f"after {WARM} days, when what is bounded has filled up; {facts} facts in {DAYS} days, {len(plan.instances)} solutions"
    held = f"held by {sorted(watch.held_by)}"
    log_against = f"records after {WARM + 1} days; it keeps {KEEP_DAYS:g} days, {watch.records[-1]} records; {held}"
    return [
        Result("week_resident_growth", last / first, "x", "<= 1.1", f"{first:.0f} MiB {against}", 1),
        Result("week_log_growth", kept, "x", "<= 1.25", log_against, 1),
        Result("week_speed", DAYS * 86400 / seconds, "times real time", "", "real time; log on disk, FULL, compaction", 1),
    ]


def _week(plan: Plan, registry: Registry, log: StoreLog) -> tuple[Watch, float, int]:
    store = VirtualStore(plan.store, seed=SEED, scale=SCALE)
    hours = StoreHours(str(plan.store["zone"]), plan.store["hours"])
    trial = Trial(plan, registry, store.tables, hours.midnight(START), log=log)
    watch = Watch(trial, hours)
    end = hours.midnight(START + timedelta(days=DAYS))
    began = time.perf_counter()
    result = trial.run(store.run(START, DAYS, trial.consumed), end, answer=store.command, progress=watch.look)
    while len(watch.resident) < DAYS:
        watch.close_day(end)
    return watch, time.perf_counter() - began, sum(result.facts.values())


def settle(log: StoreLog) -> None:
    """The virtual devices have done what they were told."""
    with log.transaction():
        for row in log.unsettled():
            log.settle(row.id, "sent", 1, row.due)


def resident_mb() -> float:
    """This process's resident memory in MiB."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
