"""Funnel plots of shares (Spiegelhalter, Statistics in Medicine 24, 2005): units of different size against their common share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import NamedTuple


class Place(NamedTuple):
    """A unit's share in the funnel: the common share `pooled`, the limits round it, and whether the unit is `under` or `over` them.
    None without enough trials."""

    rate: float
    pooled: float
    low: float
    high: float
    under: bool
    over: bool


def places(counts: Mapping[str, tuple[int, int]], *, z: float, min_n: int) -> dict[str, Place | None]:
    """Where each unit stands, from its hits and trials. All units make the common share; those under `min_n` trials are not placed.
    Hits beyond the trials, which separate counters give, count as all of them, less than none as none."""
    capped = {unit: (max(0, min(hits, trials)), trials) for unit, (hits, trials) in counts.items()}
    trials_of_all = sum(trials for _, trials in capped.values())
    pooled = sum(hits for hits, _ in capped.values()) / trials_of_all if trials_of_all else 0.0
    found: dict[str, Place | None] = {}
    for unit, (hits, trials) in capped.items():
        if trials < max(1, min_n):
            found[unit] = None
            continue
        half, rate = z * sqrt(pooled * (1 - pooled) / trials), hits / trials
        low, high = pooled - half, pooled + half
        found[unit] = Place(rate, pooled, low, high, rate < low - 1e-12, rate > high + 1e-12)
    return found


def stages(counts: Mapping[str, Sequence[int]], kinds: Mapping[str, str], *, z: float, min_n: int) -> dict[str, dict[int, Place | None]]:
    """Where each stage of each unit stands among the units of its kind: `counts` are those of a unit's stages in order, each stage's trials
    are the hits of the one before; stage 0 has none."""
    found: dict[str, dict[int, Place | None]] = {unit: {} for unit in counts}
    for kind in sorted({kinds[unit] for unit in counts}):
        of_kind = {unit: hits for unit, hits in counts.items() if kinds[unit] == kind}
        for stage in range(1, max(map(len, of_kind.values()))):
            for unit, place in places({u: (hits[stage], hits[stage - 1]) for u, hits in of_kind.items()}, z=z, min_n=min_n).items():
                found[unit][stage] = place
    return found


def first_under(placed: Mapping[int, Place | None]) -> int | None:
    """A unit's first stage under its limit."""
    return next((stage for stage in sorted(placed) if (place := placed[stage]) and place.under), None)


def pooled_z(before: tuple[int, int], after: tuple[int, int]) -> float:
    """The pooled two-proportion z statistic of hits and trials, positive where the share has risen; 0 where nothing can be told."""
    (hits_0, trials_0), (hits_1, trials_1) = [(min(hits, trials), trials) for hits, trials in (before, after)]
    if not trials_0 or not trials_1:
        return 0.0
    pooled = (hits_0 + hits_1) / (trials_0 + trials_1)
    error = sqrt(pooled * (1 - pooled) * (1 / trials_0 + 1 / trials_1))
    return (hits_1 / trials_1 - hits_0 / trials_0) / error if error else 0.0
