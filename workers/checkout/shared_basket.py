"""One basket over many touchpoints: who may change it, and its lines.

A basket is a plain dict: `lines` (as scanned), `member`, `holder` (the touchpoint that touched it last) and `touched` (RFC 3339, when),
`parked`, `version` (of its price), `begun`, `last` (the scan at hand, by which a repeat is told), and `order`, whether it is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from storeloom.core.kernel.events import parse_time, plain

Basket = dict[str, Any]
Row = Mapping[str, Any]
TAKEN = ("gtin", "qty", "weight_g", "price")


def new(where: str, at: datetime) -> Basket:
    fresh = {"lines": [], "member": None, "holder": where, "touched": plain(at), "parked": False, "version": 0, "begun": plain(at)}
    return {**fresh, "last": None, "order": False}


def may_touch(basket: Basket, where: str, at: datetime, lease: timedelta) -> bool:
    """Whether a touchpoint may change a basket: its holder may, others once it is parked or was left alone for the lease."""
    free = basket["parked"] or where == basket["holder"]
    return bool(free) or at - parse_time(basket["touched"]) >= lease


def touch(basket: Basket, where: str, at: datetime) -> bool:
    """Take the lease; whether the basket came over from another touchpoint."""
    moved = bool(where != basket["holder"])
    basket.update(holder=where, touched=plain(max(at, parse_time(basket["touched"]))), parked=False)
    return moved


def put(basket: Basket, line: Row) -> None:
    """Add a line, in place of the one of the same number; without a number it is the next."""
    number = line.get("line") or max((one["line"] for one in basket["lines"]), default=0) + 1
    fresh = {"line": number, "qty": 1, **{name: line[name] for name in TAKEN if line.get(name) is not None}}
    basket["lines"] = sorted([*(one for one in basket["lines"] if one["line"] != number), fresh], key=lambda one: one["line"])


def fill(basket: Basket, lines: Iterable[Row]) -> None:
    """Replace all lines."""
    basket["lines"] = []
    for line in lines:
        put(basket, line)


def take(basket: Basket, line: int | None, gtin: str | None) -> None:
    """Take a line out, by its number, else the last of a product."""
    found = [one for one in basket["lines"] if one["line"] == line or (line is None and one["gtin"] == gtin)]
    basket["lines"] = [one for one in basket["lines"] if one is not (found[-1] if found else None)]
