"""Prices with the last two digits that a retailer allows."""

from __future__ import annotations

from collections.abc import Collection

HUNDRED = 100


def highest_ending(most: int, endings: Collection[int]) -> int | None:
    """The highest price of at most `most` minor units, above nought, whose last two digits are allowed; None where there is none."""
    hundreds = most // HUNDRED
    found = [whole * HUNDRED + ending for whole in (hundreds, hundreds - 1) for ending in endings if 0 < whole * HUNDRED + ending <= most]
    return max(found, default=None)
