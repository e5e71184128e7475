"""Posts of creators: what keeps one from going out, whether its clicks are honest, and how creators compare.

Scores shrink a creator's engagement rate towards that of all creators, so that a few views prove little (empirical Bayes with a fixed prior
weight; Efron and Morris, JASA 70, 1975).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from storeloom.workers.pricing.money import decimals, exact

_PRICE = re.compile(
    r"(?:[¥￥$€£]|RMB|CNY|USD|EUR|GBP)\s*(\d+(?:\.\d+)?)|(\d+(?:\.\d+)?)\s*(?:元|块|yuan\b|RMB\b|CNY\b|USD\b|EUR\b|dollars?\b|euros?\b)",
    re.I,
)


def has_word(text: str, word: str) -> bool:
    """Whether a text holds a word, whatever its case; in scripts without spaces, anywhere."""
    edge = [r"\b" if word[place : place + 1 or None].isascii() and word[place].isalnum() else "" for place in (0, -1)]
    return re.search(f"{edge[0]}{re.escape(word)}{edge[1]}", text, re.I) is not None


def prices_in(text: str, currency: str) -> list[int]:
    """Prices that a text claims, in minor units: amounts beside the sign or name of a currency."""
    unit = 10 ** decimals(currency)
    return [int(exact(one or other) * unit) for one, other in _PRICE.findall(text)]


def broken_rules(text: str, ad_mark: str, banned: Iterable[str], prices: Collection[int], currency: str) -> list[str]:
    """The rules that a post breaks: `ad_mark`, `banned_words`, `price` (a claim that is none of the products' prices, where these are
    known)."""
    rules = [] if has_word(text, ad_mark) else ["ad_mark"]
    rules += ["banned_words"] if any(has_word(text, word) for word in banned) else []
    rules += ["price"] if prices and any(claim not in prices for claim in prices_in(text, currency)) else []
    return rules


def concentration(clicks: Mapping[str, int], total: int) -> tuple[str, float]:
    """The device or network with the most clicks, and its share in percent."""
    if not clicks or not total:
        return "", 0.0
    name = min(clicks, key=lambda one: (-clicks[one], one))
    return name, 100 * clicks[name] / total


def engagement(engagements: float, views: float, mean: float, weight: float) -> float:
    """A creator's shrunk engagement rate, in percent; `mean` is a share."""
    return 100 * (engagements + weight * mean) / (views + weight) if views + weight else 0.0


def scores(counts: Mapping[str, Mapping[str, float]], weight: float) -> dict[str, dict[str, float]]:
    """By creator: `rate` (percent), `orders_per_1000` clicks, and `score`, their sum. `counts`: engagements, views, orders, clicks."""
    views = sum(one["views"] for one in counts.values())
    mean = sum(one["engagements"] for one in counts.values()) / views if views else 0.0
    found = {}
    for creator, one in counts.items():
        rate = engagement(one["engagements"], one["views"], mean, weight)
        orders = 1000 * one["orders"] / one["clicks"] if one["clicks"] else 0.0
        found[creator] = {"rate": rate, "orders_per_1000": orders, "score": rate + orders}
    return found
