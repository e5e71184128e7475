"""The check of a whole log file: SQLite's own, the tables, every row's checksum, gaps, and positions that point nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import apsw

from storeloom.core.kernel.errors import Finding, LogFault
from storeloom.core.runtime.log_delivery import OPEN
from storeloom.core.runtime.log_file import broken
from storeloom.core.runtime.log_tables import COLUMNS, TABLES, opened, select
from storeloom.core.runtime.reader import LogReader


@dataclass
class Verified:
    """What a check went through, and all that it found; without findings the log is whole."""

    file: str
    oldest: int = 0
    last: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def verify(path: str | Path) -> Verified:
    """Check a log, also one that is being written. Raises nothing for a damaged one: it says all that is wrong."""
    result = Verified(str(path))
    try:
        log = LogReader(path)
    except LogFault as fault:
        result.findings += fault.findings
        return result
    try:
        log.run("BEGIN")
        for check in (_structure, _records, _rows, _positions):
            _collect(result, check(log, result))
    finally:
        log.close()
    return result


def _collect(result: Verified, findings: Iterator[Finding]) -> None:
    """Add what a check finds; where reading itself fails, why."""
    try:
        result.findings += findings
    except LogFault as fault:
        result.findings += fault.findings


def _structure(log: LogReader, _: Verified) -> Iterator[Finding]:
    for line in log.each("PRAGMA integrity_check"):
        if line[0] != "ok":
            yield _odd(log, str(line[0]).strip(), str(line[0]).strip())
    found = {row[0]: row[1] for row in log.each("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL")}
    for name, sql in _schema().items():
        if found.get(name) != sql:
            yield _odd(log, f"table or index '{name}' is not as it should be", f"表或索引“{name}”与预期不符")


@cache
def _schema() -> dict[str, str]:
    """The text of each table and index as SQLite keeps it."""
    db = apsw.Connection(":memory:")
    db.execute(TABLES)
    found = {str(row[0]): str(row[1]) for row in db.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL")}
    db.close()
    return found


def _records(log: LogReader, result: Verified) -> Iterator[Finding]:
    """Each record, on from the next where one is damaged."""
    result.oldest, result.last = log.oldest, log.last
    after, count = result.oldest - 1, 0
    while after < result.last:
        try:
            for record in log.read(after):
                after, count = record.seq, count + 1
            break
        except LogFault as fault:
            yield from fault.findings
            following = log.one("SELECT min(seq) FROM log WHERE seq > ?", (after,)) or result.last
            after = max(after + 1, following - 1)  # never back, for numbers may be out of order in a damaged file
    result.rows["log"] = count


def _rows(log: LogReader, result: Verified) -> Iterator[Finding]:
    for table in COLUMNS:
        count = 0
        for row in log.each(select(table)):
            count += 1
            try:
                opened(table, row, log.path)
            except LogFault as fault:
                yield from fault.findings
        result.rows[table] = count
    for (name,) in log.each("SELECT inbox.id FROM inbox JOIN log ON inbox.id = log.id"):
        yield _odd(log, f"fact {name} is in the log and still in the inbox", f"事件 {name} 已入日志但仍在收件箱中")


def _positions(log: LogReader, result: Verified) -> Iterator[Finding]:
    """Positions past the newest record, and records that somebody needs but are gone."""
    held = {f"instance {name}": offset for name, offset in log.instances().items() if offset is not None}
    held |= {f"aside {name}": offset for name, offset in log.aside_offsets().items()}
    held |= {f"consumer {name}": seq for name, seq in log.consumers().items()} | {"level": log.level()}
    for name, seq in held.items():
        if not result.oldest - 1 <= seq <= result.last:
            yield _odd(log, f"{name} stands at {seq}, outside the log", f"{name} 的位置 {seq} 不在日志范围内")
    query = f"SELECT id, seq FROM outbox WHERE seq > ? OR (seq < ? AND status IN {OPEN})"
    for name, seq in log.each(query, (result.last, result.oldest)):
        yield _odd(log, f"command {name} names record {seq}, which is not there", f"指令 {name} 引用的第 {seq} 条记录不存在")


def _odd(log: LogReader, en: str, zh: str) -> Finding:
    return broken(log.path, en, zh).findings[0]
