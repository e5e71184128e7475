"""Which goods are bought together: pair counts kept basket by basket, and association rules read from them.

For a rule "who buys A buys B", support is the share of baskets with both, confidence the share of A's baskets that hold B, and lift the
confidence over B's own share of all baskets; above 1 the two attract each other (Agrawal, Imielinski and Swami 1993; Brin et al. 1997).

Counts live in any mutable mapping of JSON values, such as a solution's state: `PREFIX + "baskets"` holds how many baskets were seen, and
`PREFIX + item` holds `{"n": baskets with the item, "with": {other item: baskets with both}}`. They are bounded: an item keeps its most
frequent partners only, a long basket counts with its first items, and once many baskets were seen all counts are halved, so that old
habits fade. Pairs far below the least support are pruned by lossy counting (Manku and Motwani 2002, their epsilon being `PRUNED_BELOW` of
all baskets): a pair that comes anew starts with as many baskets as it may have lost before, so that it is never missed and is counted
too high by no more than that.
"""

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any, NamedTuple

PREFIX = "pairs:"
BASKETS = PREFIX + "baskets"
MOST_ITEMS_A_BASKET = 60
MOST_PARTNERS = 100
MOST_BASKETS = 200_000
LEAST_SUPPORT = 0.001
PRUNED_BELOW = LEAST_SUPPORT / 10


class BasketRule(NamedTuple):
    """Who buys `item` buys `other`: `support` and `confidence` are shares, `together` counts baskets."""

    item: str
    other: str
    together: int
    support: float
    confidence: float
    lift: float


def count_basket(counts: MutableMapping[str, Any], items: Iterable[str]) -> None:
    """Count a basket; an item counts once however many pieces of it were bought."""
    distinct = sorted(dict.fromkeys(items))[:MOST_ITEMS_A_BASKET]
    if not distinct:
        return
    counts[BASKETS] = counts.get(BASKETS, 0) + 1
    lost = _negligible(counts)
    for item in distinct:
        seen = counts.get(PREFIX + item) or {"n": 0, "with": {}}
        partners = seen["with"]
        for other in distinct:
            if other != item:
                partners[other] = partners.get(other, lost) + 1
        if len(partners) > 2 * MOST_PARTNERS:
            partners = _most_frequent(partners)
        counts[PREFIX + item] = {"n": seen["n"] + 1, "with": partners}


def rule(item: str, other: str, together: int, with_item: int, with_other: int, baskets: int) -> BasketRule:
    """The rule that these counts of baskets give; ValueError when they cannot be (a pair seen more often than its item)."""
    if not 0 < together <= min(with_item, with_other) <= max(with_item, with_other) <= baskets:
        raise ValueError(f"{item}, {other}: {together} baskets together of {with_item} and {with_other}, {baskets} in all")
    confidence = together / with_item
    return BasketRule(item, other, together, together / baskets, confidence, together * baskets / (with_item * with_other))


def rules(
    counts: Mapping[str, Any], *, min_lift: float, min_together: int = 2, min_support: float = LEAST_SUPPORT, most: int = 10
) -> Iterator[tuple[str, list[BasketRule]]]:
    """For each item its strongest rules, by confidence, then lift; the list is empty where none is strong enough.

    A pair counts from `min_together` baskets and `min_support` of all on: what was seen together once says nothing.
    """
    baskets = counts.get(BASKETS, 0)
    least = max(min_together, min_support * baskets)
    items = {key.removeprefix(PREFIX): counts[key] for key in counts if key.startswith(PREFIX) and key != BASKETS}
    for item, seen in sorted(items.items()):
        partners = seen["with"] if seen["n"] >= least else {}
        found = [
            rule(item, other, min(together, seen["n"], items[other]["n"]), seen["n"], items[other]["n"], baskets)
            for other, together in partners.items()
            if together >= least and other in items
        ]
        strong = [one for one in found if one.lift >= min_lift]
        yield item, sorted(strong, key=lambda one: (-one.confidence, -one.lift, one.other))[:most]


def refresh(counts: MutableMapping[str, Any], prefix: str, *, min_lift: float) -> None:
    """The nightly round: age and prune the counts, and keep `[other, lift]` of each item's rules under `prefix + item`.

    Only what has changed is written; items without a rule have no key.
    """
    age(counts)
    prune(counts)
    for item, found in list(rules(counts, min_lift=min_lift)):
        kept = [[one.other, one.lift] for one in found]
        if kept and counts.get(prefix + item) != kept:
            counts[prefix + item] = kept
        elif not kept and prefix + item in counts:
            del counts[prefix + item]


def age(counts: MutableMapping[str, Any], most_baskets: int = MOST_BASKETS) -> None:
    """Halve all counts once more than `most_baskets` were seen; what falls to nothing is dropped."""
    if counts.get(BASKETS, 0) <= most_baskets:
        return
    counts[BASKETS] //= 2
    for key in [key for key in counts if key.startswith(PREFIX) and key != BASKETS]:
        seen = counts[key]
        if seen["n"] < 2:
            del counts[key]
            continue
        halved = {other: n // 2 for other, n in _most_frequent(seen["with"]).items() if n > 1}
        counts[key] = {"n": seen["n"] // 2, "with": halved}


def prune(counts: MutableMapping[str, Any]) -> None:
    """Drop the pairs that are too rare to become a rule soon; items without any keep their own count."""
    lost = _negligible(counts)
    if not lost:
        return
    for key in [key for key in counts if key.startswith(PREFIX) and key != BASKETS]:
        partners = counts[key]["with"]
        rare = [other for other, together in partners.items() if together <= lost]
        for other in rare:
            del partners[other]


def _negligible(counts: Mapping[str, Any]) -> int:
    """Baskets that a pair may have been seen in before it was pruned."""
    return int(counts.get(BASKETS, 0) * PRUNED_BELOW)


def _most_frequent(partners: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(partners.items(), key=lambda entry: (-entry[1], entry[0]))[:MOST_PARTNERS])
