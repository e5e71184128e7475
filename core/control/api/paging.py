"""Lists in stretches, by the key that they are in order of: nothing is left out or told twice while rows come and go."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import Integer, literal, tuple_
from sqlmodel import Session

from storeloom.core.control.api.problems import ApiFault
from storeloom.core.control.api.route import PageQuery
from storeloom.core.control.database import UtcTime
from storeloom.core.kernel.errors import Finding

Item = TypeVar("Item")
Out = TypeVar("Out")


def page(
    session: Session, select: Any, keys: Sequence[Any], query: PageQuery, show: Callable[[Any], Out], *, newest: bool = False
) -> dict[str, Any]:
    """A page of what `select` finds, in the order of the columns `keys` (`newest`: from the last on), which are strings, whole numbers or
    times and unique together."""
    ordered = select.order_by(*(key.desc() if newest else key for key in keys)).limit(query.limit + 1)
    if query.after is not None:
        here = tuple_(*(literal(value, key.type) for value, key in zip(_read(query.after, keys), keys, strict=True)))
        ordered = ordered.where(tuple_(*keys) < here if newest else tuple_(*keys) > here)
    found = list(session.exec(ordered))
    more, found = len(found) > query.limit, found[: query.limit]
    last = [getattr(found[-1], key.key) for key in keys] if more else None
    return {"items": [show(one) for one in found], "next": None if last is None else _write(last)}


def page_of(items: Mapping[str, Item], query: PageQuery, show: Callable[[Item], Out]) -> dict[str, Any]:
    """A page of what is at hand, in the order of its keys."""
    keys = sorted(items)
    if query.after is not None:
        after = _values(query.after, [str])[0]
        keys = [key for key in keys if key > str(after)]
    more, keys = len(keys) > query.limit, keys[: query.limit]
    return {"items": [show(items[key]) for key in keys], "next": _write([keys[-1]]) if more else None}


def _write(values: Sequence[str | int | datetime]) -> str:
    values = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    return base64.urlsafe_b64encode(json.dumps(values, separators=(",", ":")).encode()).decode().rstrip("=")


def _read(cursor: str, keys: Sequence[Any]) -> list[str | int | datetime]:
    values = _values(cursor, [int if isinstance(key.type, Integer) else str for key in keys])
    try:
        return [_instant(str(value)) if isinstance(key.type, UtcTime) else value for value, key in zip(values, keys, strict=True)]
    except (ValueError, OverflowError) as error:
        raise ApiFault(400, Finding("SL-API-04")) from error


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return at.astimezone(UTC)


def _values(cursor: str, wanted: list[type]) -> list[str | int]:
    fault = ApiFault(400, Finding("SL-API-04"))
    try:
        values = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        raise fault from error
    if not isinstance(values, list) or [type(value) for value in values] != wanted:
        raise fault
    if any("\0" in value if isinstance(value, str) else not 0 <= value < 2**63 for value in values):
        raise fault
    return values
