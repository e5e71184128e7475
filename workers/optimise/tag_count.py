"""How many tags there are when sweeps read only some of them, and what is short.

Capture and recapture: Chapman, "Some properties of the hypergeometric distribution with applications to zoological sample censuses" (1951).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Count(NamedTuple):
    """Tags read in either sweep, the estimated number that is there, and the share of it that was read."""

    union: int
    estimate: float
    coverage: float


def chapman(first: int, second: int, both: int) -> Count:
    """From the tags of all sweeps before, of the last one, and of both; where none was read, nothing is covered."""
    union = first + second - both
    estimate = (first + 1) * (second + 1) / (both + 1) - 1
    return Count(union, estimate, min(1.0, union / estimate) if estimate > 0 else 0.0)


def differences(expected: Mapping[str, float], counted: Mapping[str, int]) -> dict[str, float]:
    """Counted less expected by item, where they differ."""
    items = sorted({*expected, *counted})
    found = {item: counted.get(item, 0) - expected.get(item, 0) for item in items}
    return {item: units for item, units in found.items() if units}
