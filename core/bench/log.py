"""Area `log`: the store log beside bare SQLite and the bare disk, in one run and at equal durability."""

from __future__ import annotations

import os
import tempfile
from datetime import timedelta
from pathlib import Path

import apsw
import orjson

from storeloom.core.bench.harness import Result, interleaved
from storeloom.core.bench.runtime import START, readings
from storeloom.core.kernel.events import Event
from storeloom.core.runtime.log import StoreLog, instant

EVENTS, BATCH, RUNS = 20_000, 1_000, 9
SINGLE = 200


def measure() -> list[Result]:
    """Appends in batches, single durable appends, replay."""
    with tempfile.TemporaryDirectory() as folder:
        return [_append(Path(folder)), _durable(Path(folder)), _replay(Path(folder))]


def _bare(path: Path) -> apsw.Connection:
    db = apsw.Connection(str(path))
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE IF NOT EXISTS log(seq INTEGER PRIMARY KEY, id TEXT UNIQUE, stream TEXT, time INTEGER, data BLOB)")
    return db


def _append(folder: Path) -> Result:
    events = list(readings(EVENTS))
    number = 0

    def ours() -> None:
        nonlocal number
        number += 1
        log = StoreLog(folder / f"ours-{number}.db")
        for first in range(0, EVENTS, BATCH):
            with log.transaction():
                for event in events[first : first + BATCH]:
                    log.append(event)
        log.close()

    def bare() -> None:
        nonlocal number
        number += 1
        db = _bare(folder / f"bare-{number}.db")
        for first in range(0, EVENTS, BATCH):
            db.execute("BEGIN IMMEDIATE")
            rows = [(e.id, e.stream, 0, orjson.dumps(e.data)) for e in events[first : first + BATCH]]
            db.executemany("INSERT INTO log(id, stream, time, data) VALUES(?,?,?,?)", rows)
            db.execute("COMMIT")
        db.close()

    found = interleaved({"ours": ours, "bare": bare}, RUNS)
    against = f"bare SQLite, FULL, batches of {BATCH}, unique id"
    return Result("log_append_against_bare", found["bare"] / found["ours"], "ratio", ">= 0.5", against, RUNS)


def _durable(folder: Path) -> Result:
    """One fact accepted, so that it survives a power cut, against one line appended to a file and synced."""
    log = StoreLog(folder / "durable.db")
    file = os.open(folder / "durable.txt", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    events = readings(SINGLE * (RUNS + 1), START + timedelta(days=1))
    line = orjson.dumps(next(events).data) + b"\n"

    def ours() -> None:
        for _ in range(SINGLE):
            with log.transaction():
                log.append(next(events))

    def bare() -> None:
        for _ in range(SINGLE):
            os.write(file, line)
            os.fdatasync(file)

    found = interleaved({"ours": ours, "bare": bare}, RUNS)
    os.close(file)
    log.close()
    return Result("durable_append", found["ours"] / found["bare"], "ratio", "<= 2.5", "append to a file + fdatasync", RUNS * SINGLE)


def _replay(folder: Path) -> Result:
    """Every record read and checked, against a scan that decodes the same events."""
    log = StoreLog(folder / "replay.db")
    with log.transaction():
        for event in readings(EVENTS):
            log.append(event)
    db = apsw.Connection(str(folder / "replay.db"))

    def bare() -> int:
        rows = db.execute("SELECT id, stream, source, store, time, received, data FROM log ORDER BY seq")
        return sum(
            len(Event(stream, instant(at), orjson.loads(data), new_id, store, source, instant(received)).id)
            for new_id, stream, source, store, at, received, data in rows
        )

    found = interleaved({"ours": lambda: sum(1 for _ in log.read()), "bare": bare}, RUNS)
    db.close()
    log.close()
    return Result("replay_against_bare", found["bare"] / found["ours"], "ratio", ">= 0.7", "scan + orjson + Event, without checksums", RUNS)
