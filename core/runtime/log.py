"""The store log: one SQLite file a store holds every fact, and each solution's offset, state, alarms and outbox beside it.

Whatever one step changes (appended outputs, state, offset, alarms, commands to send) is committed in one transaction, so a kill at any
point leaves either all of it or none. Durability is `synchronous=FULL` in WAL mode: what was acknowledged survives a power cut. Every
record carries a checksum, for SQLite does not notice a flipped bit.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import orjson

from storeloom.core.kernel.errors import Finding, LogFault
from storeloom.core.kernel.events import Event

FORMAT = 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TABLES = """
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS log(seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, stream TEXT NOT NULL, source TEXT NOT NULL,
  store TEXT NOT NULL, time INTEGER NOT NULL, received INTEGER NOT NULL, hops INTEGER NOT NULL, data BLOB NOT NULL, crc INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS instance(name TEXT PRIMARY KEY, solution TEXT NOT NULL, version TEXT NOT NULL, offset INTEGER NOT NULL,
  clock INTEGER NOT NULL, started INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS state(instance TEXT, key TEXT, value BLOB NOT NULL, PRIMARY KEY(instance, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS alarm(instance TEXT, name TEXT, key TEXT, due INTEGER NOT NULL, data BLOB NOT NULL,
  PRIMARY KEY(instance, name, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outbox(id TEXT PRIMARY KEY, seq INTEGER NOT NULL, instance TEXT NOT NULL, stream TEXT NOT NULL,
  status TEXT NOT NULL, tries INTEGER NOT NULL, due INTEGER NOT NULL, note TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS failure(instance TEXT, at INTEGER, event TEXT, handler TEXT, reason TEXT);
"""


_APPEND = "INSERT INTO log VALUES(?,?,?,?,?,?,?,?,?,?) ON CONFLICT(id) DO NOTHING"


class Record(NamedTuple):
    """One line of the log."""

    seq: int
    event: Event
    hops: int


def micros(time: datetime) -> int:
    """Microseconds since 1970, as the log keeps times."""
    return (time - _EPOCH) // _MICROSECOND


def instant(value: int) -> datetime:
    return _EPOCH + timedelta(microseconds=value)


def safe_version(version: str) -> bool:
    """Whether an SQLite version is free of the WAL-reset bug (3.7.0 to 3.51.2, mended in 3.44.6 and 3.50.7)."""
    numbers = tuple(int(part) for part in version.split(".")[:3])
    return numbers >= (3, 51, 3) or (numbers[:2] == (3, 44) and numbers >= (3, 44, 6)) or (numbers[:2] == (3, 50) and numbers >= (3, 50, 7))


class StoreLog:
    """The durable log of one store. Not for use from several threads; one process writes it."""

    def __init__(self, path: str | Path = ":memory:", *, store: str = "") -> None:
        self.path = str(path)
        if not safe_version(apsw.sqlite_lib_version()):
            raise LogFault(Finding("SL-LOG-03", {"version": apsw.sqlite_lib_version()}))
        self._refuse_stump()
        try:
            self._db: Any = apsw.Connection(self.path)
            self._db.set_busy_timeout(5000)
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=2000", "cache_size=-8000"):
                self._db.execute(f"PRAGMA {pragma}")
            self._db.execute(_TABLES)
            self._own(store)
        except apsw.Error as error:
            raise LogFault(Finding("SL-LOG-01", {"file": self.path, "reason": str(error)}, file=self.path)) from error
        self.last = self._newest()

    def _refuse_stump(self) -> None:
        """LogFault for a file too short for SQLite's header, which SQLite itself would take for a new one."""
        file = Path(self.path)
        size = file.stat().st_size if file.is_file() else 0
        if 0 < size < 512:
            reason = {"en": f"it is cut off after {size} bytes", "zh": f"文件在 {size} 字节处被截断"}
            raise LogFault(Finding("SL-LOG-01", {"file": self.path, "reason": reason}, file=self.path))

    def _newest(self) -> int:
        row = self._db.execute("SELECT coalesce(max(seq), 0) FROM log").fetchone()
        return int(row[0])

    def _own(self, store: str) -> None:
        """Check the file's format and whose it is; a new file is marked."""
        marks = dict(self._db.execute("SELECT key, value FROM meta").fetchall())
        if not marks:
            self._db.executemany("INSERT INTO meta VALUES(?, ?)", [("format", str(FORMAT)), ("store", store)])
        elif marks.get("format") != str(FORMAT):
            got = marks.get("format")
            reason = {"en": f"its format is {got}, this version reads {FORMAT}", "zh": f"其格式为 {got}，本版本读取 {FORMAT}"}
            raise LogFault(Finding("SL-LOG-01", {"file": self.path, "reason": reason}, file=self.path))
        elif store and marks.get("store") != store:
            raise LogFault(Finding("SL-LOG-04", {"file": self.path, "got": marks.get("store"), "wanted": store}, file=self.path))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside count together or not at all."""
        self.begin()
        try:
            yield
        except BaseException:
            self.rollback()
            raise
        self.commit()

    def begin(self) -> None:
        """Open a transaction; until `commit` nothing of it is durable."""
        self._do("BEGIN IMMEDIATE")

    def commit(self) -> None:
        self._do("COMMIT")

    def rollback(self) -> None:
        self._do("ROLLBACK")
        self.last = self._newest()

    def _do(self, statement: str) -> None:
        try:
            self._db.execute(statement)
        except apsw.Error as error:
            raise LogFault(Finding("SL-LOG-01", {"file": self.path, "reason": str(error)}, file=self.path)) from error

    def append(self, event: Event, hops: int = 0) -> int | None:
        """Append an event; its sequence, or None when an event of this id is already there."""
        seq = self.last + 1
        time = micros(event.time)
        received = time if event.received is None or event.received is event.time else micros(event.received)
        row = (seq, event.id, event.stream, event.source, event.store, time, received, hops, orjson.dumps(event.data))
        self._db.execute(_APPEND, (*row, checksum(row)))
        if self._db.changes() == 0:
            return None
        self.last = seq
        return seq

    def read(self, after: int = 0, limit: int = -1) -> Iterator[Record]:
        """Records after a sequence, in order, each checked against its checksum."""
        query = "SELECT seq, id, stream, source, store, time, received, hops, data, crc FROM log WHERE seq > ? ORDER BY seq LIMIT ?"
        try:
            for row in self._db.execute(query, (after, limit)):
                yield self._record(row)
        except apsw.Error as error:
            raise LogFault(Finding("SL-LOG-01", {"file": self.path, "reason": str(error)}, file=self.path)) from error

    def _record(self, row: tuple[Any, ...]) -> Record:
        seq, event_id, stream, source, store, time, received, hops, data, crc = row
        if not isinstance(data, bytes) or checksum(row[:-1]) != crc:
            raise LogFault(
                Finding(
                    "SL-LOG-02",
                    {"seq": seq, "file": self.path, "reason": {"en": "its checksum differs", "zh": "校验和不符"}},
                    file=self.path,
                )
            )
        event = Event(stream, instant(time), orjson.loads(data), event_id, store, source, instant(received))
        return Record(seq, event, hops)

    def instances(self) -> dict[str, tuple[int, int, int]]:
        """Offset, clock (microseconds) and start of each instance that ever ran here."""
        rows = self._db.execute("SELECT name, offset, clock, started FROM instance")
        return {name: (offset, clock, started) for name, offset, clock, started in rows}

    def save_instance(self, name: str, solution: str, version: str, offset: int, clock: int, started: int) -> None:
        self._db.execute("INSERT OR REPLACE INTO instance VALUES(?,?,?,?,?,?)", (name, solution, version, offset, clock, started))

    def load_state(self, instance: str) -> dict[str, bytes]:
        return dict(self._db.execute("SELECT key, value FROM state WHERE instance = ?", (instance,)).fetchall())

    def save_state(self, instance: str, changed: Iterable[tuple[str, bytes | None]]) -> None:
        for key, value in changed:
            if value is None:
                self._db.execute("DELETE FROM state WHERE instance = ? AND key = ?", (instance, key))
            else:
                self._db.execute("INSERT OR REPLACE INTO state VALUES(?,?,?)", (instance, key, value))

    def load_alarms(self, instance: str) -> list[tuple[str, str, int, bytes]]:
        return list(self._db.execute("SELECT name, key, due, data FROM alarm WHERE instance = ?", (instance,)))

    def save_alarm(self, instance: str, name: str, key: str, due: int | None, data: bytes = b"{}") -> None:
        if due is None:
            self._db.execute("DELETE FROM alarm WHERE instance = ? AND name = ? AND key = ?", (instance, name, key))
        else:
            self._db.execute("INSERT OR REPLACE INTO alarm VALUES(?,?,?,?,?)", (instance, name, key, due, data))

    def push(self, command_id: str, seq: int, instance: str, stream: str, due: int) -> None:
        """Put a command into the outbox; the same id twice is one command."""
        self._db.execute("INSERT OR IGNORE INTO outbox VALUES(?,?,?,?,'waiting',0,?,NULL)", (command_id, seq, instance, stream, due))

    def waiting(self, now: int) -> list[tuple[str, int, str, str, int]]:
        """Commands that are due to be sent: id, log sequence, instance, stream, tries; in order of the log."""
        query = "SELECT id, seq, instance, stream, tries FROM outbox WHERE status = 'waiting' AND due <= ? ORDER BY seq"
        return list(self._db.execute(query, (now,)))

    def settle(self, command_id: str, status: str, tries: int, due: int, note: str | None = None) -> None:
        """Record what became of a command: `sent`, `waiting` (again at `due`) or `dead`."""
        self._db.execute("UPDATE outbox SET status=?, tries=?, due=?, note=? WHERE id=?", (status, tries, due, note, command_id))

    def outbox(self) -> dict[str, int]:
        """How many commands are in which status."""
        return dict(self._db.execute("SELECT status, count(*) FROM outbox GROUP BY status").fetchall())

    def save_failure(self, instance: str, at: int, event: str, handler: str, reason: str) -> None:
        self._db.execute("INSERT INTO failure VALUES(?,?,?,?,?)", (instance, at, event, handler, reason))

    def failures(self) -> list[tuple[str, int, str, str, str]]:
        return list(self._db.execute("SELECT instance, at, event, handler, reason FROM failure ORDER BY at"))

    def event(self, seq: int) -> Event:
        """One logged event."""
        return next(self.read(seq - 1, 1)).event

    def close(self) -> None:
        self._db.close()


def checksum(row: tuple[Any, ...]) -> int:
    """CRC-32 over all fields of a record but the checksum itself."""
    seq, new_id, stream, source, store, time, received, hops, data = row
    return zlib.crc32(data, zlib.crc32(f"{seq}|{new_id}|{stream}|{source}|{store}|{time}|{received}|{hops}".encode()))
