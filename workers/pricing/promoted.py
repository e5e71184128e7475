"""Which promotions name a product: by its GTIN, by its category, or by both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .rights import reaches

Row = Mapping[str, Any]


def names(promotion: Row, product: Row) -> bool:
    """Whether a row of `promotions` names a row of `products`; one without items and category names none by itself."""
    return bool(promotion.get("gtins") or promotion.get("category")) and reaches(promotion, product["gtin"], product)


def on_promotion(promotions: Iterable[Row], product: Row) -> bool:
    """Whether any of the approved promotions names the product."""
    return any(row.get("approved", True) and names(row, product) for row in promotions)
