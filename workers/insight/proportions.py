"""Intervals of shares and means, and corrections for many comparisons: what the figures of customers have in common."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storeloom.workers.insight.faults import require_setting

Floats = NDArray[np.float64]
LEVEL = 0.95


def z_of(level: float) -> float:
    """Half-width in standard deviations of a two-sided normal interval. InsightFault for a level outside 0..1."""
    require_setting("level", level, "0..1", 0 < level < 1)
    return NormalDist().inv_cdf(0.5 + level / 2)


def wilson(hits: int, trials: int, level: float = LEVEL) -> tuple[float, float]:
    """Score interval of a share (Wilson, JASA 22, 1927); (0, 1) without trials. Well covered down to few trials and at 0 and 1.
    InsightFault for hits beyond the trials."""
    require_setting("hits", hits, f"0..{trials}", 0 <= hits <= trials)
    if not trials:
        return 0.0, 1.0
    z = z_of(level)
    share = hits / trials
    middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)) / (1 + z * z / trials)
    return (0.0 if hits == 0 else middle - half), (1.0 if hits == trials else middle + half)


def bootstrap(
    statistic: Callable[[NDArray[np.intp]], float], size: int, *, draws: int, seed: int, level: float = LEVEL
) -> tuple[float, float]:
    """Percentile interval of a statistic of `size` units (members), resampled with replacement (Efron 1979).

    `statistic` takes the indices of a resample; where it is not a number (a resample of one class only), the resample is left out.
    """
    rng = np.random.default_rng(seed)
    found = np.array([statistic(rng.integers(0, size, size)) for _ in range(draws)])
    known = found[np.isfinite(found)]
    if not known.size:
        return math.nan, math.nan
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def false_discovery(p_values: Any, tests: int | None = None) -> Floats:
    """Adjusted p-values that control the false discovery rate under any dependence (Benjamini and Yekutieli, Annals of Statistics 29,
    2001).

    `tests`: how many were made or could have been made; those not listed count as failed. This keeps the control honest where only the
    promising ones were computed.
    """
    p = np.asarray(p_values, dtype=np.float64)
    count = max(tests or 0, p.size)
    if not p.size:
        return p
    harmonic = math.log(count) + 0.5772156649015329 + 1 / (2 * count) if count > 10_000 else float(np.sum(1 / np.arange(1, count + 1)))
    order = np.argsort(p, kind="stable")
    scaled = p[order] * count * harmonic / np.arange(1, p.size + 1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.minimum.accumulate(scaled[::-1])[::-1])
    return adjusted
