"""The agent's journal: what is under way, and the reports that are to go up. One SQLite file; each step is one durable transaction.

A state and the report of it are written together, so that after a kill or a power cut at whatever point the agent goes on where it stood,
and has told neither more nor less than what happened. Reports stay until they are taken. What is told of the store's health is rolled up
when the line is cut for long; of states nothing is ever dropped.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import apsw
import orjson
from pydantic import BaseModel, ConfigDict, Field

from storeloom.core.agent.faults import no_room, room
from storeloom.core.kernel.events import parse_time, rfc3339
from storeloom.core.runtime.log_file import BUSY_MS, fault_of
from storeloom.core.trust.wire import Desired, Report, State

TABLES = """
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS report (
    id INTEGER PRIMARY KEY, seq INTEGER UNIQUE, at TEXT NOT NULL, kind TEXT NOT NULL, release TEXT, data BLOB NOT NULL
) STRICT;
"""
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=200", "journal_size_limit=1048576")
BATCH = 200
LEAST_FREE = 1 << 18  # bytes: what SQLite keeps beside a journal needs them
MOST_HEALTH, MOST_FIGURES = 500, 200
STANDING, LAST, JOINED, ENROLLED = "standing", "last_seq", "joined", "enrolled"


class Standing(BaseModel):
    """Where the agent stands.

    `wanted` is what the control plane wants; `target` what is being switched or fallen back to; `running` what `current` was last brought
    to; `goods` what proved good, the newest first. `watched_s` counts the health window, `starts` the failed starts in a row, `reason`
    says why it is not well, in en and zh. `again`: what was refused may go better later.
    """

    model_config = ConfigDict(frozen=True)

    state: State = "enrolled"
    wanted: Desired | None = None
    target: Desired | None = None
    running: Desired | None = None
    goods: tuple[Desired, ...] = ()
    watched_s: float = 0.0
    starts: int = 0
    reason: dict[str, str] | None = None
    again: bool = False
    before: dict[str, Any] = Field(default_factory=dict)  # how the store was before the switch: who rested, which devices were online

    @property
    def number(self) -> int:
        return self.wanted.number if self.wanted is not None else 0


class Journal:
    """The journal in a file, made where there is none. Its methods may be called from any thread.

    LogFault for a file that is damaged, NoRoom where the disk is full; then nothing of the step stands.
    """

    def __init__(self, path: Path, *, otherwise: Callable[[], Standing] = Standing) -> None:
        """`otherwise` says where the agent stands when the journal is new."""
        self.path = path
        self._lock = threading.RLock()
        self._db = self._open()
        with self._asking():
            row = self._db.execute("SELECT value FROM fact WHERE name = ?", (STANDING,)).fetchone()
            self._standing = otherwise() if row is None else Standing.model_validate_json(row[0])

    def _open(self) -> Any:
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        with self._faults():
            db = apsw.Connection(str(self.path))
            try:
                db.set_busy_timeout(BUSY_MS)
                for pragma in PRAGMAS:
                    db.execute(f"PRAGMA {pragma}").fetchall()
                db.execute(TABLES)
                for line in db.execute("PRAGMA quick_check").fetchall():
                    if line[0] != "ok":
                        raise apsw.CorruptError(line[0])
            except apsw.Error:
                db.close(True)
                raise
            return db

    @contextmanager
    def _faults(self) -> Iterator[None]:
        with room(self.path.parent):
            try:
                yield
            except apsw.Error as error:
                if isinstance(error, (apsw.IOError, apsw.CantOpenError)) and shutil.disk_usage(self.path.parent).free < LEAST_FREE:
                    raise no_room(self.path.parent) from error  # it has no room for the files that it keeps beside itself
                raise fault_of(error, str(self.path), 0) from error

    @contextmanager
    def _asking(self) -> Iterator[None]:
        with self._lock, self._faults():
            yield

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One durable transaction, or nothing."""
        with self._asking():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._db.in_transaction:  # on a full disk SQLite may have rolled back by itself
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @property
    def standing(self) -> Standing:
        """Where the agent stands."""
        return self._standing

    def move(self, state: State, at: datetime, *, told: Mapping[str, Any] | None = None, **changes: Any) -> Standing:
        """Go over to a state, with whatever else changes, and report it; one transaction. `told` goes into the report beside the reason."""
        standing = self._standing.model_copy(update={"state": state, "reason": None, "again": False, **changes})
        data = {"state": state, "number": standing.number, **(told or {})}
        if standing.reason is not None:
            data["reason"] = standing.reason
        running = standing.target if state in ("switching", "falling_back") else standing.running
        subject = running if state in ("switching", "watching", "good", "falling_back") else standing.wanted
        with self._writing():
            self._keep(standing)
            self._add(at, "state", subject.release if subject is not None else None, data)
        self._standing = standing
        return standing

    def note(self, **changes: Any) -> Standing:
        """Write down what changed within a state; nothing is reported."""
        standing = self._standing.model_copy(update=changes)
        if standing != self._standing:
            with self._writing():
                self._keep(standing)
            self._standing = standing
        return standing

    def _keep(self, standing: Standing) -> None:
        self._put(STANDING, standing.model_dump_json().encode())

    def _put(self, name: str, value: bytes) -> None:
        self._db.execute("INSERT OR REPLACE INTO fact (name, value) VALUES (?, ?)", (name, value))

    def _number(self, name: str) -> int:
        row = self._db.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        return 0 if row is None else int(row[0])

    def _add(self, at: datetime, kind: str, release: str | None, data: Mapping[str, Any]) -> None:
        values = (rfc3339(at), kind, release, orjson.dumps(data))
        self._db.execute("INSERT INTO report (at, kind, release, data) VALUES (?, ?, ?, ?)", values)

    def report(self, at: datetime, kind: str, data: Mapping[str, Any]) -> None:
        """Add a report of the store's health or figures; where too many wait, the older ones are rolled up."""
        running = self._standing.running
        with self._writing():
            self._add(at, kind, running.release if running is not None else None, data)
            most = MOST_HEALTH if kind == "health" else MOST_FIGURES
            bare = "FROM report WHERE kind = ? AND seq IS NULL"
            if self._db.execute(f"SELECT count(*) {bare}", (kind,)).fetchone()[0] > most:
                rows = self._db.execute(f"SELECT id, release, data {bare} ORDER BY id", (kind,)).fetchall()
                self._roll_up(kind, rows[: len(rows) // 4 * 2])

    def _roll_up(self, kind: str, rows: list[tuple[int, str | None, bytes]]) -> None:
        """Two neighbours of the same release become one."""
        for (first, release, older), (second, its, newer) in zip(rows[::2], rows[1::2], strict=True):
            if release == its:
                merged = (_health if kind == "health" else _figures)(orjson.loads(older), orjson.loads(newer))
                self._db.execute("UPDATE report SET data = ? WHERE id = ?", (orjson.dumps(merged), second))
                self._db.execute("DELETE FROM report WHERE id = ?", (first,))

    def waiting(self, most: int = BATCH) -> list[Report]:
        """The oldest reports that have not been taken, with the numbers that they have or will get as things stand."""
        with self._asking():
            rows = self._db.execute("SELECT seq, at, kind, release, data FROM report ORDER BY id LIMIT ?", (most,)).fetchall()
            last = self._number(LAST)
        made = []
        for seq, at, kind, release, data in rows:
            last = last + 1 if seq is None else last
            number = last if seq is None else seq
            made.append(Report(seq=number, at=parse_time(at), kind=kind, release=release, data=orjson.loads(data)))
        return made

    def batch(self, most: int = BATCH) -> list[Report]:
        """What is to be sent next. A report gets its number here, durably, before it is sent: numbers have no gaps, and what has one stays
        as it is."""
        with self._asking():
            bare = self._db.execute("SELECT id, seq FROM report ORDER BY id LIMIT ?", (most,)).fetchall()
        if any(seq is None for _, seq in bare):
            with self._writing():
                last = self._number(LAST)
                for row, seq in bare:
                    if seq is None:
                        last += 1
                        self._db.execute("UPDATE report SET seq = ? WHERE id = ?", (last, row))
                self._put(LAST, str(last).encode())
        return self.waiting(most)

    @property
    def made(self) -> int:
        """The newest number that was given."""
        with self._asking():
            return self._number(LAST)

    @property
    def joined(self) -> bool:
        """Whether this journal's numbers follow on those that the control plane has; a new journal has yet to ask."""
        with self._asking():
            return self._number(JOINED) == 1

    def join(self, seq: int) -> None:
        """The control plane has reports up to `seq` of this agent: what waits is numbered on from there."""
        with self._writing():
            self._db.execute("UPDATE report SET seq = NULL")
            self._put(LAST, str(seq).encode())
            self._put(JOINED, b"1")

    def enrolled(self, at: datetime) -> None:
        """The agent is as it was enrolled then: after another enrolment the control plane begins to count anew."""
        with self._writing():
            row = self._db.execute("SELECT value FROM fact WHERE name = ?", (ENROLLED,)).fetchone()
            if row is None or row[0] != rfc3339(at).encode():
                self._put(ENROLLED, rfc3339(at).encode())
                self._put(JOINED, b"0")

    def taken(self, seq: int) -> None:
        """All reports up to `seq` are stored above; one that was never sent stays."""
        with self._writing():
            self._db.execute("DELETE FROM report WHERE seq <= ?", (seq,))

    def close(self) -> None:
        """Let the file go."""
        with self._lock:
            self._db.close()


def _health(older: Mapping[str, Any], newer: Mapping[str, Any]) -> dict[str, Any]:
    """Two looks at a store as one: it was well if it was at both."""
    looks = int(older.get("looks", 1)) + int(newer.get("looks", 1))
    ill = int(older.get("ill", not older["ok"])) + int(newer.get("ill", not newer["ok"]))
    return {**newer, "ok": ill == 0, "looks": looks, "ill": ill}


def _figures(older: Mapping[str, Any], newer: Mapping[str, Any]) -> dict[str, Any]:
    """Of each figure of a day the newest."""
    found = {(one["instance"], one["name"], one["span"], one["begins"]): one for part in (older, newer) for one in part["figures"]}
    return {"figures": list(found.values())}
