"""A member's habits as a small JSON record, and the features that models of response learn from: behaviour only, never who somebody is.

A record holds one row for each of the last thirteen months, how often each category was bought, and the latest receipts, by which a repeat
is told. What the members table says of the last twelve months stands in where it knows more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

Record = dict[str, Any]
FEATURES = ("recency", "frequency", "monetary", "tenure", "category_mix", "discount_share")
SKEWED = frozenset(("recency", "frequency", "monetary", "tenure"))
MONTHS, CATEGORIES, RECEIPTS = 13, 30, 5
NEVER_D = 365


def new() -> Record:
    return {"first": None, "last": None, "months": {}, "categories": {}, "receipts": []}


def add(record: Record, day: date, receipt: str, total: int, discount: int, categories: Iterable[str]) -> bool:
    """Enter a receipt; `discount` is what was taken off, above nought. False where the receipt is known already."""
    if receipt in record["receipts"]:
        return False
    record["receipts"] = [*record["receipts"], receipt][-RECEIPTS:]
    record["first"] = min(record["first"] or day.isoformat(), day.isoformat())
    record["last"] = max(record["last"] or day.isoformat(), day.isoformat())
    month = record["months"].setdefault(day.isoformat()[:7], [0, 0, 0])
    for place, amount in enumerate((1, total, discount)):
        month[place] += amount
    record["months"] = dict(sorted(record["months"].items())[-MONTHS:])
    counts = record["categories"]
    for category in dict.fromkeys(categories):
        counts[category] = counts.get(category, 0) + 1
    record["categories"] = dict(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:CATEGORIES])
    return True


def features(record: Record, today: date, row: Mapping[str, Any]) -> dict[str, float]:
    """`FEATURES` on a day: days since the last purchase, receipts of a year, mean basket (minor units, 0 if unknown), days since joining,
    the chance that two purchases are of different categories (Simpson), and the share of the full price that was taken off."""
    oldest = f"{today.year - 1}-{today.month:02d}"
    recent = [month for name, month in record["months"].items() if name > oldest]
    receipts, spend, off = (sum(month[place] for month in recent) for place in range(3))
    if row.get("receipts_12m", 0) > receipts:
        off = off * row.get("spend_12m", 0) / spend if spend > 0 else 0
        receipts, spend = row["receipts_12m"], row.get("spend_12m", 0)
    last = max(filter(None, (record["last"], row.get("last_purchase"))), default=None)
    joined = min(filter(None, (record["first"], row.get("joined"))), default=None)
    bought = sum(record["categories"].values())
    return {
        "recency": float(_days(last, today)) if last else float(NEVER_D),
        "frequency": float(receipts),
        "monetary": spend / receipts if receipts and spend > 0 else 0.0,
        "tenure": float(_days(joined, today)) if joined else 0.0,
        "category_mix": 1 - sum((n / bought) ** 2 for n in record["categories"].values()) if bought else 0.0,
        "discount_share": off / (spend + off) if spend > 0 else 0.0,
    }


def _days(since: str, today: date) -> int:
    return max(0, (today - date.fromisoformat(since[:10])).days)
