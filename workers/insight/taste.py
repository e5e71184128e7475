"""Taste tags of a member, read from what was drunk and clicked, and layers by how often somebody orders.

A drink is `{"units", "price" (minor units each), "attributes": {name: value}}`. A tag is `attribute:value`; the tag of the price is the
band between two borders that holds the median unit price, `price_band:1500-2000`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

Row = Mapping[str, Any]
CLICK_WEIGHT = 0.5
PRICE_BAND = "price_band"
LAYERS = ("new", "growing", "regular", "dormant")
GROWING, REGULAR = 2, 6
DORMANT_AFTER = timedelta(days=30)


def layer(orders: int, last: datetime | None, now: datetime) -> str:
    """`new` (up to one order), `growing`, `regular` from six, and `dormant` above all where there was none for 30 days.

    `last`: the latest order, or what began the time without one; None where that is not known.
    """
    if last is not None and now - last >= DORMANT_AFTER:
        return "dormant"
    return "regular" if orders >= REGULAR else "growing" if orders >= GROWING else "new"


def band(price: float, borders: Sequence[int]) -> str:
    """The band of a price; each holds its lower border."""
    edges = sorted(borders)
    if not edges or price >= edges[-1]:
        return f"{edges[-1] if edges else 0}+"
    return next(f"{low}-{high}" for low, high in pairwise([min(0, edges[0]), *edges]) if price < high)


def tags(drinks: Sequence[Row], clicks: Iterable[Mapping[str, str]], least: int, share_pct: float, borders: Sequence[int]) -> list[str]:
    """The tags of a member; none under `least` drinks. `clicks`: the attributes of each drink clicked."""
    prices = sorted((drink["price"], drink["units"]) for drink in drinks)
    units = sum(count for _, count in prices)
    if units < least:
        return []
    weights: Counter[str] = Counter()
    for drink in drinks:
        for name, value in drink["attributes"].items():
            weights[f"{name}:{value}"] += drink["units"]
    whole = float(units)
    for attributes in clicks:
        whole += CLICK_WEIGHT
        for name, value in attributes.items():
            weights[f"{name}:{value}"] += CLICK_WEIGHT  # type: ignore[assignment]
    found = sorted(tag for tag, weight in weights.items() if 100 * weight >= share_pct * whole - 1e-9)
    return [*found, f"{PRICE_BAND}:{band(_median(prices, units), borders)}"]


def suits(wanted: Iterable[str], attributes: Mapping[str, str], price: int | None, borders: Sequence[int]) -> bool:
    """Whether nothing that is known of an item speaks against these tags."""
    own = {name: str(value) for name, value in attributes.items()}
    if price is not None:
        own[PRICE_BAND] = band(price, borders)
    by_name: dict[str, set[str]] = {}
    for tag in wanted:
        name, _, value = tag.partition(":")
        by_name.setdefault(name, set()).add(value)
    return all(name not in own or own[name] in values for name, values in by_name.items())


def _median(prices: Sequence[tuple[float, float]], units: float) -> float:
    """The median of prices with counts; of two in the middle their mean."""
    passed, lower = 0.0, None
    for price, count in prices:
        passed += count
        if lower is not None:
            return (lower + price) / 2
        if passed > units / 2:
            return price
        if passed == units / 2:
            lower = price
    return prices[-1][0]
