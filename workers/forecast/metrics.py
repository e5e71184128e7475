"""How good forecasts of many series were: the figures of the field over arrays series x steps, NaN where demand could not show.

Sources: RMSSE and MASE: Hyndman and Koehler (2006), as in the M5 competition (Makridakis et al., 2022); pinball loss: Koenker and Bassett
(1978). Errors of single series are scaled by their own history; a series that never moved there is left out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from storeloom.workers.forecast.grid import Array


def naive_steps(history: Array, season: int = 1) -> tuple[Array, Array]:
    """Mean absolute and mean squared change over `season` steps of each series, from its first demand on; NaN without one."""
    began = np.maximum.accumulate(np.nan_to_num(history) > 0, axis=1)
    steps = np.where(began[:, :-season], history[:, season:] - history[:, :-season], np.nan)
    known = ~np.isnan(steps)
    count = known.sum(axis=1)
    steps = np.where(known, steps, 0.0)
    absolute, squared = np.abs(steps).sum(axis=1), (steps**2).sum(axis=1)
    usable = (count > 0) & (squared > 0)
    least = np.maximum(count, 1)
    return np.where(usable, absolute / least, np.nan), np.where(usable, squared / least, np.nan)


def mean_of(values: Array, where: NDArray[np.bool_] | None = None) -> float:
    """Mean of what is known; NaN where nothing is."""
    known = ~np.isnan(values) if where is None else where & ~np.isnan(values)
    return float(values[known].mean()) if known.any() else float("nan")


def by_series(values: Array) -> Array:
    """Mean of each series' known steps; NaN without one."""
    known = ~np.isnan(values)
    count = known.sum(axis=1)
    found: Array = np.where(count > 0, np.where(known, values, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan)
    return found


def variance(values: Array) -> Array:
    """Variance of what is known of each series; 0 where nothing is."""
    found: Array = np.nan_to_num(by_series((values - by_series(values)[:, None]) ** 2))
    return found


def rmsse(actual: Array, told: Array, history: Array) -> Array:
    """Root mean squared error of each series by its mean squared one-step change."""
    found: Array = np.sqrt(by_series((actual - told) ** 2) / naive_steps(history)[1])
    return found


def mase(actual: Array, told: Array, history: Array, season: int) -> Array:
    """Mean absolute error of each series by that of the seasonal naive within its history."""
    found: Array = by_series(np.abs(actual - told)) / naive_steps(history, season)[0]
    return found


def totals(values: Array, actual: Array) -> Array:
    """Sum of each series over the steps at which `actual` is known (series x 1); NaN where none is."""
    known = ~np.isnan(actual)
    found: Array = np.where(known.any(axis=1), np.where(known, values, 0.0).sum(axis=1), np.nan)[:, None]
    return found


def wape(actual: Array, told: Array) -> float:
    """Absolute errors over all series by demand; NaN without demand."""
    known = ~np.isnan(actual) & ~np.isnan(told)
    demand = float(actual[known].sum())
    return float(np.abs(actual - told)[known].sum()) / demand if demand > 0 else float("nan")


def bias(actual: Array, told: Array) -> float:
    """Forecast less demand by demand: positive is too much; NaN without demand."""
    known = ~np.isnan(actual) & ~np.isnan(told)
    demand = float(actual[known].sum())
    return float((told - actual)[known].sum()) / demand if demand > 0 else float("nan")


def pinball(actual: Array, quantile: Array, share: float) -> Array:
    """Loss of a quantile: a unit short costs `share`, a unit too much 1 - `share`."""
    short = actual - quantile
    found: Array = np.maximum(share * short, (share - 1) * short)
    return found


def coverage(actual: Array, low: Array, high: Array) -> float:
    """Share of what lies in an interval, both ends included."""
    inside = np.where(np.isnan(actual) | np.isnan(low), np.nan, (actual >= low) & (actual <= high))
    return mean_of(inside)
