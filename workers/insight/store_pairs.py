"""Trials in matched pairs of stores: who is paired with whom, and what a pair tells once one of the two was treated.

Stores are alike by the mean of their weekly sales, its trend (least squares) and their receipts, each standardised over the stores at hand;
the closest two are paired first, each store once (greedy matching: Rosenbaum, JASA 84, 1989). A pair's effect is the difference of its
differences between before and after (Imai, King and Nall, Statistical Science 24, 2009).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, pstdev
from typing import NamedTuple


class Profile(NamedTuple):
    """A store's weeks before a trial, oldest first."""

    store: str
    sales: Sequence[float]
    receipts: Sequence[float]


class Pair(NamedTuple):
    """Two stores and how far apart they are, in standard deviations."""

    stores: tuple[str, str]
    distance: float


def closest(profiles: Sequence[Profile], most: int) -> list[Pair]:
    """Up to `most` pairs, the closest first; of equally close ones the first by name."""
    if len(profiles) < 2:
        return []
    ordered = sorted(profiles, key=lambda one: one.store)
    columns = [[fmean(one.sales) for one in ordered], [_slope(one.sales) for one in ordered], [fmean(one.receipts) for one in ordered]]
    points = list(zip(*[_standardised(column) for column in columns], strict=True))
    apart = sorted(
        (round(math.dist(points[i], points[j]), 9), ordered[i].store, ordered[j].store)
        for i in range(len(ordered))
        for j in range(i + 1, len(ordered))
    )
    found: list[Pair] = []
    taken: set[str] = set()
    for distance, one, other in apart:
        if len(found) < most and not {one, other} & taken:
            taken |= {one, other}
            found.append(Pair((one, other), distance))
    return found


def kept_weeks(available: Sequence[float], least: float) -> list[int] | None:
    """The weeks with at least `least` available; None where they are fewer than half of all."""
    kept = [week for week, share in enumerate(available) if share >= least - 1e-9]
    return kept if 2 * len(kept) >= len(available) and kept else None


def change(before: Sequence[float], after: Sequence[float], kept: Sequence[int]) -> float:
    """Mean of the kept weeks after, less the mean before."""
    return fmean(after[week] for week in kept) - fmean(before)


def _slope(values: Sequence[float]) -> float:
    middle = (len(values) - 1) / 2
    spread = sum((at - middle) ** 2 for at in range(len(values)))
    return sum((at - middle) * value for at, value in enumerate(values)) / spread if spread else 0.0


def _standardised(values: Sequence[float]) -> list[float]:
    mean, sd = fmean(values), pstdev(values)
    return [(value - mean) / sd if sd > 1e-12 * (abs(mean) + 1) else 0.0 for value in values]
