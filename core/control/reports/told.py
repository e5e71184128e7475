"""What stores tell, as it is taken in: the form that is read of an event, and the rows that stand for what it is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ValidationError
from sqlmodel import Session, col, select

from storeloom.core.control.models.received import ReceivedEvent

AT_ONCE = 500


class OfStore(Protocol):
    """A table whose rows belong to a store and have an id in it."""

    chain: Any
    store: Any
    id: Any


Form = TypeVar("Form", bound=BaseModel)
Row = TypeVar("Row", bound=OfStore)


def formed(form: type[Form], data: Mapping[str, Any]) -> Form | None:
    """What of an event's data is read; None where it has another form."""
    try:
        return form.model_validate(data)
    except ValidationError:
        return None


def known(session: Session, table: type[Row], event: ReceivedEvent, ids: Sequence[str]) -> dict[str, Row]:
    """The rows of these ids in the event's store, locked until the transaction ends."""
    found: dict[str, Row] = {}
    for start in range(0, len(ids), AT_ONCE):
        mine = table.chain == event.chain, table.store == event.store, col(table.id).in_(ids[start : start + AT_ONCE])
        found.update({row.id: row for row in session.exec(select(table).where(*mine).with_for_update())})
    return found
