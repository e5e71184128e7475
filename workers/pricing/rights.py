"""Promotions of which a member may buy only so many units: what of a basket they still cover, and what the basket then costs.

Units beyond a right are priced apart, under all other promotions; so a basket may be priced in parts, each with its own blocked promotions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from storeloom.workers.gs1 import item_key

from .basket import price_basket
from .prices import PriceBook
from .rule_index import RuleIndex
from .rules import Row


@dataclass(frozen=True)
class Priced:
    """Lines as in `basket.priced`, what they come to (minor units), and the units that each limited promotion reduced."""

    lines: list[dict[str, Any]]
    total: int
    savings: int
    used: dict[str, int]


def reaches(promotion: Row, gtin: str, product: Row) -> bool:
    """Whether a promotion names a product or one of its categories; one that names nothing reaches all."""
    gtins, category = promotion.get("gtins"), promotion.get("category")
    key = item_key(gtin)
    named = not gtins or any(item_key(one) == key for one in gtins)
    return named and category in (None, product.get("category"), product.get("subcategory"))


def split(
    lines: Iterable[Row], limited: Iterable[Row], left: Mapping[str, int], products: Mapping[str, Row]
) -> list[tuple[Row, frozenset[str]]]:
    """Lines, taken apart where a right ends: each part with the promotions of which the right is used up. What has no whole number of
    pieces counts as one unit."""
    rest = dict(left)
    parts: list[tuple[Row, frozenset[str]]] = []
    rows = list(limited)
    for line in lines:
        product = products.get(item_key(line["gtin"]), {})
        covering = [row["promo"] for row in rows if reaches(row, line["gtin"], product)]
        whole = line.get("weight_g") is None and float(line["qty"]).is_integer()
        units = int(line["qty"]) if whole else 1
        while units > 0:
            blocked = frozenset(promo for promo in covering if rest[promo] <= 0)
            open_ones = [promo for promo in covering if promo not in blocked]
            taken = min([units, *(rest[promo] for promo in open_ones)])
            for promo in open_ones:
                rest[promo] -= taken
            parts.append(({**line, "qty": taken if whole else line["qty"]}, blocked))
            units -= taken
    return parts


def priced(
    lines: Iterable[Row], promotions: Iterable[Row], left: Mapping[str, int], prices: PriceBook, products: Mapping[str, Row],
    member: Row | None, at: datetime, zone: tzinfo,
) -> Priced:  # fmt: skip
    """Price a basket whose limited promotions (the keys of `left`) still cover so many units each; UnpricedItem as `price_basket`."""
    rows = list(promotions)
    limited = [row for row in rows if row["promo"] in left]
    groups: dict[frozenset[str], list[Row]] = {}
    for number, (part, blocked) in enumerate(split(lines, limited, left, products), 1):
        groups.setdefault(blocked, []).append({**part, "line": number, "origin": part["line"]})
    found: dict[int, dict[str, Any]] = {}
    used: dict[str, int] = dict.fromkeys(left, 0)
    for blocked, parts in groups.items():
        allowed = RuleIndex([row for row in rows if row["promo"] not in blocked], zone)
        result = price_basket(parts, promotions=allowed, coupons=(), prices=prices, products=products, member=member, at=at, zone=zone)
        origin = {part["line"]: part for part in parts}
        for rule in result.applied:
            for number in [number for number, saving in rule.lines.items() if saving > 0 and rule.id in used]:
                part = origin[number]
                used[rule.id] += int(part["qty"]) if part.get("weight_g") is None and float(part["qty"]).is_integer() else 1
        for line in result.as_data("", 1)["lines"]:
            part = origin[line["line"]]
            whole = found.setdefault(part["origin"], {**line, "line": part["origin"], "qty": 0, "discount": 0, "amount": 0})
            whole |= {name: whole[name] + line[name] for name in ("qty", "discount", "amount")}
            whole |= {"promo": line["promo"]} if "promo" in line and "promo" not in whole else {}
    answer = [found[number] for number in sorted(found)]
    return Priced(answer, sum(line["amount"] for line in answer), sum(line["discount"] for line in answer), used)
