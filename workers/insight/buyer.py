"""What a member has bought, receipt by receipt, as a small JSON record: the days, the mean basket, what is owned and in which sizes.

`buys` holds the last `KEPT` receipts in order of arrival, each with its store day, amount (minor units) and pieces by product. What is
given back leaves the receipt it was bought with; a receipt that comes to nothing is no purchase.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from itertools import pairwise
from statistics import fmean, median
from typing import Any

from storeloom.workers.gs1 import item_key

Record = dict[str, Any]
KEPT = 60


def enter(record: Record, receipt: str, day: date, amount: int, items: Mapping[str, float]) -> bool:
    """Enter a receipt; False where it is known already (a repeat)."""
    buys = record.setdefault("buys", [])
    if any(buy["receipt"] == receipt for buy in buys):
        return False
    record["buys"] = [*buys, {"receipt": receipt, "day": day.isoformat(), "amount": amount, "pieces": dict(items)}][-KEPT:]
    return True


def pieces(lines: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Pieces by product, as `item_key` writes it, of the lines of a receipt or an order."""
    total: dict[str, float] = {}
    for line in lines:
        item = item_key(line["gtin"])
        total[item] = total.get(item, 0) + line["qty"]
    return total


def give_back(record: Record, receipt: str, amount: int, items: Mapping[str, float]) -> bool:
    """Enter a return, `amount` and `items` below nought, against the receipt it was bought with; whether that leaves nothing of it."""
    buy = next((buy for buy in record.get("buys", ()) if buy["receipt"] == receipt), None)
    if buy is None:
        return False
    buy["amount"] += amount
    for item, count in items.items():
        buy["pieces"][item] = buy["pieces"].get(item, 0) + count
    return not _real(buy)


def void(record: Record, receipt: str) -> None:
    """Take out a receipt as if it had never been."""
    record["buys"] = [buy for buy in record.get("buys", ()) if buy["receipt"] != receipt]


def days(record: Record) -> list[date]:
    """The days of purchases, each once, in order."""
    return sorted({date.fromisoformat(buy["day"]) for buy in _bought(record)})


def usual_gap(bought: Iterable[date]) -> float | None:
    """The median number of days between days of purchase; None before the second."""
    gaps = [(later - earlier).days for earlier, later in pairwise(sorted(set(bought)))]
    return median(gaps) if gaps else None


def mean_basket(record: Record) -> float | None:
    """Mean amount of the receipts, minor units; None without any."""
    amounts = [buy["amount"] for buy in _bought(record)]
    return fmean(amounts) if amounts else None


def owned(record: Record) -> dict[str, float]:
    """Pieces by product that were bought and not given back, those first bought latest last."""
    total: dict[str, float] = {}
    for buy in _bought(record):
        for item, number in buy["pieces"].items():
            total[item] = total.get(item, 0) + number
    return {item: number for item, number in total.items() if number > 0}


def sizes(record: Record, products: Mapping[str, Mapping[str, Any]]) -> dict[str | None, str]:
    """The size bought most often by category, of equally frequent ones the latest; under None that of all categories."""
    counts: dict[str | None, dict[str, tuple[float, int]]] = {}
    for turn, buy in enumerate(_bought(record)):
        for item, number in buy["pieces"].items():
            product = products.get(item, {})
            size = product.get("size")
            if size is None or number <= 0:
                continue
            for group in {product.get("category"), None}:
                found = counts.setdefault(group, {})
                found[size] = (found.get(size, (0, 0))[0] + number, turn)
    return {group: max(found, key=lambda size: found[size]) for group, found in counts.items()}


def fits(product: Mapping[str, Any], own: Mapping[str | None, str]) -> bool:
    """Whether a product comes without sizes, or in the member's own: of its category where known, else the usual; any if none is known."""
    wanted = own.get(product.get("category"), own.get(None))
    return not product.get("size") or wanted is None or product["size"] == wanted


def _bought(record: Record) -> list[dict[str, Any]]:
    return [buy for buy in record.get("buys", ()) if _real(buy)]


def _real(buy: Mapping[str, Any]) -> bool:
    return bool(buy["amount"] > 0)
