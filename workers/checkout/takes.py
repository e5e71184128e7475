"""Who took what from a weighed shelf: people by their distance from it, products by how the change of weight fits them and how they look.

Weights of people are Gaussian in the distance, cut off at arm's reach. A hypothesis on goods is a product and a whole number of its
pieces; the weight of n pieces, independent of one another, has a deviation that grows with the root of n.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

LEAST_SD_G, SD_SHARE = 2.0, 0.02
MOST_PIECES = 50
EDGE = 1e-9


class Article(NamedTuple):
    """A product as the scale knows it: grams a piece and their standard deviation."""

    gtin: str
    weight_g: float
    sd_g: float


class Guess(NamedTuple):
    gtin: str
    qty: int
    p: float


def article(gtin: str, weight_g: float | None, sd_g: float | None) -> Article | None:
    """A product with a known weight; without a known deviation 2 % of it, at least 2 g. None for one that no scale can tell."""
    if not weight_g or weight_g <= 0:
        return None
    return Article(gtin, weight_g, sd_g if sd_g and sd_g > 0 else max(LEAST_SD_G, SD_SHARE * weight_g))


def reaching(distances_m: Mapping[str, float], sigma_m: float, reach_m: float) -> dict[str, float]:
    """The probability that each of these people it was, by their distance; nobody beyond reach. Empty where nobody is near."""
    weights = {who: math.exp(-d * d / (2 * sigma_m * sigma_m)) for who, d in distances_m.items() if d <= reach_m + EDGE}
    whole = sum(weights.values())
    return {who: weight / whole for who, weight in weights.items()} if whole > 0 else {}


def misfit(change_g: float, one: Article, qty: int) -> float:
    """How far a change lies from `qty` pieces, in standard deviations."""
    return abs(abs(change_g) - qty * one.weight_g) / (one.sd_g * math.sqrt(qty))


def named(change_g: float, articles: Iterable[Article], scores: Mapping[str, float] | None, most_z: float) -> list[Guess]:
    """Products and counts that a change of weight may be, the likeliest first; those beyond `most_z` deviations are ruled out.

    `scores` are the likenesses of a picture; what it does not name shares what they leave of 1. None: all look alike.
    """
    known = list(articles)
    unseen = [one for one in known if scores is not None and one.gtin not in scores]
    rest = max(0.0, 1 - sum((scores or {}).values())) / len(unseen) if unseen else 0.0
    found = []
    for one in known:
        near = max(1, math.floor(abs(change_g) / one.weight_g))
        for qty in range(max(1, near - 1), min(MOST_PIECES, near + 2) + 1):
            z = misfit(change_g, one, qty)
            weight = math.exp(-z * z / 2) * (1.0 if scores is None else scores.get(one.gtin, rest))
            if z <= most_z + EDGE and weight > 0:
                found.append(Guess(one.gtin, qty, weight))
    whole = sum(guess.p for guess in found)
    return sorted((guess._replace(p=guess.p / whole) for guess in found), key=lambda guess: (-guess.p, guess.gtin, guess.qty))


def latest_equal(takings: Iterable[tuple[str, int]], change_g: float, articles: Mapping[str, Article], most_z: float) -> int | None:
    """The place of the last taking whose goods weigh what was put back; None where none does."""
    places = [
        place for place, (gtin, qty) in enumerate(takings) if gtin in articles and misfit(change_g, articles[gtin], qty) <= most_z + EDGE
    ]
    return places[-1] if places else None
