"""What the table of promotions says: which items on which days, the supplier's funding and the fixed cost, in minor units."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.gs1 import item_key
from storeloom.workers.pricing.prices import EARLIEST, instant

Row = Mapping[str, Any]
PAID_BY_SUPPLIER = ("display", "ad")
INSTANT = timedelta(microseconds=1)
LONGEST_D = 120


class Terms(NamedTuple):
    """`funding` a unit sold, `lump` paid by the supplier at once, `fixed` cost."""

    funding: float
    lump: float
    fixed: float


def terms(row: Row, supplier: Row | None = None) -> Terms:
    """The terms of a row; `funding` may stand with the supplier instead. The `fee` of a display or an advertisement is the supplier's; of
    any other promotion it is the fixed cost where the row names no `fixed_cost`."""
    fee, paid = row.get("fee", 0), row.get("kind") in PAID_BY_SUPPLIER
    return Terms(row.get("funding", (supplier or {}).get("funding", 0)), fee if paid else 0, row.get("fixed_cost", 0 if paid else fee))


def by_category(rows: Iterable[Row]) -> dict[str, list[str]]:
    """Items of each category, from rows of the table `products`."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row.get("category"):
            found.setdefault(row["category"], []).append(item_key(row["gtin"]))
    return found


def promotions(
    rows: Iterable[Row], items_of: Mapping[str, Iterable[str]], supplier_of: Callable[[str], Row | None], hours: StoreHours
) -> dict[str, dict[str, Any]]:
    """promo, `span` (first and last store day: `to` is the first moment that is not promoted), `items` and terms of each promotion.

    Those that are not approved, have no end, or are of no product or category (`items_of`) are left out; also those of more than
    `LONGEST_D` days: what always holds is a price, and leaves no days to compare with.
    """
    found = {}
    for row in rows:
        items = list(dict.fromkeys([item_key(gtin) for gtin in row.get("gtins") or ()] or items_of.get(row.get("category", ""), ())))
        if not (row.get("approved", True) and row.get("from") and row.get("to") and items):
            continue
        start, end = (instant(row[key], hours.zone, EARLIEST) for key in ("from", "to"))
        span = hours.store_day(start), hours.store_day(max(start, end - INSTANT))
        if (span[1] - span[0]).days >= LONGEST_D:
            continue
        supplier = supplier_of(row["supplier"]) if row.get("supplier") else None
        found[row["promo"]] = {"promo": row["promo"], "span": span, "items": items, **terms(row, supplier)._asdict()}
    return found


def combined(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Rows of `promotions` that are evaluated as one, as JSON: `promos`, `first` and `last` day, `lump`, `fixed`, and `items` with the
    `spans` of days of each and the sum of its `funding` a unit."""
    items: dict[str, dict[str, Any]] = {}
    for row in rows:
        for item in row["items"]:
            one = items.setdefault(item, {"spans": [], "funding": 0})
            one["spans"].append([day.isoformat() for day in row["span"]])
            one["funding"] += row["funding"]
    return {
        "promos": [row["promo"] for row in rows],
        "items": items,
        "lump": sum(row["lump"] for row in rows),
        "fixed": sum(row["fixed"] for row in rows),
        "first": min(row["span"][0] for row in rows).isoformat(),
        "last": max(row["span"][1] for row in rows).isoformat(),
    }


def by_item(groups: Mapping[str, Mapping[str, Any]], post_days: int) -> dict[str, list[list[str]]]:
    """Of each promoted item [first, last, last of the `post_days` after it, name] of its combined promotions."""
    found: dict[str, list[list[str]]] = {}
    for name, group in groups.items():
        over = (date.fromisoformat(group["last"]) + timedelta(days=post_days)).isoformat()
        for item in group["items"]:
            found.setdefault(item, []).append([group["first"], group["last"], over, name])
    return found
