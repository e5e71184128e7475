"""A log of format 1 brought up to the present format, in place and in one transaction."""

from __future__ import annotations

import zlib
from typing import Any

from storeloom.core.runtime.log_file import LogFile, foreign_format
from storeloom.core.runtime.log_tables import FORMAT, checksum, damaged

OLD_META = ["key", "value"]
_OLD = ("meta", "log", "instance", "state", "alarm", "outbox", "failure")
_LOG_ROW = "INSERT INTO log VALUES(?,?,?,?,?,?,?,?,?,?,?)"


def migrate(log: LogFile) -> None:
    """Keep every row of a format 1 log; inside a transaction, so that a kill leaves the old file or the new one.

    Instances that stood at the newest offset of all are level, the others behind. Causes, which format 1 did not keep, are 0.
    LogFault when a record is damaged: then the file is left as it is.
    """
    marks = dict(log.rows("SELECT key, value FROM meta"))
    if marks.get("format") != "1":
        raise foreign_format(log.path, marks.get("format"))
    for table in _OLD:
        log.run(f"ALTER TABLE {table} RENAME TO old_{table}")
    level = log.one("SELECT max(offset) FROM old_instance") or 0
    log.create((("format", str(FORMAT)), ("store", marks.get("store", "")), ("level", str(level))))
    for row in log.each("SELECT seq, id, stream, source, store, time, received, hops, data, crc FROM old_log ORDER BY seq"):
        log.run(_LOG_ROW, _record(row, log.path))
    for name, solution, version, offset, clock, started in log.rows("SELECT * FROM old_instance"):
        log.put("instance", name, solution, version, None if offset == level else offset, clock, started)
    for row in log.rows("SELECT * FROM old_alarm"):
        log.put("alarm", *row, 0)
    for table in ("state", "outbox", "failure"):
        for row in log.rows(f"SELECT * FROM old_{table}"):
            log.put(table, *row)
    for table in _OLD:
        log.run(f"DROP TABLE old_{table}")


def _record(row: tuple[Any, ...], file: str) -> tuple[Any, ...]:
    """A format 1 record, checked by that format's checksum, as a row of this one."""
    *head, data, crc = row
    if type(data) is not bytes or zlib.crc32(data, zlib.crc32("|".join(map(str, head)).encode())) != crc:
        raise damaged(file, "log", row[0])
    fields = (*head, 0)
    return (*fields, data, checksum(fields, data))
