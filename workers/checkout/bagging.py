"""The bagging scale of a self-checkout: what goods should weigh, learnt from what was accepted, and what a change of weight means.

Learnt weights are plain dicts: count `n`, `mean`, and `m2`, the sum of squared deviations (Welford, Technometrics 4, 1962). Grams.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any, NamedTuple

Learnt = dict[str, float]


class Expected(NamedTuple):
    """What a line should weigh, and how far off it may be; None for goods whose weight nobody knows."""

    mean_g: float | None
    tol_g: float

    def fits(self, grams: float) -> bool:
        return self.mean_g is None or abs(grams - self.mean_g) <= self.tol_g + 1e-9


def learn(known: Learnt | None, grams: float) -> Learnt:
    """One accepted weight more."""
    known = known or {"n": 0, "mean": 0.0, "m2": 0.0}
    n, off = known["n"] + 1, grams - known["mean"]
    mean = known["mean"] + off / n
    return {"n": n, "mean": mean, "m2": known["m2"] + off * (grams - mean)}


def expected(
    known: Learnt | None, table_g: float | None, qty: float, *, after: int, z: float, least_g: float, table_pct: float
) -> Expected:
    """Learnt mean within `z` sample deviations once `after` weights are known, before that the table's weight within a share of it."""
    if known and known["n"] >= after:
        deviation = sqrt(known["m2"] / (known["n"] - 1))
        return Expected(known["mean"] * qty, max(least_g, z * deviation * sqrt(qty)))
    if table_g is None:
        return Expected(None, least_g)
    return Expected(table_g * qty, max(least_g, table_g * qty * table_pct / 100))


def matched(rise_g: float, waiting: Sequence[Mapping[str, Any]]) -> list[int]:
    """Which of the lines that wait for the bag a rise is: the first that it fits alone, else all of them together; none where neither.

    Each has `mean_g` (None: unknown) and `tol_g`.
    """
    lone = [Expected(one["mean_g"], one["tol_g"]) for one in waiting]
    known = next((i for i, one in enumerate(lone) if one.mean_g is not None and one.fits(rise_g)), None)
    if known is not None:
        return [known]
    if len(lone) > 1 and all(one.mean_g is not None for one in lone):
        together = Expected(sum(one.mean_g or 0 for one in lone), sum(one.tol_g for one in lone))
        return list(range(len(lone))) if together.fits(rise_g) else []
    return next(([i] for i, one in enumerate(lone) if one.mean_g is None and rise_g > one.tol_g), [])
