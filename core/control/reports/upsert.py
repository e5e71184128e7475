"""Rows that are written whether they stand already or not, in one statement, on either database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session


def upsert(session: Session, table: Table, rows: Sequence[Mapping[str, Any]], *, counted: str = "") -> None:
    """Write rows of all of a table's columns, by its key. Where one stands, it becomes what is given, but a `counted` column rises by 1."""
    if rows:
        session.connection().execute(_statement(table, session.get_bind().dialect.name, counted), list(rows))


@cache
def _statement(table: Table, dialect: str, counted: str) -> Any:
    make: Any = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement = make(table)
    keys = [column.name for column in table.primary_key]
    change = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in keys}
    if counted:
        change[counted] = table.c[counted] + 1
    return statement.on_conflict_do_update(index_elements=keys, set_=change)
