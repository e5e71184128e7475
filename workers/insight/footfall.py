"""What counts at a door say of a day: how far in and out may be trusted, who is inside, and what a silent camera missed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median

LEAST_CORRECTION, MOST_CORRECTION = 0.8, 1.25
PARTS = ("in", "out", "groups")


def imbalance_pct(inward: int, outward: int) -> float | None:
    """In against out as a percentage of in; None where nobody came in."""
    return 100 * abs(inward - outward) / inward if inward else None


def correction(inward: int, outward: int) -> float | None:
    """The factor on those who left that would have emptied the store, clipped to 0.8..1.25; None where nobody came or nobody left."""
    return min(MOST_CORRECTION, max(LEAST_CORRECTION, inward / outward)) if inward and outward else None


def occupancy(inward: int, outward: int, factor: float) -> int:
    """People inside, half up, never below none."""
    return max(0, math.floor(inward - outward * factor + 0.5))


def missed(history: Sequence[Mapping[str, float]], silent_share: float) -> dict[str, int]:
    """What a camera that was silent for a share of an interval missed: that share of the median count, half up; {} without history."""
    if not history:
        return {}
    share = min(1.0, silent_share)
    return {part: math.floor(median(entry[part] for entry in history) * share + 0.5) for part in PARTS}
