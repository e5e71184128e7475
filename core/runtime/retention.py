"""Keeping a log small and safe: compaction in slices, copies while it runs, and a check of every row.

A snapshot is a whole log: to restore one, stop the store, move `store.db` and its `-wal` and `-shm` aside and copy the snapshot to
`store.db`. What came after the snapshot is then not in the log; sources that send again (their ids tell repeats) fill it up.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from storeloom.core.kernel.errors import LogFault
from storeloom.core.runtime.log import StoreLog, micros
from storeloom.core.runtime.log_delivery import OPEN
from storeloom.core.runtime.log_file import LogFile, unusable
from storeloom.core.runtime.verify import Verified, verify

SLICE = 500
PAGES = 256
REQUESTS = 1000


@dataclass
class Compacted:
    """What a compaction did. `oldest` is the first record that is left, `held_by` what would not let more records go.

    `shrinks` is False for a file that was made in format 1: its space is used again, but given back to the disk only by `rebuild`.
    """

    records: int = 0
    commands: int = 0
    failures: int = 0
    requests: int = 0
    oldest: int = 1
    bytes_before: int = 0
    bytes_after: int = 0
    shrinks: bool = True
    held_by: list[str] = field(default_factory=list)


class Compaction:
    """One compaction, a slice at a time: each `step` is one short transaction, so that a running store hardly waits.

    Deletes the oldest records while they arrived over `keep_days` before `now`, or while what is stored takes more than `keep_bytes`;
    never one that somebody has yet to read. Settled commands, failures and answered requests go with the records of their time.
    """

    def __init__(self, log: StoreLog, now: datetime, *, keep_days: float | None = None, keep_bytes: int | None = None) -> None:
        self._log = log
        self._keep_bytes = keep_bytes
        self._cutoff = None if keep_days is None else micros(now - timedelta(days=keep_days))
        self.result = Compacted(oldest=log.oldest, bytes_before=log.size_bytes(), shrinks=log.one("PRAGMA auto_vacuum") == 2)

    def step(self) -> bool:
        """Do one slice; False when nothing is left to do."""
        done = self._records() or self._others() or self._vacuum()
        self.result.oldest = self._log.oldest
        self.result.bytes_after = self._log.size_bytes()
        return done

    def _records(self) -> bool:
        first = self._log.oldest
        wanted = self._wanted(first)
        bounds = bounds_of(self._log)
        free = min([wanted, *bounds.values()])
        if wanted > first:
            self.result.held_by = sorted(name for name, bound in bounds.items() if bound < wanted)
        gone = self._log.forget(free, SLICE)
        self.result.records += gone
        return gone > 0

    def _wanted(self, first: int) -> int:
        """The first sequence of the next slice that is to stay."""
        end = first
        if self._keep_bytes is not None and used_bytes(self._log) > self._keep_bytes:
            end = first + SLICE
        if self._cutoff is not None:
            query = "SELECT seq, received FROM log WHERE seq >= ? ORDER BY seq LIMIT ?"
            for seq, received in self._log.rows(query, (end, first + SLICE - end)):
                if received >= self._cutoff:
                    break
                end = seq + 1
        return end

    def _others(self) -> bool:
        """Delete a slice of the rows that go with the records."""
        log, oldest = self._log, self._log.oldest
        before = self._cutoff
        if before is None:
            before = int(log.one("SELECT received FROM log ORDER BY seq LIMIT 1") or 0)
        settled = f"SELECT id FROM outbox WHERE status NOT IN {OPEN} AND (due < ? OR seq < ?) LIMIT {SLICE}"
        with log.together():
            commands = log.run(f"DELETE FROM outbox WHERE id IN ({settled})", (before, oldest))
            failures = log.run(f"DELETE FROM failure WHERE rowid IN (SELECT rowid FROM failure WHERE at < ? LIMIT {SLICE})", (before,))
            last = int(log.one("SELECT max(id) FROM request") or 0)
            requests = log.run("DELETE FROM request WHERE status != 'asked' AND id <= ?", (last - REQUESTS,))
        self.result.commands += commands
        self.result.failures += failures
        self.result.requests += requests
        return commands + failures + requests > 0

    def _vacuum(self) -> bool:
        """Give a few free pages back to the disk."""
        free = int(self._log.one("PRAGMA freelist_count"))
        if not self.result.shrinks or free == 0:
            return False
        self._log.rows(f"PRAGMA incremental_vacuum({PAGES})")
        return int(self._log.one("PRAGMA freelist_count")) < free


def compact(log: StoreLog, now: datetime, *, keep_days: float | None = None, keep_bytes: int | None = None) -> Compacted:
    """A whole compaction; see `Compaction`. LogFault as any writing."""
    compaction = Compaction(log, now, keep_days=keep_days, keep_bytes=keep_bytes)
    while compaction.step():
        pass
    return compaction.result


def bounds_of(log: StoreLog) -> dict[str, int]:
    """The first sequence that must stay, by who needs it: instances, their copies aside, readers, commands not yet delivered."""
    offsets = log.instances()
    bounds = {f"instance {name}": offset + 1 for name, offset in offsets.items() if offset is not None}
    bounds |= {"level": log.level() + 1}
    bounds |= {f"aside {name}": offset + 1 for name, offset in log.aside_offsets().items()}
    bounds |= {f"consumer {name}": seq + 1 for name, seq in log.consumers().items()}
    for status in OPEN:
        first = log.one("SELECT min(seq) FROM outbox WHERE status = ?", (status,))
        if first is not None:
            bounds[f"outbox {status}"] = int(first)
    return bounds


def used_bytes(log: LogFile) -> int:
    """The size of what is stored: the file's pages but for the free ones."""
    pages = int(log.one("PRAGMA page_count")) - int(log.one("PRAGMA freelist_count"))
    return pages * int(log.one("PRAGMA page_size"))


