"""How full bulk bins and trays are over time: the median of clear samples, a state with hysteresis, the weight of a full one.

Pure functions on plain values. The weight is learnt from pairs of fullness and kilograms by the slope of Theil (1950) and Sen (1968), the
median of the slopes of all pairs, which holds while under 29 % of the pairs are wrong (a scoop left in the bin, a crate on the scale).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from statistics import median

FEWEST, LEAST_SPREAD = 5, 0.2


def state(now: str, fullness: float, low: float, ok: float) -> str:
    """`low` below `low`, `ok` from `ok` on, as before in between (`ok` where nothing is known yet)."""
    if fullness < low:
        return "low"
    return "low" if now == "low" and fullness < ok else "ok"


def weight_of_full(pairs: Sequence[tuple[float, float]]) -> float | None:
    """The weight at fullness 1 by pairs of fullness 0..1 and weight.

    None for fewer than five pairs, for ones that span less than 0.2 of fullness, and where weight does not grow with fullness.
    """
    filled = [one[0] for one in pairs]
    if len(pairs) < FEWEST or max(filled) - min(filled) < LEAST_SPREAD:
        return None
    slope = median((b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(pairs, 2) if a[0] != b[0])
    offset = median(weight - slope * share for share, weight in pairs)
    return offset + slope if slope > 0 else None
