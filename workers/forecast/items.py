"""The forecast of one item by all methods that compete for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from storeloom.workers.forecast.accuracy import seasonal_naive
from storeloom.workers.forecast.intermittent import (
    Pattern,
    Series,
    classify,
    negative_binomial_quantiles,
    overdispersion,
    tsb_states,
)
from storeloom.workers.forecast.smoothing import RESIDUAL_DAYS, WEEK, Smoothed, bootstrap, smooth

SMOOTHING, TSB, NAIVE = "exponential_smoothing", "tsb", "seasonal_naive"
METHODS = (SMOOTHING, TSB, NAIVE)


@dataclass(frozen=True)
class ItemForecast:
    """Means of the days ahead by method, in units, and what their quantiles need. `series` is the history that the methods learnt from."""

    pattern: Pattern
    series: Series
    means: dict[str, list[float]]
    smoothed: Smoothed
    tsb_errors: list[float]

    def effects(self, ahead: int) -> list[float]:
        """Log effects of the regressors in exponential smoothing on a day ahead (0 is tomorrow)."""
        return [float(effect) for effect in self.smoothed.effects[ahead]]

    def quantiles(self, method: str, shares: Sequence[float], step: float = 1.0) -> list[list[float]]:
        """Quantiles of each day ahead (days x shares): negative binomial for intermittent and lumpy items, else residual bootstrap.

        `step` is the smallest amount sold, for the negative binomial.
        """
        means = self.means[method]
        if self.pattern.intermittent:
            ratio = overdispersion(self.series)
            found = {mean: negative_binomial_quantiles(mean, ratio, shares, step) for mean in set(means)}
            return [found[mean] for mean in means]
        if method == SMOOTHING:
            return [[float(value) for value in day] for day in self.smoothed.quantiles(shares).T]
        errors = self.tsb_errors if method == TSB else _naive_errors(self.series)
        import numpy as np

        drawn = np.quantile(bootstrap(means, errors[-RESIDUAL_DAYS:]), list(shares), axis=0)
        return [[float(value) for value in day] for day in drawn.T]


def first_method(pattern: Pattern) -> str:
    """The method that a pattern calls for."""
    return TSB if pattern.intermittent else SMOOTHING


def forecast_item(
    units: Series,
    horizon: int,
    *,
    min_history: int,
    alpha: float,
    beta: float,
    adi_cut: float,
    cv2_cut: float,
    regressors: Any = None,
    since: int = 0,
) -> ItemForecast:
    """Forecast `horizon` days by exponential smoothing, TSB and the seasonal naive. All but effects is learnt from day `since` on."""
    series = [None if value is None else max(0.0, value) for value in units]
    recent = series[since:]
    smoothed = smooth(series, horizon, regressors, since)
    states = list(tsb_states(recent, alpha, beta, min_history))
    scored = recent[len(recent) - len(states) + 1 :]
    tsb_errors = [value - state.mean for value, state in zip(scored, states, strict=False) if value is not None]
    known = [value for value in recent if value is not None]
    usual = sum(known) / len(known)
    last_weeks = [seasonal_naive(recent, ahead) for ahead in range(1, horizon + 1)]
    means = {
        SMOOTHING: [float(mean) for mean in smoothed.mean],
        TSB: [states[-1].mean] * horizon,
        NAIVE: [usual if value is None else value for value in last_weeks],
    }
    return ItemForecast(classify(recent, adi_cut, cv2_cut), recent, means, smoothed, tsb_errors)


def _naive_errors(series: Series) -> list[float]:
    pairs = zip(series[WEEK:], series, strict=False)
    return [now - then for now, then in pairs if now is not None and then is not None]
