"""The tables of a store log (format 2), the checksum that every row carries, and events as rows."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson

from storeloom.core.kernel.errors import Finding, LogFault
from storeloom.core.kernel.events import Event, instant, micros

FORMAT = 2
_EVENT = """id TEXT NOT NULL UNIQUE, stream TEXT NOT NULL, source TEXT NOT NULL, store TEXT NOT NULL,
  time INTEGER NOT NULL, received INTEGER NOT NULL"""
TABLES = f"""
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL, crc INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE log(seq INTEGER PRIMARY KEY, {_EVENT},
  hops INTEGER NOT NULL, cause INTEGER NOT NULL, data BLOB NOT NULL, crc INTEGER NOT NULL);
CREATE TABLE inbox(number INTEGER PRIMARY KEY AUTOINCREMENT, {_EVENT}, data BLOB NOT NULL, crc INTEGER NOT NULL);
CREATE TABLE instance(name TEXT PRIMARY KEY, solution TEXT NOT NULL, version TEXT NOT NULL, offset INTEGER, clock INTEGER NOT NULL,
  started INTEGER NOT NULL, crc INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE state(instance TEXT, key TEXT, value BLOB NOT NULL, crc INTEGER NOT NULL, PRIMARY KEY(instance, key)) WITHOUT ROWID;
CREATE TABLE alarm(instance TEXT, name TEXT, key TEXT, due INTEGER NOT NULL, data BLOB NOT NULL, cause INTEGER NOT NULL,
  crc INTEGER NOT NULL, PRIMARY KEY(instance, name, key)) WITHOUT ROWID;
CREATE TABLE outbox(id TEXT PRIMARY KEY, seq INTEGER NOT NULL, instance TEXT NOT NULL, stream TEXT NOT NULL, status TEXT NOT NULL,
  tries INTEGER NOT NULL, due INTEGER NOT NULL, note TEXT, crc INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX outbox_status ON outbox(status, seq);
CREATE TABLE failure(instance TEXT NOT NULL, at INTEGER NOT NULL, event TEXT NOT NULL, handler TEXT NOT NULL, reason TEXT NOT NULL,
  crc INTEGER NOT NULL);
CREATE TABLE consumer(name TEXT PRIMARY KEY, offset INTEGER NOT NULL, crc INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE request(id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, kind TEXT NOT NULL, body BLOB NOT NULL,
  status TEXT NOT NULL, answer BLOB NOT NULL, crc INTEGER NOT NULL);
"""
LOG_COLUMNS = "seq, id, stream, source, store, time, received, hops, cause, data, crc"
# What a row's checksum covers, by table; the columns stand in the table's order. Numbers that SQLite gives (inbox, request) are left out.
COLUMNS: dict[str, tuple[str, ...]] = {
    "meta": ("key", "value"),
    "inbox": ("id", "stream", "source", "store", "time", "received", "data"),
    "instance": ("name", "solution", "version", "offset", "clock", "started"),
    "state": ("instance", "key", "value"),
    "alarm": ("instance", "name", "key", "due", "data", "cause"),
    "outbox": ("id", "seq", "instance", "stream", "status", "tries", "due", "note"),
    "failure": ("instance", "at", "event", "handler", "reason"),
    "consumer": ("name", "offset"),
    "request": ("at", "kind", "body", "status", "answer"),
}
KEYS = {"state": 2, "alarm": 3}


class Record(NamedTuple):
    """One line of the log. `cause` is the sequence of the record whose handling brought it; for an alarm's outputs, of the event that set
    the alarm; 0 where there is none."""

    seq: int
    event: Event
    hops: int
    cause: int


def insert(table: str, verb: str = "INSERT OR REPLACE INTO") -> str:
    """The statement that writes one row of a table: its columns, then the checksum."""
    columns = COLUMNS[table]
    return f"{verb} {table}({', '.join(columns)}, crc) VALUES({', '.join('?' * (len(columns) + 1))})"


def select(table: str, where: str = "") -> str:
    """The statement that reads whole rows of a table: its columns, then the checksum."""
    return f"SELECT {', '.join(COLUMNS[table])}, crc FROM {table} {where}"


def sealed(table: str, *fields: Any) -> tuple[Any, ...]:
    """A row with its checksum behind it."""
    return (*fields, row_crc(table, fields))


def row_crc(table: str, fields: Iterable[Any]) -> int:
    """CRC-32 over a row's table, and its fields with their types."""
    crc = zlib.crc32(table.encode())
    for field in fields:
        crc = zlib.crc32(field if type(field) is bytes else f"|{field!r}".encode(), crc)
    return crc


def opened(table: str, row: tuple[Any, ...], file: str) -> tuple[Any, ...]:
    """A row's fields, without the checksum. LogFault when it does not fit them."""
    fields = row[:-1]
    if row_crc(table, fields) != row[-1]:
        raise damaged(file, table, "/".join(map(str, fields[: KEYS.get(table, 1)])))
    return fields


def checksum(head: tuple[Any, ...], data: bytes) -> int:
    """CRC-32 of a log record: of its fields before the data, as JSON, and of the data."""
    return zlib.crc32(data, zlib.crc32(orjson.dumps(head)))


def event_fields(event: Event) -> tuple[Any, ...]:
    """An event as the inbox keeps it, without the checksum."""
    time = micros(event.time)
    received = time if event.received is None else micros(event.received)
    return (event.id, event.stream, event.source, event.store, time, received, orjson.dumps(event.data))


def event_of(fields: tuple[Any, ...]) -> Event:
    """The event of an inbox row's fields."""
    new_id, stream, source, store, time, received, data = fields
    return Event(stream, instant(time), orjson.loads(data), new_id, store, source, instant(received))


def record_of(row: tuple[Any, ...], file: str) -> Record:
    """The record of a log row. LogFault when its checksum differs."""
    seq, new_id, stream, source, store, time, received, hops, cause, data, crc = row
    try:
        whole = checksum(row[:9], data) == crc
    except TypeError:  # text has become bytes, or bytes text
        whole = False
    if not whole:
        raise damaged(file, "log", seq)
    return Record(seq, Event(stream, instant(time), orjson.loads(data), new_id, store, source, instant(received)), hops, cause)


def damaged(file: str, table: str, row: object, en: str = "its checksum differs", zh: str = "校验和不符") -> LogFault:
    """The fault of a damaged row."""
    return LogFault(Finding("SL-LOG-02", {"table": table, "row": row, "file": file, "reason": {"en": en, "zh": zh}}, file=file))
