"""Reads of one row that every request makes: compiled once, run on the driver's own cursor.

An ORM session and SQLAlchemy's results take some twenty times as long as SQLite takes to find a row by its key. What such a read gives is
what SQLAlchemy would give: the dialect's own SQL and conversions, and its exceptions. On an engine a read is a transaction of its own; on a
session it belongs to the session's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, Select
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session


@dataclass(frozen=True)
class _Compiled:
    """A statement as a driver takes it. `order` names the parameters of a driver that takes them by place."""

    text: str
    order: tuple[str, ...] | None
    convert: tuple[Callable[[Any], Any] | None, ...]

    def bound(self, values: Mapping[str, str]) -> Any:
        return values if self.order is None else [values[name] for name in self.order]

    def row(self, found: Any) -> tuple[Any, ...]:
        return tuple(value if to is None else to(value) for value, to in zip(found, self.convert, strict=True))


class Prepared:
    """A statement that finds at most one row by texts (`bindparam`s), for as many databases as it is asked of."""

    def __init__(self, statement: Select[Any]) -> None:
        self.statement = statement
        self._known: dict[tuple[str, str], _Compiled] = {}

    def one(self, source: Engine | Session, **values: str) -> tuple[Any, ...] | None:
        """The row, None where there is none. SQLAlchemy's DBAPIError as of any other read."""
        if isinstance(source, Session):
            connection = source.connection()
            return self._found(connection.dialect, connection.connection, values)
        line = source.raw_connection()
        try:
            return self._found(source.dialect, line, values)
        except DBAPIError as error:
            line.invalidate(error)
            raise
        finally:
            line.close()

    def _found(self, dialect: Dialect, line: Any, values: Mapping[str, str]) -> tuple[Any, ...] | None:
        ready = self._known.get((dialect.name, dialect.driver)) or self._ready(dialect)
        cursor = line.cursor()
        try:
            cursor.execute(ready.text, ready.bound(values))
            found = cursor.fetchone()
        except dialect.loaded_dbapi.Error as error:
            raise DBAPIError.instance(ready.text, None, error, dialect.loaded_dbapi.Error, hide_parameters=True) from error
        finally:
            cursor.close()
        return None if found is None else ready.row(found)

    def _ready(self, dialect: Dialect) -> _Compiled:
        made: Any = self.statement.compile(dialect=dialect)
        convert = tuple(column.type.dialect_impl(dialect).result_processor(dialect, None) for column in self.statement.selected_columns)
        ready = _Compiled(str(made), tuple(made.positiontup) if made.positional else None, convert)
        return self._known.setdefault((dialect.name, dialect.driver), ready)
