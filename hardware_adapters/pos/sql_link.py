"""A sales database by SQLAlchemy, read and never written: the connection, and rows of configured queries as mappings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from storeloom.hardware_adapters.links.errors import Code, DeviceError

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

READS = re.compile(r"\s*(select|with)\b", re.IGNORECASE)
WRITES = re.compile(
    r"\b(insert|update|delete|merge|drop|alter|create|truncate|replace|grant|call|exec|execute|attach|pragma|into)\b", re.IGNORECASE
)
# What each is told first; SQLite's file is opened read-only, and asked here whether it is one.
READ_ONLY = {
    "postgresql": "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
    "mariadb": "SET SESSION TRANSACTION READ ONLY",
    "sqlite": "SELECT count(*) FROM sqlite_master",
}
MYSQL, EXTRA = ("mysql", "mariadb"), ("psycopg", "pymysql")


def need_reading(name: str, sql: str) -> None:
    """DeviceError where a query is not one that reads; words in quotes do not count."""
    bare = re.sub(r"'[^']*'|\"[^\"]*\"|`[^`]*`|\[[^\]]*\]", "''", sql)
    if not READS.match(bare) or ";" in bare.rstrip().rstrip(";") or WRITES.search(bare):
        raise DeviceError(Code.ILLEGAL, f"{name} is not a single SELECT", f"{name} 不是单条 SELECT 语句")


class SqlLink:
    """One database. DeviceError when it is away, refuses, or does not know what a query names.

    A server's connection is kept; a file is opened for each query, since another may have taken its place.
    """

    def __init__(self, engine: Engine, connection: Connection | None, place: str) -> None:
        self._engine, self._connection, self._place = engine, connection, place
        self._limit: int | None = None  # as MySQL knows it: its library reads to the end what the server has begun to send

    def rows(self, name: str, sql: str, values: Mapping[str, Any], limit: int | None = None) -> list[dict[str, Any]]:
        """The rows of a query; values that it does not name are left out. Its transaction ends with it."""
        from sqlalchemy import bindparam, text

        statement = text(sql)
        statement = statement.bindparams(*(bindparam(key, values.get(key)) for key in statement._bindparams))
        with said(self._place, name), nullcontext(self._connection) if self._connection else self._engine.connect() as connection:
            if self._engine.dialect.name in MYSQL and limit != self._limit:
                connection.exec_driver_sql(f"SET SESSION sql_select_limit = {limit or 'DEFAULT'}")
                self._limit = limit
            result = connection.execute(statement, execution_options={"stream_results": limit is not None})
            found = result.mappings().fetchmany(limit) if limit else result.mappings().all()
            rows = [dict(one) for one in found]
            result.close()
            connection.rollback()
            return rows


@contextmanager
def said(place: str, what: str = "") -> Iterator[None]:
    """What SQLAlchemy raises, in words that hold no address, statement or value."""
    from sqlalchemy import exc

    try:
        yield
    except exc.NoSuchModuleError as error:
        raise DeviceError(Code.NO_SERVICE, f"{place}: no such kind of database", f"{place}：不支持该数据库类型") from error
    except exc.DBAPIError as error:
        known = " ".join(str(error.orig).split("\n")[0].split())[:160]
        lost = error.connection_invalidated or not what or "lock" in known.lower() or "timeout" in known.lower()
        code = Code.BUSY if "lock" in known.lower() else Code.OFFLINE if lost else Code.FAILURE
        where = f"{place}, {what}" if what else place
        raise DeviceError(code, f"{where}: {known}", f"{where}：{known}") from error
    except exc.SQLAlchemyError as error:
        raise DeviceError(Code.FAILURE, f"{place}: {type(error).__name__}", f"{place}：{type(error).__name__}") from error
    except ImportError as error:
        raise _not_installed(place, error) from error


def _not_installed(place: str, error: ImportError) -> DeviceError:
    name = error.name
    en, zh = f"{place}: {name} is not installed", f"{place}：未安装 {name}"
    if name in EXTRA:
        en, zh = f"{en}: pip install 'storeloom[databases]'", f"{zh}：pip install 'storeloom[databases]'"
    return DeviceError(Code.NO_SERVICE, en, zh)


def url_of(address: str, user: str, password: str) -> URL:
    """The address with its login. DeviceError where it is none, or holds a password."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(address)
    except ArgumentError as error:
        raise DeviceError(Code.ILLEGAL, "the address is no SQLAlchemy URL", "地址不是有效的 SQLAlchemy URL") from error
    if url.password is not None:
        en, zh = "the address holds a password; name a secret in its place", "地址中含有密码，请改用密钥名"
        raise DeviceError(Code.ILLEGAL, en, zh)
    return url.set(username=user or url.username, password=password or None)


