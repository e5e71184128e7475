"""Sessions at touchpoints: when one ends, to whom and to which receipt it belongs, and what becomes of it.

A book is JSON by string key: `use:KEY` the last session of a key (a kiosk's session, a code's visitor), `of:KIND|NAME` whose it was. A
session is {"name": touchpoint, "began", "at": last touch, "used", "done", "service"}; `touch`, `finish`, `to_service` say what counts.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from datetime import datetime, timedelta
from typing import Any

from storeloom.core.kernel.events import parse_time, plain

Book = MutableMapping[str, Any]
Session = dict[str, Any]
KNOWN_FOR = timedelta(days=7)


def running(book: Book, key: str, name: str, at: datetime, idle: timedelta) -> Session:
    """The key's session, a new one where more than `idle` has passed since its last touch; one of service goes on as such."""
    use: Session | None = book.get(f"use:{key}")
    if use is None or at - parse_time(use["at"]) > idle:
        service = use is not None and use["service"]
        use = {"name": name, "began": plain(at), "at": plain(at), "used": False, "done": False, "service": service}
        book[f"use:{key}"] = use
    return use


def belongs(book: Book, key: str, owners: Mapping[str, str | None]) -> None:
    """Remember the session of a key as the last one of each owner: {"member": ..., "receipt": ..., "till": ...}."""
    for kind, owner in owners.items():
        if owner:
            book[f"of:{kind}|{owner}"] = {"use": f"use:{key}", "at": book[f"use:{key}"]["at"]}


def last_of(book: Book, kind: str, owner: str | None, at: datetime, within: timedelta = KNOWN_FOR) -> Session | None:
    """An owner's last session, unless it is longer ago than `within`."""
    link = book.get(f"of:{kind}|{owner}")
    use: Session | None = book.get(link["use"]) if link else None
    return use if use is not None and at - parse_time(use["at"]) <= within else None


def touch(use: Session, at: datetime) -> bool:
    """Whether this touch makes the session a use; one of service never is."""
    use["at"] = plain(max(parse_time(use["at"]), at))
    first = not use["used"] and not use["service"]
    use["used"] = use["used"] or first
    return first


def finish(use: Session | None) -> bool:
    """Whether a use has now reached its goal for the first time."""
    if use is None or not use["used"] or use["done"]:
        return False
    use["done"] = True
    return True


def to_service(use: Session) -> tuple[bool, bool]:
    """Make it a session of service; whether it had counted as used and as finished."""
    counted = use["used"], use["done"]
    use |= {"service": True, "used": False, "done": False}
    return counted


def forget(book: Book, now: datetime) -> None:
    """Drop the sessions of longer than a week ago."""
    for key in [key for key in book if key.startswith(("use:", "of:")) and now - parse_time(book[key]["at"]) > KNOWN_FOR]:
        del book[key]
