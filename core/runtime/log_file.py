"""The store log as a file: how it is opened and locked, its transactions, and what SQLite's errors mean to an operator."""

from __future__ import annotations

import errno
import shutil
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import apsw

from storeloom.core.kernel.errors import Finding, LogFault
from storeloom.core.runtime.log_tables import FORMAT, TABLES, damaged, insert, opened, sealed, select
from storeloom.core.runtime.sqlite_version import safe_version

STORE_DB = "store.db"  # the log in a store's data folder
BUSY_MS = 5000
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=2000", "journal_size_limit=67108864", "cache_size=-8000")
_WAL_HEADER, _FRAME_HEADER = 32, 24


def unusable(file: str, reason: object) -> LogFault:
    """The fault of a log that cannot be opened, read or written."""
    return LogFault(Finding("SL-LOG-01", {"file": file, "reason": reason}, file=file))


def broken(file: str, en: str, zh: str) -> LogFault:
    """The fault of a log whose parts do not fit one another."""
    return LogFault(Finding("SL-LOG-07", {"file": file, "reason": {"en": en, "zh": zh}}, file=file))


def foreign_format(file: str, got: str | None) -> LogFault:
    """The fault of a format that this version does not read."""
    return unusable(file, {"en": f"its format is {got}, this version reads {FORMAT}", "zh": f"其格式为 {got}，本版本读取 {FORMAT}"})


def refuse_stump(file: str) -> None:
    """LogFault for a file too short for SQLite's header, which SQLite itself would take for a new one."""
    path = Path(file)
    size = path.stat().st_size if path.is_file() else 0
    if 0 < size < 512:
        raise unusable(file, {"en": f"it is cut off after {size} bytes", "zh": f"文件在 {size} 字节处被截断"})


