"""Cabinets that are paid for what was taken: how their events are told apart, what things cost there, what a session took."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from storeloom.workers.gs1 import item_key
from storeloom.workers.pricing.money import line_amount
from storeloom.workers.pricing.prices import PriceBook, Row, UnpricedItem

Item = tuple[str, float]


def number(event: Mapping[str, Any]) -> str:
    """What tells a `cabinet.event` from the others of its cabinet: its sequence, which some cabinets count anew in each session."""
    return "-".join([str(event["cabinet"]), *([str(event["session"])] if event.get("session") else []), str(event["seq"])])


def price_in(book: PriceBook, products: Mapping[str, Row], gtin: str, at: datetime, cabinet: str) -> int | None:
    """The lowest price that holds in a cabinet, else the list price; None without any."""
    try:
        return book.lookup(gtin, at, cabinet=cabinet).price
    except UnpricedItem:
        price = products.get(item_key(gtin), {}).get("list_price")
        return None if price is None else int(price)


def taken(steps: Sequence[tuple[str, str, float]], final: Iterable[Item] | None) -> dict[str, float]:
    """Units by product that a session took: what the cabinet says at its closing, else its picks less what was put back.

    `steps` are (pick or put, product, units) in order; what was put in beyond the picks is none of the shopper's.
    """
    found: dict[str, float] = {}
    if final is not None:
        for gtin, qty in final:
            found[gtin] = found.get(gtin, 0) + qty
    else:
        for kind, gtin, qty in steps:
            found[gtin] = max(0, found.get(gtin, 0) + (qty if kind == "pick" else -qty))
    return {gtin: qty for gtin, qty in found.items() if qty > 0}


def sale_lines(items: Iterable[tuple[str, float, int]]) -> list[dict[str, Any]]:
    """Lines of a receipt, of (product, units, price)."""
    return [
        {"line": place, "gtin": gtin, "qty": qty, "price": price, "amount": line_amount(price, qty)}
        for place, (gtin, qty, price) in enumerate(items, 1)
    ]
