"""Promotions and coupons as planned: rules of rows not approved yet, rows that cannot be priced, 'was' prices without a promotion."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta, tzinfo
from typing import Any

from .prices import EARLIEST, LATEST, instant
from .promoted import names
from .rules import Rule, coupon_rule, promotion_rule
from .shelf import overlaps

Row = Mapping[str, Any]


def rules_of(promotions: Iterable[Row], coupons: Iterable[Row], zone: tzinfo) -> tuple[list[tuple[Rule, Row]], list[tuple[Row, str]]]:
    """Rules with their rows, promotions as if all were approved; and the rows that cannot be priced, with the reason."""
    rules: list[tuple[Rule, Row]] = []
    unsound: list[tuple[Row, str]] = []
    made: list[tuple[Callable[[Row, tzinfo], Rule | None], Row]] = []
    made += [(promotion_rule, {"kind": "display", **row, "approved": True}) for row in promotions]
    made += [(coupon_rule, {"kind": "points", **row}) for row in coupons]
    for make, row in made:
        try:
            rule = make(row, zone)
        except ValueError as error:
            unsound.append((row, str(error)))
        else:
            rules += [(rule, row)] if rule is not None else []
    return rules, unsound


def uncovered(prices: Iterable[Row], product_of: Callable[[str], Row | None], promotions: Iterable[Row], zone: tzinfo) -> list[Row]:
    """Price rows with a price crossed out that no promotion of their item and time covers, as rows of `promotions`."""
    rows = list(promotions)
    found: list[Row] = []
    for price in prices:
        product = product_of(price["gtin"])
        if price.get("struck") is None or product is None:
            continue
        start, end = instant(price.get("from"), zone, EARLIEST), instant(price.get("to"), zone, LATEST) - timedelta.resolution
        if not any(names(row, product) and overlaps(row, start, end, zone) for row in rows):
            name = f"price-{price['gtin']}-{price.get('from', '')}"
            found.append({"promo": name, "kind": "price", "gtins": [price["gtin"]], "from": price.get("from"), "to": price.get("to")})
    return found
