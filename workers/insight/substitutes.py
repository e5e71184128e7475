"""What may stand in for goods that are not there: articles of the same category, equal in what matters, the most like first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from storeloom.workers.pricing.shelf import net_grams

Row = Mapping[str, Any]
ELSEWHERE = {"allergen": "allergens", "allergens": "allergen"}
EDGE = 1e-9


class Offer(NamedTuple):
    """A candidate, its likeness (0..1) and its price."""

    gtin: str
    score: float
    price: int


class Rules(NamedTuple):
    """Weights of brand, size, attributes and history; the least likeness; the dearest share above the ordered price; the largest relative
    difference of content; attributes that must be equal."""

    weights: Mapping[str, float]
    min_score: float
    price_up: float
    size_limit: float
    hard: Sequence[str]


def content_difference(one: Row, other: Row) -> float | None:
    """Difference of net content relative to the first; 0 where neither tells one, None where they cannot be compared."""
    contents = [net_grams(row) for row in (one, other)]
    if contents == [None, None]:
        return 0.0
    here, there = contents
    return abs(float(there) - float(here)) / float(here) if here and there is not None else None


def by_weight(row: Row) -> bool:
    """Whether an article is sold by weight, its price per kg."""
    return row.get("unit") == "kg" or bool(row.get("weighed"))


def same_in(one: Row, other: Row, names: Iterable[str]) -> bool:
    """Whether two articles agree in each of these attributes; what both lack agrees."""
    return all(_value(one, name) == _value(other, name) for name in names)


def share_equal(one: Row, other: Row) -> float:
    """Share of the attributes of either that are equal in both; 1 where neither has any."""
    here, there = (row.get("attributes") or {} for row in (one, other))
    names = here.keys() | there.keys()
    return sum(_plain(here.get(name)) == _plain(there.get(name)) for name in names) / len(names) if names else 1.0


def likeness(one: Row, other: Row, weights: Mapping[str, float], *, bought: bool) -> float:
    """Sum of the weights, each by how far it holds: brand equal, content near, attributes shared, bought before."""
    parts = {
        "brand": float(one.get("brand") is not None and one.get("brand") == other.get("brand")),
        "size": max(0.0, 1 - (content_difference(one, other) or 0.0)),
        "attributes": share_equal(one, other),
        "history": float(bought),
    }
    return sum(weights.get(name, 0.0) * part for name, part in parts.items())


def offers(
    ordered: Row, price: int, candidates: Iterable[tuple[Row, int]], rules: Rules, bought: Iterable[str] = (), most: int = 3
) -> list[Offer]:
    """The best candidates (product, price), most like first, then the cheaper, then by gtin; `bought` are gtins of the products."""
    known, found = frozenset(bought), []
    for row, asked in candidates:
        difference = content_difference(ordered, row)
        if row["gtin"] == ordered["gtin"] or row.get("category") != ordered.get("category") or difference is None:
            continue
        if by_weight(row) != by_weight(ordered):
            continue
        if difference > rules.size_limit + EDGE or asked > price * (1 + rules.price_up) + EDGE or not same_in(ordered, row, rules.hard):
            continue
        score = likeness(ordered, row, rules.weights, bought=row["gtin"] in known)
        if score >= rules.min_score - EDGE:
            found.append(Offer(str(row["gtin"]), round(score, 6), asked))
    return sorted(found, key=lambda offer: (-offer.score, offer.price, offer.gtin))[:most]


def _value(row: Row, name: str) -> Any:
    """An attribute by its name, or the column of that name; sets of words whatever their order."""
    attributes = row.get("attributes") or {}
    for known in (name, ELSEWHERE.get(name, name)):
        found = attributes.get(known, row.get(known))
        if found not in (None, "", [], False):
            return _plain(found)
    return None


def _plain(value: Any) -> Any:
    return tuple(sorted(map(str, value))) if isinstance(value, (list, tuple)) else value