def fault_of(error: apsw.Error, file: str, system: int) -> LogFault:
    """What an error of SQLite on a file means; `system` is the system's own error number, 0 where there is none."""
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return LogFault(Finding("SL-LOG-08", {"file": file, "wait_s": BUSY_MS // 1000}, file=file))
    if not isinstance(error, apsw.FullError) and not (isinstance(error, apsw.IOError) and system == errno.ENOSPC):
        return unusable(file, str(error))
    folder = Path(file).absolute().parent
    free = shutil.disk_usage(folder).free // (1 << 20) if folder.is_dir() else 0
    return LogFault(Finding("SL-LOG-05", {"file": file, "free": free}, file=file))


class LogFile:
    """One connection to a log file; every error of SQLite leaves it as a LogFault.

    With `readonly` nothing is ever written, and any write is a LogFault. `vfs` names another of SQLite's file systems, for tests.
    """

    def __init__(self, path: str | Path, *, readonly: bool = False, vfs: str | None = None) -> None:
        self.path, self.vfs = str(path), vfs
        if not safe_version(apsw.sqlite_lib_version()):
            raise LogFault(Finding("SL-LOG-03", {"version": apsw.sqlite_lib_version()}))
        refuse_stump(self.path)
        try:
            flags = apsw.SQLITE_OPEN_READONLY if readonly else apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
            self._db: Any = apsw.Connection(self.path, flags=flags, vfs=vfs)
        except apsw.Error as error:
            raise self.fault(error) from error
        try:
            self._db.set_busy_timeout(BUSY_MS)
            self._refuse_torn_wal(readonly)
            if not readonly and self.one("PRAGMA page_count") == 0:
                self._db.execute("PRAGMA auto_vacuum=INCREMENTAL").fetchall()
            for pragma in () if readonly else PRAGMAS:
                self._db.execute(f"PRAGMA {pragma}").fetchall()
            if not readonly and (mode := self.one("PRAGMA journal_mode")) not in ("wal", "memory"):
                raise unusable(self.path, {"en": f"its journal is '{mode}', not WAL", "zh": f"其日志模式为“{mode}”，不是 WAL"})
        except apsw.Error as error:
            fault = self.fault(error)
            self._abandon()
            raise fault from error
        except LogFault:
            self._abandon()
            raise

    def _abandon(self) -> None:
        """Close what cannot be used; the fault that is on its way says more than one in closing."""
        with suppress(apsw.Error):
            self._db.close(True)

    def _refuse_torn_wal(self, readonly: bool) -> None:
        """LogFault when the write-ahead log is damaged before its end.

        SQLite drops a damaged frame and all that follow without a word. A power cut can tear the last transaction only, for each is synced
        before the next is written: frames of a later transaction behind the first that SQLite will not take mean that acknowledged ones
        are gone. (Damage within the very last transaction cannot be told from a cut.) What a cut left behind is cleared away, so that it
        is not taken for such a later transaction the next time.
        """
        wal = Path(f"{self.path}-wal")
        if self.path == ":memory:" or not wal.is_file():
            return
        self._db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)  # closing must not clear away what may yet be needed
        self._db.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        page = int(self._db.execute("PRAGMA page_size").fetchone()[0])
        with wal.open("rb") as file:
            header = file.read(_WAL_HEADER)
            taken = self._frames_taken()
            left, transactions = _frames_behind(file, header, max(taken, 0), page)
            file.seek(0)
            same = file.read(_WAL_HEADER) == header
        if same and self._frames_taken() == taken:  # else a writer is at work, which has checked
            if transactions > 1:
                raise damaged(self.path, "wal", max(taken, 0) + 1)
            if left and not readonly:
                with suppress(apsw.BusyError):  # a reader is at work; the next start clears it
                    self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        self._db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)

    def _frames_taken(self) -> int:
        """How many frames of the write-ahead log SQLite takes. It does not wait where a writer is just renewing the log's index."""
        until = time.monotonic() + BUSY_MS / 1000
        while True:
            try:
                return int(self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)[0])
            except apsw.BusyError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.001)

    def fault(self, error: apsw.Error) -> LogFault:
        """What an error of SQLite means: a full disk, or a log that cannot be used."""
        return fault_of(error, self.path, self._db.system_errno if hasattr(self, "_db") else 0)

    def run(self, statement: str, values: tuple[Any, ...] = ()) -> int:
        """Run a statement; how many rows it changed."""
        try:
            self._db.execute(statement, values)
            return int(self._db.changes())
        except apsw.Error as error:
            raise self.fault(error) from error

    def each(self, query: str, values: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
        """A query's rows as they come."""
        try:
            yield from self._db.execute(query, values)
        except apsw.Error as error:
            raise self.fault(error) from error
        except UnicodeDecodeError as error:
            raise broken(self.path, "a text in it is not UTF-8", "其中有文本不是 UTF-8") from error

    def rows(self, query: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """A query's rows, all at once."""
        return list(self.each(query, values))

    def one(self, query: str, values: tuple[Any, ...] = ()) -> Any:
        """The first field of the first row, None where there is no row."""
        return next((row[0] for row in self.rows(query, values)), None)

    def put(self, table: str, *fields: Any) -> None:
        """Write a row with its checksum in place of the one of its key."""
        self.run(insert(table), sealed(table, *fields))

    def get(self, table: str, where: str = "", values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Whole rows of a table, each checked. LogFault when one is damaged."""
        return [opened(table, row, self.path) for row in self.rows(select(table, where), values)]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside count together or not at all."""
        self.begin()
        try:
            yield
            self.commit()
        except BaseException as error:
            try:
                self.rollback()
            except LogFault as second:
                raise error from second
            raise

    @contextmanager
    def together(self) -> Iterator[None]:
        """As `transaction`, or as part of the one that is open."""
        if self._db.in_transaction:
            yield
        else:
            with self.transaction():
                yield

    def begin(self) -> None:
        """Open a transaction; until `commit` nothing of it is durable."""
        self.run("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Make it durable. LogFault when that failed: the process must end, its memory is ahead of the log."""
        self.run("COMMIT")

    def rollback(self) -> None:
        """Take back what was written since `begin`; nothing where SQLite has done so itself."""
        if self._db.in_transaction:
            self.run("ROLLBACK")

    def marks(self, store: str = "") -> dict[str, str]:
        """The marks of the file. LogFault when it is of another format, or of another store than the one given."""
        marks = self.meta()
        if marks.get("format") != str(FORMAT):
            raise foreign_format(self.path, marks.get("format"))
        if store and marks.get("store") != store:
            raise LogFault(Finding("SL-LOG-04", {"file": self.path, "got": marks.get("store"), "wanted": store}, file=self.path))
        return marks

    def columns(self, table: str) -> list[str]:
        """The names of a table's columns, none where there is no such table."""
        return [row[1] for row in self.rows(f"PRAGMA table_info({table})")]

    def meta(self) -> dict[str, str]:
        """The marks of the file: `format`, `store`, `level`, `oldest`."""
        return dict(self.get("meta"))

    def mark(self, key: str, value: object) -> None:
        self.put("meta", key, str(value))

    def create(self, marks: Iterable[tuple[str, str]]) -> None:
        """Make the tables of an empty file, all in one transaction."""
        with self.together():
            self.run(TABLES)
            for key, value in marks:
                self.mark(key, value)

    def copy_to(self, path: str, pages: int, between: Callable[[], object]) -> None:
        """Copy the log as this connection reads it into a new file, so many pages at a time. LogFault, naming that file, when it fails."""
        try:
            target: Any = apsw.Connection(path, vfs=self.vfs)
        except apsw.Error as error:
            raise fault_of(error, path, 0) from error
        try:
            target.execute("PRAGMA synchronous = OFF")
            backup = target.backup("main", self._db, "main")
            try:
                while not backup.done:
                    backup.step(pages)
                    between()
            finally:
                backup.finish()
        except apsw.Error as error:
            raise fault_of(error, path, target.system_errno) from error
        finally:
            with suppress(apsw.Error):  # the copy is complete or given up by now
                target.close(True)

    def close(self) -> None:
        """Let the file go; what was not committed is gone."""
        self._db.close(True)


def _frames_behind(file: Any, header: bytes, taken: int, page: int) -> tuple[int, int]:
    """How many frames of this round of the write-ahead log SQLite did not take, and how many transactions they begin.

    Frame layout and checksum: sqlite.org/fileformat2.html, section 4. Frames of an earlier round of the file bear other salts.
    """
    frames, transactions, committed = 0, 0, True
    salts, number = header[16:24], taken
    while len(header) == _WAL_HEADER and (head := _frame_head(file, number, _FRAME_HEADER + page)):
        if number == 0 and not _whole_header(header):
            salts = head[8:16]
        if head[8:16] == salts:
            frames, transactions = frames + 1, transactions + int(committed)
            committed = head[4:8] != bytes(4)
        number += 1
    return frames, transactions


def _frame_head(file: Any, number: int, size: int) -> bytes:
    file.seek(_WAL_HEADER + number * size)
    head: bytes = file.read(_FRAME_HEADER)
    return head if len(head) == _FRAME_HEADER else b""


def _whole_header(header: bytes) -> bool:
    """Whether the header's own checksum holds; the magic number's last bit says in which byte order it was made."""
    words = struct.unpack(">6I" if header[3] & 1 else "<6I", header[:24])
    first = second = 0
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return struct.pack(">2I", first, second) == header[24:32]
