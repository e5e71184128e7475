"""Area `runtime`: a virtual supermarket day through eight solutions against real time, and the log beside bare SQLite."""

from __future__ import annotations

import statistics
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import apsw
import orjson

from storeloom.core.bench.harness import Result, interleaved
from storeloom.core.kernel.compose import compose
from storeloom.core.kernel.events import Event, event_id
from storeloom.core.kernel.registry import ROOT, Registry
from storeloom.core.runtime.log import StoreLog
from storeloom.core.virtual.trial import try_virtual

BUNDLE = ROOT / "examples" / "supermarket" / "bundle.toml"
EVENTS, BATCH, RUNS = 20_000, 1_000, 5


def measure() -> list[Result]:
    """The demo bundle's virtual day, and appends at equal batch and durability."""
    registry = Registry()
    plan = compose(BUNDLE, registry).require()
    results = [try_virtual(plan, registry, start=date(2026, 3, 2), seed=seed) for seed in (1, 2, 3)]
    receipts = statistics.median(result.facts["pos.sale"] for result in results)
    speed = statistics.median(result.speed for result in results)
    against = f"real time; {len(plan.instances)} solutions, {receipts:.0f} receipts, {sum(results[0].facts.values())} facts"
    return [Result("virtual_day", speed, "times real time", ">= 500", against, len(results)), *_log()]


def _log() -> list[Result]:
    start = datetime(2026, 3, 2, tzinfo=UTC)
    times = [start + timedelta(seconds=n) for n in range(EVENTS)]
    data = {"sensor": "probe-12", "kind": "temperature", "value": 4.25, "unit": "C", "asset": "chiller-3", "quality": "good"}
    events = [Event("sensor.reading", t, data, event_id(t, "probe", n), "store-014", "probe-12", t) for n, t in enumerate(times)]
    with tempfile.TemporaryDirectory() as folder:
        number = 0

        def ours() -> None:
            nonlocal number
            number += 1
            log = StoreLog(Path(folder) / f"ours-{number}.db")
            for first in range(0, EVENTS, BATCH):
                with log.transaction():
                    for event in events[first : first + BATCH]:
                        log.append(event)
            log.close()

        def bare() -> None:
            nonlocal number
            number += 1
            db = apsw.Connection(f"{folder}/bare-{number}.db")
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            db.execute("CREATE TABLE log(seq INTEGER PRIMARY KEY, id TEXT UNIQUE, stream TEXT, time INTEGER, data BLOB)")
            for first in range(0, EVENTS, BATCH):
                db.execute("BEGIN IMMEDIATE")
                rows = [(e.id, e.stream, 0, orjson.dumps(e.data)) for e in events[first : first + BATCH]]
                db.executemany("INSERT INTO log(id, stream, time, data) VALUES(?,?,?,?)", rows)
                db.execute("COMMIT")
            db.close()

        found = interleaved({"ours": ours, "bare": bare}, RUNS)
    ratio = found["bare"] / found["ours"]
    return [Result("log_append_against_bare", ratio, "ratio", ">= 0.5", f"bare SQLite, FULL, batches of {BATCH}, unique id", RUNS)]
