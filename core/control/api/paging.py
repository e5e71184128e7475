"""Lists in stretches, by the key that they are in order of: nothing is left out or told twice while rows come and go."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Integer, tuple_
from sqlmodel import Session

from storeloom.core.control.api.problems import ApiFault
from storeloom.core.control.api.route import PageQuery
from storeloom.core.kernel.errors import Finding

Out = TypeVar("Out")


def page(session: Session, select: Any, keys: Sequence[Any], query: PageQuery, show: Callable[[Any], Out]) -> dict[str, Any]:
    """A page of what `select` finds, in the order of the columns `keys`, which are strings or whole numbers and unique together."""
    ordered = select.order_by(*keys).limit(query.limit + 1)
    if query.after is not None:
        ordered = ordered.where(tuple_(*keys) > tuple_(*_read(query.after, keys)))
    found = list(session.exec(ordered))
    more, found = len(found) > query.limit, found[: query.limit]
    last = [getattr(found[-1], key.key) for key in keys] if more else None
    return {"items": [show(one) for one in found], "next": None if last is None else _write(last)}


def _write(values: Sequence[str | int]) -> str:
    return base64.urlsafe_b64encode(json.dumps(values, separators=(",", ":")).encode()).decode().rstrip("=")


def _read(cursor: str, keys: Sequence[Any]) -> list[str | int]:
    fault = ApiFault(400, Finding("SL-API-04"))
    try:
        values = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        raise fault from error
    wanted = [int if isinstance(key.type, Integer) else str for key in keys]
    if not isinstance(values, list) or [type(value) for value in values] != wanted:
        raise fault
    if any("\0" in value if isinstance(value, str) else not 0 <= value < 2**63 for value in values):
        raise fault
    return values
