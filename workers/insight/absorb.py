"""Least squares with two sets of fixed effects (units, times) and errors that hang together within clusters.

The effects are swept out by alternating means, which gives the slopes of the regression with all dummies (Frisch-Waugh-Lovell) without
building them: a chain's 10,000 stores would be 10,000 columns. Errors: CR1, or the jackknife over clusters, CV3, where there are few, as
advised by MacKinnon, Nielsen and Webb, Journal of Econometrics 232 (2023).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
JACKKNIFE_UP_TO = 120
SWEEPS, CLOSE = 2000, 1e-11


@dataclass(frozen=True)
class Fit:
    """Slopes, their covariance, and the clusters that it counts; `jackknife`: whether it is CV3."""

    slopes: Floats
    covariance: Floats
    clusters: int
    jackknife: bool


def freedom(groups: Codes) -> float:
    """Degrees of freedom of the error of a difference between two groups of clusters (0 and 1, one a cluster), were all clusters alike:
    Bell and McCaffrey, Survey Methodology 28 (2002), for this design. Two treated stores leave about 1, however many others there are."""
    counts = np.bincount(groups, minlength=2).astype(np.float64)
    return float(np.sum(1 / counts) ** 2 / np.sum(1 / (counts**2 * np.maximum(counts - 1, 0.5))))


def sweep(columns: Floats, one: Codes, other: Codes) -> Floats:
    """`columns` (rows x k) less their means by `one` and by `other`, until nothing is left of either."""
    out = np.array(columns, dtype=np.float64)
    spread = np.maximum(out.std(axis=0), 1e-300)
    for _ in range(SWEEPS):
        moved = 0.0
        for codes in (one, other):
            count = np.maximum(np.bincount(codes), 1)
            for k in range(out.shape[1]):
                mean = np.bincount(codes, out[:, k], count.size) / count
                moved = max(moved, float(np.max(np.abs(mean)) / spread[k]))
                out[:, k] -= mean[codes]
        if moved < CLOSE:
            break
    return out


def fit(y: Floats, x: Floats, one: Codes, other: Codes, cluster: Codes, *, jackknife: bool = True) -> Fit | None:
    """Slopes of `x` (rows x k) net of both effects; None where the effects explain a column or the columns each other."""
    slopes = _slopes(y, x, one, other)
    if slopes is None:
        return None
    count = int(cluster.max()) + 1
    if jackknife and count <= JACKKNIFE_UP_TO:
        left_out = [_without(y, x, one, other, cluster != g) for g in range(count)]
        known = np.array([found[0] for found in left_out if found is not None])
        if len(known) == count:
            apart = known - slopes[0]
            return Fit(slopes[0], (count - 1) / count * apart.T @ apart, count, True)
    return Fit(slopes[0], _cr1(slopes[1], slopes[2], cluster, count), count, False)


def _without(y: Floats, x: Floats, one: Codes, other: Codes, kept: NDArray[np.bool_]) -> tuple[Floats, Floats, Floats] | None:
    return _slopes(y[kept], x[kept], np.unique(one[kept], return_inverse=True)[1], np.unique(other[kept], return_inverse=True)[1])


def _slopes(y: Floats, x: Floats, one: Codes, other: Codes) -> tuple[Floats, Floats, Floats] | None:
    """Slopes, swept columns, residuals."""
    swept = sweep(np.column_stack([y, x]), one, other)
    target, columns = swept[:, 0], swept[:, 1:]
    scale = np.maximum(x.std(axis=0), 1e-300)
    gram = (columns / scale).T @ (columns / scale)
    if np.linalg.eigvalsh(gram)[0] < 1e-9 * len(y):
        return None
    slopes = np.linalg.solve(gram, (columns / scale).T @ target) / scale
    return slopes, columns, target - columns @ slopes


def _cr1(columns: Floats, residual: Floats, cluster: Codes, count: int) -> Floats:
    rows, k = columns.shape
    scores = np.column_stack([np.bincount(cluster, columns[:, j] * residual, count) for j in range(k)])
    pull = scores @ np.linalg.inv(columns.T @ columns)
    small = count / (count - 1) * (rows - 1) / max(rows - k, 1)
    return np.asarray(small * pull.T @ pull, dtype=np.float64)
