"""The control plane's database: SQLite embedded, or PostgreSQL; times that keep their zone, transactions that keep their word.

A transaction is `reading` or `writing`, and says so at its beginning: on SQLite writers queue at once, since one that reads first and then
writes cannot be upgraded while another writes; readers never wait in WAL. On PostgreSQL both are READ COMMITTED, and who decides by what it
read locks the row (`with_for_update`).
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import orjson
from sqlalchemy import JSON, CheckConstraint, DateTime, Dialect, Engine, create_engine, event
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator
from sqlmodel import Session, SQLModel

from storeloom.core.control.wall import WalledSession
from storeloom.core.runtime.sqlite_version import safe_version

BUSY_MS = 5000
WRITES = "storeloom_writes"
AS_JSON: dict[str, Any] = {
    "json_serializer": lambda value: orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode(),
    "json_deserializer": orjson.loads,
}


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


def json_type() -> Any:
    """The type of a column that holds JSON: binary where the database has it; a null value is a null of SQL."""
    return JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def one_of(column: str, words: tuple[str, ...]) -> CheckConstraint:
    """A column holds one of these words and no other."""
    return CheckConstraint(f"{column} in ({', '.join(repr(word) for word in words)})", name=f"{column}_is_known")


def connect(url: str) -> Engine:
    """The database of a URL: `sqlite:////var/lib/storeloom/control.db`, `postgresql+psycopg://user@host/name`."""
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=10, **AS_JSON)
    module = sqlite_module()
    engine = create_engine(url, module=module, **AS_JSON)
    wal = safe_version(module.sqlite_version)
    event.listen(engine, "connect", lambda connection, _record: _prepare(connection, module, "wal" if wal else "delete"))
    event.listen(engine, "begin", _begin)
    return engine


def sqlite_module() -> ModuleType:
    """SQLite's driver: a build without the WAL-reset bug where one is installed, else the interpreter's own, then without WAL."""
    try:
        return importlib.import_module("pysqlite3.dbapi2")
    except ImportError:
        return importlib.import_module("sqlite3")


def make_tables(engine: Engine) -> None:
    """Make the tables of all models that are imported, where they are missing."""
    SQLModel.metadata.create_all(engine)


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """A session that only reads, of one moment; within a request of the asker's chain alone (`wall`)."""
    with WalledSession(engine, expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """A session whose changes are durable when it ends, all or none."""
    with WalledSession(engine.execution_options(**{WRITES: True}), expire_on_commit=False) as session, session.begin():
        yield session


def _prepare(connection: Any, module: ModuleType, journal: str) -> None:
    """SQLite as we need it: foreign keys checked, commits durable, transactions begun by us."""
    connection.isolation_level = None
    for pragma, wanted in (("foreign_keys", 1), ("synchronous", 2), ("busy_timeout", BUSY_MS), ("journal_mode", journal)):
        connection.execute(f"PRAGMA {pragma}={wanted}").fetchall()
        got = connection.execute(f"PRAGMA {pragma}").fetchone()[0]
        if got not in (wanted, "memory"):
            raise module.OperationalError(f"SQLite refused {pragma}={wanted}: it stays {got}")


def _begin(connection: Any) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
