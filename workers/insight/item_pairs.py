"""How alike items are by who bought or viewed them together, counted basket by basket over a window of weeks; and what sells.

Likeness is the cosine of two items' sets of baskets: common baskets by the root of the product of their numbers (Deshpande and Karypis,
ACM TOIS 22, 2004, item-based top-N). Counts live in any mapping of JSON values, such as a solution's state: `item:ITEM` holds the
window's `{"n": baskets, "with": {other: common baskets}}`, `sold:PART:CATEGORY` how many receipts held each item (`sellers` lists these
keys), and `week:WEEK:...` what each week added, by which it leaves again. A basket touches the keys of its own items only; an item keeps
its most frequent partners.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from itertools import pairwise
from typing import Any

Counts = MutableMapping[str, Any]
MOST_ITEMS_A_BASKET = 60
MOST_PARTNERS = 300
SELLERS = "sellers"


def count(counts: Counts, week: str, items: Iterable[str]) -> None:
    """Count a basket or session by its distinct items."""
    distinct = sorted(set(items))[:MOST_ITEMS_A_BASKET]
    for item in distinct:
        for key in (f"item:{item}", f"week:{week}:item:{item}"):
            seen = counts.setdefault(key, {"n": 0, "with": {}})
            seen["n"] += 1
            for other in distinct:
                if other != item:
                    seen["with"][other] = seen["with"].get(other, 0) + 1
            if len(seen["with"]) > MOST_PARTNERS:
                seen["with"] = dict(sorted(seen["with"].items(), key=lambda one: (-one[1], one[0]))[: MOST_PARTNERS // 2])


def sell(counts: Counts, week: str, part: str, items: Mapping[str, str]) -> None:
    """Count a receipt for what sells: its items with their categories, in a part of the day."""
    for item, category in items.items():
        for key in (f"sold:{part}:{category}", f"week:{week}:sold:{part}:{category}"):
            counts.setdefault(key, {}).setdefault(item, 0)
            counts[key][item] += 1
        known = counts.setdefault(SELLERS, [])
        known += [name] if (name := f"sold:{part}:{category}") not in known else []


def forget(counts: Counts, first: str) -> None:
    """Take out what weeks before one added."""
    for key in [key for key in counts if key.startswith("week:") and key.split(":", 2)[1] < first]:
        name, gone = key.split(":", 2)[2], counts[key]
        if name.startswith("item:"):
            kept = counts[name]
            kept["n"] -= gone["n"]
            kept["with"] = _less(kept["with"], gone["with"])
        else:
            kept = counts[name] = _less(counts[name], gone)
        if not kept or kept.get("n") == 0:
            del counts[name]
        del counts[key]
    counts[SELLERS] = [name for name in counts.get(SELLERS, ()) if name in counts]
    if not counts[SELLERS]:
        del counts[SELLERS]


def _less(whole: Mapping[str, int], gone: Mapping[str, int]) -> dict[str, int]:
    return {item: left for item, n in whole.items() if (left := n - gone.get(item, 0)) > 0}


def cosine(counts: Mapping[str, Any], one: str, other: str) -> float:
    first, second = counts.get(f"item:{one}"), counts.get(f"item:{other}")
    if not first or not second:
        return 0.0
    return float(first["with"].get(other, 0) / math.sqrt(first["n"] * second["n"]))


def alike(counts: Mapping[str, Any], liked: Iterable[str]) -> dict[str, float]:
    """The likeness of other items to these, summed over them."""
    found: dict[str, float] = {}
    for item in dict.fromkeys(liked):
        for other in counts.get(f"item:{item}", {"with": {}})["with"]:
            found[other] = found.get(other, 0.0) + cosine(counts, item, other)
    return found


def best_sellers(counts: Mapping[str, Any], part: str | None = None) -> list[tuple[str, str, int]]:
    """Items with category and receipts, of one part of the day or of all; the most sold first, equal ones by item."""
    totals: dict[tuple[str, str], int] = {}
    for key in counts.get(SELLERS, ()):
        _, when, category = key.split(":", 2)
        for item, n in counts[key].items() if part in (None, when) else ():
            totals[item, category] = totals.get((item, category), 0) + n
    return [(item, category, n) for (item, category), n in sorted(totals.items(), key=lambda one: (-one[1], one[0]))]


def due(days: Sequence[int], today: int) -> bool:
    """Whether a shopper's own median interval between purchases (days, as ordinals) has passed."""
    known = sorted(set(days))
    gaps = sorted(later - earlier for earlier, later in pairwise(known))
    if not gaps:
        return False
    middle = len(gaps) // 2
    median = gaps[middle] if len(gaps) % 2 else (gaps[middle - 1] + gaps[middle]) / 2
    return today - known[-1] >= median


def varied(ranked: Iterable[str], category: Callable[[str], str], most: int, size: int) -> list[str]:
    """The first of a ranking with no more than so many of a category; the ranking is gone through no further than it takes."""
    taken: list[str] = []
    counts: dict[str, int] = {}
    for item in ranked:
        if len(taken) == size:
            break
        name = category(item)
        if not name or counts.get(name, 0) < most:
            counts[name] = counts.get(name, 0) + 1
            taken.append(item)
    return taken
