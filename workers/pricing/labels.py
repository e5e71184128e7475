"""What an electronic label shows, and which of two changes must reach the shelf first."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any

from storeloom.workers.gs1 import item_key

from .shelf import ShelfPrice, net_grams, unit_price

Row = Mapping[str, Any]
GRAMS_PER_KG = 1000
VERSION_DIGITS = 16
NOTHING_SHOWN: Row = {"version": "", "price": None, "promo": None}


class Turn(IntEnum):
    """Place in the queue: what could make a shopper pay more than the label says comes first."""

    RISE = 0
    PROMOTION_ENDED = 1
    DROP = 2
    OTHER = 3


def content(gtin: str, product: Row, price: ShelfPrice, basis_g: int) -> dict[str, Any]:
    """Data of a `label.update`: item, template and fields, with their hash as `version`. The unit price is per `basis_g` grams."""
    grams = GRAMS_PER_KG if price.per == "kg" else net_grams(product)
    fields = {
        "name": product.get("name", gtin),
        "price": price.price,
        "struck": price.struck,
        "promo": price.promo,
        "unit_price": unit_price(price.price, grams, basis_g) if grams else None,
        "unit_basis_g": basis_g if grams else None,
    }
    shown = {
        "gtin": gtin,
        "template": "standard" if price.kind == "base" and not price.promo else "promotion",
        "fields": {name: value for name, value in fields.items() if value is not None},
    }
    digest = hashlib.sha256(json.dumps(shown, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    return {**shown, "version": digest[:VERSION_DIGITS]}


def gist(shown: Row | None) -> Row:
    """What counts of a label's content once it is shown: version, price and promotion."""
    if shown is None:
        return NOTHING_SHOWN
    return {"version": shown["version"], "price": shown["fields"]["price"], "promo": shown["fields"].get("promo")}


def turn(visible: Sequence[Row], wanted: Row) -> Turn:
    """A change's place in the queue, from the gists of what the label may show now and of what it should."""
    prices = [shown["price"] for shown in visible if shown["price"] is not None]
    if prices and wanted["price"] > min(prices):
        return Turn.RISE
    if wanted["promo"] is None and any(shown["promo"] for shown in visible):
        return Turn.PROMOTION_ENDED
    return Turn.DROP if prices and wanted["price"] < max(prices) else Turn.OTHER


def labelled(rows: Sequence[Row]) -> tuple[dict[str, list[Row]], dict[str, list[str]]]:
    """Planogram rows of each label, and the labels of each item key. Where the planogram names no label at all, slots name them."""
    name = "label" if any(row.get("label") for row in rows) else "slot"
    rows_of: dict[str, list[Row]] = {}
    labels_of: dict[str, list[str]] = {}
    for row in rows:
        if row.get(name):
            rows_of.setdefault(row[name], []).append({**row, "label": row[name]})
            labels = labels_of.setdefault(item_key(row["gtin"]), [])
            if row[name] not in labels:
                labels.append(row[name])
    return rows_of, labels_of
