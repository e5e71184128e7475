"""The control plane's database: connections that keep their word on SQLite, and times that keep their zone."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, Engine, create_engine, event
from sqlalchemy.types import TypeDecorator
from sqlmodel import SQLModel

from storeloom.core.runtime.log_file import safe_version

BUSY_MS = 5000


class UtcTime(TypeDecorator[datetime]):
    """A point in time: stored in UTC, given back with its zone. ValueError for a time without a zone, which says nothing."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"time without a zone: {value.isoformat()}")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


def connect(url: str) -> Engine:
    """The database of a URL (`sqlite:////var/lib/storeloom/control.db`), its tables made where they are missing."""
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
    SQLModel.metadata.create_all(engine)
    return engine


def _prepare(connection: Any, _record: Any) -> None:
    """SQLite as we need it: foreign keys checked, commits durable, transactions begun by us. WAL only where it loses nothing."""
    connection.isolation_level = None
    journal = "wal" if safe_version(sqlite3.sqlite_version) else "delete"
    for pragma, wanted in (("foreign_keys", 1), ("synchronous", 2), ("busy_timeout", BUSY_MS), ("journal_mode", journal)):
        connection.execute(f"PRAGMA {pragma}={wanted}").fetchall()
        got = connection.execute(f"PRAGMA {pragma}").fetchone()[0]
        if got not in (wanted, "memory"):
            raise sqlite3.OperationalError(f"SQLite refused {pragma}={wanted}: it stays {got}")


def _begin(connection: Any) -> None:
    """Writers queue at once: a transaction that reads and then writes cannot be upgraded while another writes."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
