"""The store log: one SQLite file a store holds every fact, and each solution's offset, state, alarms and outbox beside it.

Whatever one step changes (appended outputs, state, offset, alarms, commands to send) is committed in one transaction, so a kill at any
point leaves either all of it or none. Durability is `synchronous=FULL` in WAL mode: what was acknowledged survives a power cut. Every
row carries a checksum, for SQLite does not notice a flipped bit. A fault while writing is a LogFault; the process must end on it and
start again from the file.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import apsw
import orjson

from storeloom.core.kernel.errors import LogFault
from storeloom.core.kernel.events import Event, instant, micros
from storeloom.core.runtime.log_delivery import DeliveryRows
from storeloom.core.runtime.log_file import unusable
from storeloom.core.runtime.log_instances import InstanceRows
from storeloom.core.runtime.log_migrate import OLD_META, migrate
from storeloom.core.runtime.log_records import RecordRows
from storeloom.core.runtime.log_tables import (
    FORMAT,
    LOG_COLUMNS,
    Record,
    checksum,
    event_fields,
    event_of,
    insert,
    opened,
    sealed,
)
from storeloom.core.runtime.sqlite_version import safe_version

__all__ = ["FORMAT", "Record", "StoreLog", "instant", "micros", "safe_version"]

_APPEND = f"INSERT INTO log({LOG_COLUMNS}) VALUES(?,?,?,?,?,?,?,?,?,?,?)"
_ACCEPT = insert("inbox", "INSERT OR IGNORE INTO")
_PENDING = "SELECT id, stream, source, store, time, received, data, crc, number FROM inbox ORDER BY number LIMIT ?"


class StoreLog(RecordRows, InstanceRows, DeliveryRows):
    """The durable log of one store. Not for use from several threads; one process appends, others may `ask` it or compact it.

    `last` is the newest sequence. `vfs` names another of SQLite's file systems, for tests.
    """

    def __init__(self, path: str | Path = ":memory:", *, store: str = "", vfs: str | None = None) -> None:
        super().__init__(path, vfs=vfs)
        self.last = self._last_at_begin = 0
        try:
            if "crc" not in self.columns("meta"):
                with self.together():
                    self._make(store)
            self.marks(store)
            self.last = self.newest()
            self._insert = self._db.cursor().execute
        except LogFault:
            self._abandon()
            raise

    def _make(self, store: str) -> None:
        """Make the tables, of nothing or of an older format; within a transaction, for two processes may come at once."""
        columns = self.columns("meta")
        if columns == OLD_META:
            migrate(self)
        elif not columns:
            if self.one("SELECT count(*) FROM sqlite_schema"):
                raise unusable(self.path, {"en": "it is some other SQLite file", "zh": "它是其他 SQLite 文件"})
            self.create((("format", str(FORMAT)), ("store", store)))

    def begin(self) -> None:
        """Open a transaction; until `commit` nothing of it is durable."""
        super().begin()
        self._last_at_begin = self.last

    def rollback(self) -> None:
        """Take back what was written since `begin`."""
        self.last = self._last_at_begin
        super().rollback()

    def append(self, event: Event, hops: int = 0, cause: int = 0) -> int | None:
        """Append an event; its sequence, or None when an event of this id is already there.

        `cause` is the sequence of the record whose handling brought it, 0 where there is none.
        """
        seq = self.last + 1
        time = micros(event.time)
        received = time if event.received is None or event.received is event.time else micros(event.received)
        head = (seq, event.id, event.stream, event.source, event.store, time, received, hops, cause)
        data = orjson.dumps(event.data)
        try:
            self._insert(_APPEND, (*head, data, checksum(head, data)))
        except apsw.ConstraintError as error:
            if str(error) == "UNIQUE constraint failed: log.id":
                return None
            raise self.fault(error) from error
        except apsw.Error as error:
            raise self.fault(error) from error
        self.last = seq
        return seq

    def accept(self, events: Iterable[Event]) -> list[bool]:
        """Take facts into the inbox in a transaction of its own: durable on return. False for a repeat, known in the log or the inbox."""
        taken = []
        with self.transaction():
            for event in events:
                known = self.one("SELECT 1 FROM log WHERE id = ?", (event.id,)) is not None
                taken.append(not known and self.run(_ACCEPT, sealed("inbox", *event_fields(event))) > 0)
        return taken

    def pending(self, limit: int = -1) -> list[tuple[int, Event]]:
        """Facts that are accepted but not yet handled, with their inbox numbers, in order of arrival."""
        return [(row[-1], event_of(opened("inbox", row[:-1], self.path))) for row in self.rows(_PENDING, (limit,))]

    def waiting_facts(self) -> int:
        """How many facts are in the inbox."""
        return int(self.one("SELECT count(*) FROM inbox"))

    def taken(self, number: int) -> None:
        """A fact leaves the inbox; inside the transaction that appends it."""
        self.run("DELETE FROM inbox WHERE number = ?", (number,))

    def forget(self, before: int, limit: int) -> int:
        """Delete the oldest records, those below a sequence, at most `limit`; the newest record stays. Returns how many were deleted.

        Part of compaction, which knows what may go; see `retention.compact`.
        """
        first = self.oldest
        end = min(before, first + limit, self.newest())
        if end <= first:
            return 0
        with self.together():
            deleted = self.run("DELETE FROM log WHERE seq < ?", (end,))
            self.mark("oldest", end)
        return deleted

    def size_bytes(self) -> int:
        """The size of the file with its write-ahead log."""
        if self.path == ":memory:":
            return int(self.one("PRAGMA page_count")) * int(self.one("PRAGMA page_size"))
        files = (Path(self.path), Path(f"{self.path}-wal"))
        return sum(file.stat().st_size for file in files if file.is_file())
