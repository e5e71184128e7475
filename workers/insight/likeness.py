"""How alike two products are by their attributes: the Jaccard index, shared attributes of all that either has (Jaccard, 1901)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from storeloom.workers.gs1 import item_key

Row = Mapping[str, Any]
COLUMNS = ("category", "subcategory", "brand", "style", "colour", "look", "season")


def features(product: Row) -> frozenset[tuple[str, str]]:
    """A product's attributes as pairs of name and value, a list giving one for each of its values, in lower case.

    They are the table's `attributes`; of a product without any, its category, brand, style and what else tells its looks.
    """
    given = product.get("attributes") or {name: product.get(name) for name in COLUMNS}
    pairs = ((name, one) for name, value in given.items() for one in (value if isinstance(value, list) else [value]))
    return frozenset((name, str(value).casefold()) for name, value in pairs if value is not None)


def by_item(rows: Iterable[Row]) -> dict[str, frozenset[tuple[str, str]]]:
    """The features of rows of the table `products` by `item_key`."""
    return {item_key(row["gtin"]): features(row) for row in rows}


def jaccard(one: Collection[Any], other: Collection[Any]) -> float:
    """The share of what is in both of what is in either, 0 to 1; 0 where both are empty."""
    union = len(set(one) | set(other))
    return len(set(one) & set(other)) / union if union else 0.0


def closest(wanted: Collection[Any], known: Iterable[Collection[Any]]) -> float:
    """The Jaccard index with the most alike of what is known; 0 where nothing is."""
    return max((jaccard(wanted, one) for one in known), default=0.0)
