"""Whether a record that a store's system sent is complete, the first of its key, valid and timely; the four shares make a source's score.

The dimensions are four of the six of DAMA UK, The Six Primary Dimensions for Data Quality Assessment (2013). A record is a stream's `data`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

DIMENSIONS = ("completeness", "uniqueness", "validity", "timeliness")
Record = Mapping[str, Any]
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "pos.sale": ("receipt", "kind", "till", "channel", "lines", "payments", "total"),
    "order.placed": ("order", "channel", "kind", "lines", "total", "paid"),
    "inventory.snapshot": ("gtin", "on_hand"),
    "member.profile": ("member", "consents"),
    "vision.count": ("line", "class", "in", "out", "from", "to"),
    "points.change": ("member", "delta", "reason"),
}
LINE = ("line", "gtin", "qty", "price", "amount")
KEYS: Mapping[str, tuple[str, ...]] = {
    "pos.sale": ("receipt", "kind"),
    "order.placed": ("order", "draft"),
    "inventory.snapshot": ("gtin", "location", "view", "channel", "other_store", "lot", "@"),
    "member.profile": ("member", "@"),
    "vision.count": ("line", "class", "from", "to"),
    "points.change": ("member", "delta", "reason", "@"),
}


def complete(stream: str, data: Record) -> bool:
    """Whether every required field is there and says something, in each line too."""
    lines = data.get("lines") or ()
    return all(data.get(name) not in (None, "", []) for name in REQUIRED[stream]) and all(
        line.get(name) not in (None, "") for line in lines for name in LINE
    )


def business_key(stream: str, data: Record, time: str) -> str | None:
    """What makes a record the same as one before it; None where the key's first field is missing. `time` (of the event) counts for
    records of a state that comes again and again."""
    fields = KEYS[stream]
    if data.get(fields[0]) is None:
        return None
    return "|".join(time if name == "@" else str(data.get(name, "")) for name in fields)


def valid(data: Record, known_item: Callable[[str], bool], known_member: Callable[[str], bool]) -> bool:
    """Whether items and member are known, and lines and payments come to the same; what a record does not say is not held against it."""
    lines, payments = data.get("lines"), data.get("payments")
    gtins = [line["gtin"] for line in lines or () if line.get("gtin")] + ([data["gtin"]] if data.get("gtin") else [])
    if not all(map(known_item, gtins)) or (data.get("member") and not known_member(data["member"])):
        return False
    return not (lines and payments) or total(lines) == total(payments)


def total(parts: Iterable[Record]) -> int:
    """Sum of `amount`."""
    return sum(part.get("amount", 0) for part in parts)


def shares(counts: Record) -> dict[str, float]:
    """Passing shares in percent of the `received` records, by dimension."""
    return {name: 100 * counts[name] / counts["received"] for name in DIMENSIONS}


def score(passing: Mapping[str, float], weights: Mapping[str, float]) -> tuple[float, str]:
    """The weighted mean of the shares, and the worst of those that have a weight (the first of equal ones)."""
    weighed = [name for name in DIMENSIONS if weights.get(name, 0) > 0]
    mean = sum(passing[name] * weights[name] for name in weighed) / sum(weights[name] for name in weighed)
    return mean, min(weighed, key=lambda name: passing[name])


def brand_names(product: Record, supplier: Record | None) -> Collection[str]:
    """The names under which a brand may be granted figures of a product: its brand, its supplier and that supplier's name."""
    return {name for name in (product.get("brand"), product.get("supplier"), (supplier or {}).get("name")) if name}
