"""Whether a sold line is at a price that the price book knows, and how far from it it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo
from typing import Any

from .prices import base_price
from .promoted import names
from .shelf import holds, offer_price

Row = Mapping[str, Any]
TOLERANCE = 1
GRAMS_PER_KG = 1000


def known_prices(product: Row, prices: Iterable[Row], promotions: Iterable[Row], at: datetime, zone: tzinfo) -> list[int]:
    """Unit prices of an item that hold at `at`, for anybody or for some: the base price first (else the list price), then all others."""
    rows = list(prices)
    base = base_price(rows, at, zone)
    base = product.get("list_price") if base is None else base
    found = [] if base is None else [base]
    found += [row["price"] for row in rows if row.get("kind", "base") != "base" and holds(row, at, zone)]
    for row in promotions:
        if row.get("approved", True) and names(row, product) and holds(row, at, zone):
            offer = offer_price(row, base, zone)
            found += [] if offer is None else [offer]
    return found


def units(line: Row) -> float:
    """What the unit price is taken times: pieces, or kilograms of a weighed line."""
    return float(line["qty"]) if line.get("weight_g") is None else line["weight_g"] / GRAMS_PER_KG


def off_book(line: Row, book: Iterable[int], *, explained: bool) -> int | None:
    """Minor units by which a line's amount is off the nearest price of the book; None for a line on it.

    `explained`: its discount is one of a promotion or coupon that holds, so that only the unit price counts.
    """
    prices, measure = list(book), units(line)
    if not prices or measure <= 0:
        return None
    paid = line["price"] if explained or not measure else line["amount"] / measure
    if any(abs(line["price"] - price) <= TOLERANCE for price in prices) and (explained or not line.get("discount")):
        return None
    if any(abs(paid - price) <= TOLERANCE or abs(line["amount"] - price * measure) <= TOLERANCE for price in prices):
        return None
    return round(float(min(abs(price * measure - paid * measure) for price in prices)))