@contextmanager
def sql_link(address: str, user: str, password: str, timeout_s: float, place: str, zone: tzinfo) -> Iterator[SqlLink]:
    """A connection, read-only where the database knows such a thing; its times without a zone are those of `zone`."""
    from sqlalchemy import text
    from sqlalchemy.exc import NoSuchModuleError

    url = url_of(address, user, password)
    try:
        engine = _engine(url, timeout_s)
    except NoSuchModuleError as error:
        raise DeviceError(Code.NO_SERVICE, f"{place}: no such kind of database", f"{place}：不支持该数据库类型") from error
    except ImportError as error:
        raise _not_installed(place, error) from error
    try:
        with said(place):
            connection = engine.connect()
        try:
            guard = READ_ONLY.get(engine.dialect.name)
            with said(place), connection.begin():
                connection.execute(text(guard or "SELECT 1"))
                if engine.dialect.name in MYSQL:
                    _set_zone(connection, zone)
            yield SqlLink(engine, None if engine.dialect.name == "sqlite" else connection, place)
        finally:
            connection.close()
    finally:
        engine.dispose()


def _set_zone(connection: Connection, zone: tzinfo) -> None:
    """Have a MySQL or MariaDB server give its TIMESTAMP columns in the zone. DeviceError where it does not know it.

    A zone of one offset needs no time zone tables; they are optional in these servers (mysql_tzinfo_to_sql).
    """
    from sqlalchemy import exc, text

    now = datetime.now(UTC)
    offsets = {(now + timedelta(days=days)).astimezone(zone).strftime("%z") for days in range(-730, 0, 30)}
    offset = offsets.pop()
    name = str(zone) if offsets else f"{offset[:3]}:{offset[3:5]}"
    try:
        connection.execute(text("SET time_zone = :zone"), {"zone": name})
    except exc.OperationalError as error:
        en, zh = f"the server does not know the time zone {name}: load its zone tables", f"服务器不识别时区 {name}，请先导入时区表"
        raise DeviceError(Code.FAILURE, en, zh) from error


def _engine(url: URL, timeout_s: float) -> Engine:
    """An engine without a pool; time-outs under the names of each database's library."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    whole = max(1, round(timeout_s))
    backend, driver = url.get_backend_name(), url.get_driver_name()
    arguments: dict[str, Any] = {}
    if backend == "sqlite":
        arguments = {"timeout": timeout_s}
        if url.database and not url.database.startswith("file:"):
            url = url.set(database=f"file:{url.database}", query={"mode": "ro", "uri": "true"})
    elif driver in ("psycopg", "psycopg2"):
        arguments = {"connect_timeout": whole, "options": f"-c statement_timeout={whole * 1000}", "tcp_user_timeout": whole * 1000}
    elif driver in ("pymysql", "mysqldb"):
        arguments = {"connect_timeout": whole, "read_timeout": whole, "write_timeout": whole}
    elif driver == "pyodbc":
        arguments = {"timeout": whole, "readonly": True}
    elif driver == "oracledb":
        arguments = {"tcp_connect_timeout": timeout_s}
    return create_engine(url, poolclass=NullPool, connect_args=arguments)
