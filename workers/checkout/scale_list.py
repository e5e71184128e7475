"""What a label scale must know: the entry of an item, the version of a list, its direct keys, and whether a label was right."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from storeloom.workers.gs1.scale_labels import plu_of
from storeloom.workers.pricing.money import round_money

VERSION_DIGITS = 16
GRAMS_PER_KG = 1000
Key = tuple[int, int]


def entry(product: Mapping[str, Any], price: int, key: int | None) -> dict[str, Any]:
    """The fields that a scale keeps of an item of the table `products`: price in minor units a kg, direct key from 1.

    What is not known is left out.
    """
    fields = {
        "name": product.get("name"),
        "price": price,
        "plu": plu_of(product),
        "tare_g": product.get("tare_g"),
        "shelf_days": product.get("shelf_days"),
        "key": key,
    }
    return {name: value for name, value in fields.items() if value is not None}


def version(content: Any) -> str:
    """A short hash of an entry or of a list, the same for the same content."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:VERSION_DIGITS]


def wait_s(sends: int, timeout_s: int, retries_s: Sequence[int]) -> int:
    """Seconds from the n-th send (from 1) to the next: the time for an answer and the wait of that try, of which the last repeats."""
    return timeout_s + pause_s(sends, retries_s)


def pause_s(sends: int, retries_s: Sequence[int]) -> int:
    """The wait before the send after the n-th; 0 without any."""
    return retries_s[min(sends, len(retries_s)) - 1] if retries_s else 0


def key_plan(ranked: Sequence[str], keys: Mapping[str, Key], count: int, hold: int) -> dict[str, Key]:
    """Direct keys of the first `count` items of a ranking: item to its key and the rank (from 1) at which it was given.

    An item that has a key keeps it while its rank is at most `hold` from that rank. The others, best first, take the free key that is
    nearest to their rank, the one that they had last of all. What is no longer among the first has none.
    """
    ranks = {item: rank for rank, item in enumerate(ranked[:count], 1)}
    held = {item: keys[item] for item in ranks if item in keys and keys[item][0] <= count}
    plan = {item: key for item, key in held.items() if abs(ranks[item] - key[1]) <= hold}
    taken = {key for key, _ in plan.values()}
    for item, rank in ranks.items():
        if item not in plan:
            free = set(range(1, count + 1)) - taken
            own = held[item][0] if item in held else None
            key = min((one == own, abs(one - rank), one) for one in free)[2]
            taken.add(key)
            plan[item] = (key, rank)
    return plan


def label_difference(paid: int, grams: int, prices_per_kg: Iterable[int]) -> int | None:
    """Minor units by which an amount differs from the nearest of the prices times the weight, each half up; None without a price."""
    differences = (abs(paid - round_money(Fraction(price * grams, GRAMS_PER_KG))) for price in prices_per_kg)
    return min(differences, default=None)