def rebuild(log: StoreLog) -> None:
    """Write the whole file anew, so that it can shrink from now on. The store must not run; needs as much free space again.

    LogFault when it is in use or the disk is full; then the file is as before.
    """
    log.rows("PRAGMA auto_vacuum = INCREMENTAL")
    log.run("VACUUM")
    log.rows("PRAGMA wal_checkpoint(TRUNCATE)")


def snapshot(log: LogFile, path: str | Path, between: Callable[[], object] = lambda: None) -> Verified:
    """A consistent copy of a log while it is written, checked row by row, durable, and put in place at once; replaces an older one.

    `between` is called after every few pages, for a loop that has other work. The copy holds all that was committed when it began; what
    the check of it went through is returned. LogFault when the log is damaged (no copy is left then) or the copy cannot be written.
    """
    target = Path(path).absolute()
    part = target.with_name(f"{target.name}.part")
    wal = Path(f"{target}-wal")
    if target == Path(log.path).absolute() or (wal.is_file() and wal.stat().st_size):
        raise unusable(str(target), {"en": "it is a log in use, not a place for a snapshot", "zh": "它是使用中的日志，不能存放快照"})
    _remove(part)
    try:
        _copy(log, part, between)
        found = verify(part)
        if found.findings:
            raise LogFault(found.findings)
        _sync(part)
        os.replace(part, target)
        _sync(target.parent)
    except OSError as error:
        raise unusable(str(target), error.strerror or str(error)) from error
    finally:
        _remove(part)
    found.file = str(target)
    return found


def _copy(log: LogFile, part: Path, between: Callable[[], object]) -> None:
    """Copy page by page from one reading of the log, which later commits do not change."""
    source = LogFile(log.path, readonly=True, vfs=log.vfs)
    try:
        source.run("BEGIN")
        source.one("SELECT count(*) FROM sqlite_schema")
        source.copy_to(str(part), PAGES, between)
    finally:
        source.close()


def _remove(part: Path) -> None:
    """Remove an unfinished copy and what SQLite keeps beside it, of which a later copy must see nothing."""
    for left in (part, *(Path(f"{part}-{beside}") for beside in ("journal", "wal", "shm"))):
        left.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
