"""What everybody pays for an item now, from the rows of the table `prices` that hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Row = Mapping[str, Any]


def retail(rows: Iterable[Row], product: Row) -> float:
    """The markdown, else the base price, of those without a scope the latest begun; else the product's list price, 0 where unknown."""
    known = [row for row in rows if not row.get("scope")]
    for kind in ("markdown", "base"):
        found = [row for row in known if row.get("kind", "base") == kind]
        if found:
            return float(max(found, key=lambda row: str(row.get("from") or ""))["price"])
    return float(product.get("list_price") or 0)
