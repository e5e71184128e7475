"""Who earned a sale and what it pays: shares of guides in a receipt or order, and commission by bands of the month's net."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from storeloom.workers.pricing.money import exact

POOL = ""
"""Who a share belongs to that no guide earned."""


def in_store(serving: str | None, binding: str | None, serve_share: float) -> list[tuple[str, float]]:
    """Shares (guide, %) of a receipt: the serving guide, the rest to the one the member is bound to; the pool where there is neither."""
    if serving and binding and serving != binding:
        return [(serving, serve_share), (binding, 100 - serve_share)]
    return [(serving or binding or POOL, 100)]


def split(amount: int, shares: Sequence[tuple[str, float]]) -> dict[str, int]:
    """An amount (minor units, negative for returns) by shares: each rounded half away from zero, the last one takes what is left."""
    parts: dict[str, int] = {}
    left = amount
    for place, (guide, percent) in enumerate(shares):
        part = left if place == len(shares) - 1 else half_up(amount * exact(percent) / 100)
        parts[guide] = parts.get(guide, 0) + part
        left -= part
    return parts


def half_up(value: Fraction) -> int:
    """To whole minor units, halves away from zero, so that a return takes off what its sale brought."""
    whole = int((abs(value) * 2 + 1) // 2)
    return whole if value >= 0 else -whole


def banded(net: int, bands: Sequence[Mapping[str, Any]]) -> Fraction:
    """The sum over bands (`from`, `pct`) of the part of a net in each times its percentage; nothing for a net below zero."""
    ordered = sorted(bands, key=lambda band: band["from"])
    total = Fraction(0)
    for place, band in enumerate(ordered):
        end = ordered[place + 1]["from"] if place + 1 < len(ordered) else max(net, band["from"])
        total += max(0, min(net, end) - band["from"]) * exact(band["pct"]) / 100
    return total


def commission(nets: Mapping[str, int], bands: Sequence[Mapping[str, Any]], category_pct: Mapping[str, float]) -> int:
    """Minor units for a month's nets by category: bands on all but the categories with a percentage of their own; rounded half up."""
    rest = sum(net for category, net in nets.items() if category not in category_pct)
    own = sum((max(0, nets.get(category, 0)) * exact(percent) / 100 for category, percent in category_pct.items()), Fraction(0))
    return half_up(banded(rest, bands) + own)


def ranked(book: Mapping[str, Mapping[str, int]]) -> list[tuple[str, int]]:
    """Guides with their month's net of all categories, the highest first, then by id; without the pool."""
    nets = ((guide, sum(own.values())) for guide, own in book.items() if guide != POOL)
    return sorted(nets, key=lambda one: (-one[1], one[0]))


def carried(nets: Mapping[str, int], category_pct: Mapping[str, float]) -> dict[str, int]:
    """What a month leaves for the next: the negative of the banded part (under ``) and of each category of its own."""
    rest = sum(net for category, net in nets.items() if category not in category_pct)
    left = {"": rest} | {category: nets.get(category, 0) for category in category_pct}
    return {category: net for category, net in left.items() if net < 0}
