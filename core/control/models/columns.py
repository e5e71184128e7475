"""Columns that many tables have."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column
from sqlmodel import Field

from storeloom.core.control.database import UtcTime, json_type


def moment(*, null: bool = False, index: bool = False, key: bool = False) -> Any:
    """A point in time in UTC."""
    return Field(sa_column=Column(UtcTime, nullable=null, index=index, primary_key=key), default=None if null else ...)


def document(*, null: bool = False) -> Any:
    """A JSON value."""
    return Field(sa_column=Column(json_type(), nullable=null), default=None if null else ...)


def iso(value: datetime | None) -> str | None:
    """A time as it is hashed and told: RFC 3339, UTC, microseconds."""
    return None if value is None else value.isoformat(timespec="microseconds").replace("+00:00", "Z")
