"""Exponential smoothing of daily demand with a weekly season and regressors on the log.

log(1 + units) = level + season of the weekday + effects of the regressors + error; level and season follow the errors (the additive
ETS(A,N,A) of Hyndman, Koehler, Ord and Snyder, "Forecasting with Exponential Smoothing", 2008). Effects come first, by ridge regression
beside weekday and a slow trend; the smoothing constants are those of a small grid with the least squared one-step error. All constants
of the grid are run at once, so that an item takes milliseconds and a store's night seconds on one core.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

WEEK = 7
LEVEL_GRID = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5)
SEASON_GRID = (0.0, 0.05, 0.15)
WARM_UP_DAYS = 28
TREND_KNOT_DAYS = 56
RIDGE = 0.25
LEAST_DAYS = 3
RESIDUAL_DAYS = 56
PATHS = 400
SEED = 74


@dataclass(frozen=True)
class Smoothed:
    """Forecast of the days after a series: `paths` is sample paths x days ahead, in units; `effects` the regressors' log effects on the
    days ahead (days x regressors); `level` and `season` the smoothing constants chosen; `residuals` the latest one-step errors on the log,
    in order, their mean taken out."""

    paths: Array
    effects: Array
    level: float
    season: float
    residuals: Array

    @property
    def mean(self) -> Array:
        mean: Array = self.paths.mean(axis=0)
        return mean

    def quantiles(self, shares: Sequence[float]) -> Array:
        """Shares x days ahead."""
        found: Array = np.quantile(self.paths, shares, axis=0)
        return found


@cache
def draws(days: int) -> Array:
    """The fixed uniform numbers of the bootstrap, paths x days: the same for each item, so that items do not depend on one another."""
    numbers = np.random.default_rng(SEED).random((PATHS, days))
    numbers.flags.writeable = False
    return numbers


def bootstrap(mean: Sequence[float], residuals: Sequence[float]) -> Array:
    """Sample paths (paths x days) about given means by residuals drawn with the fixed seed, floored at 0."""
    centre = np.asarray(mean, dtype=float)
    if not len(residuals):
        return np.tile(centre, (PATHS, 1))
    errors = np.asarray(residuals, dtype=float)
    paths: Array = np.maximum(0.0, centre + errors[(draws(len(centre)) * len(errors)).astype(int)])
    return paths


def smooth(units: Sequence[float | None], horizon: int, regressors: Any = None, since: int = 0) -> Smoothed:
    """Forecast `horizon` days after a series that begins on any weekday.

    `regressors`: columns over the series and the days ahead (len(units) + horizon rows), none by default. `since`: first day that level,
    season and constants are learnt from; effects are learnt from all days. ValueError with fewer than 2 known days from there on.
    """
    series = np.array([np.nan if value is None else max(0.0, value) for value in units], dtype=float)
    known = ~np.isnan(series)
    days = len(series)
    columns = np.zeros((days + horizon, 0)) if regressors is None else np.asarray(regressors, dtype=float)
    if columns.shape[0] != days + horizon:
        raise ValueError(f"{columns.shape[0]} rows of regressors for {days} days and {horizon} ahead")
    if known[since:].sum() < 2:
        raise ValueError("fewer than 2 known days")
    logs = np.log1p(series)
    effects = columns * _effects(logs, known, columns[:days])
    plain = logs - effects[:days].sum(axis=1)
    fit = _follow(plain[since:], known[since:], since)
    ahead = fit.simulate(days, horizon) + effects[days:].sum(axis=1)
    paths: Array = np.maximum(0.0, np.expm1(ahead))
    return Smoothed(paths, effects[days:], fit.gains[0], fit.gains[1], fit.residuals)


def _effects(logs: Array, known: NDArray[np.bool_], columns: Array) -> Array:
    """Log effect of each regressor by ridge; 0 for one seen on fewer than `LEAST_DAYS` known days or always alike."""
    seen = (np.abs(columns[known]) > 1e-9).sum(axis=0) if columns.size else np.zeros(columns.shape[1])
    use = np.flatnonzero((seen >= LEAST_DAYS) & (np.ptp(columns[known], axis=0) > 1e-9)) if columns.size else np.array([], dtype=int)
    found = np.zeros(columns.shape[1])
    if not len(use):
        return found
    day = np.arange(len(logs))
    weekdays = np.eye(WEEK)[day % WEEK]
    knots = np.arange(0, len(logs) + TREND_KNOT_DAYS, TREND_KNOT_DAYS)
    trend = np.maximum(0.0, 1 - np.abs(day[:, None] - knots[None, :]) / TREND_KNOT_DAYS)[:, 1:]
    base = np.hstack([weekdays, trend])
    design = np.hstack([base, columns[:, use]])[known]
    penalty = np.concatenate([np.full(base.shape[1], 1e-6), np.full(len(use), RIDGE)])
    solved = np.linalg.solve(design.T @ design + np.diag(penalty), design.T @ logs[known])
    found[use] = solved[base.shape[1] :]
    return found


@dataclass(frozen=True)
class _Fit:
    gains: tuple[float, float]
    level: float
    season: Array
    residuals: Array

    def simulate(self, first_day: int, horizon: int) -> Array:
        """Log paths from the last state, errors drawn from the residuals."""
        numbers = draws(horizon)
        errors = self.residuals[(numbers * len(self.residuals)).astype(int)] if len(self.residuals) else np.zeros_like(numbers)
        level = np.full(len(numbers), self.level)
        season = np.tile(self.season, (len(numbers), 1))
        ahead = np.empty_like(numbers)
        for step in range(horizon):
            weekday = (first_day + step) % WEEK
            ahead[:, step] = level + season[:, weekday] + errors[:, step]
            level += self.gains[0] * errors[:, step]
            season[:, weekday] += self.gains[1] * errors[:, step]
        return ahead


def _follow(plain: Array, known: NDArray[np.bool_], first_day: int) -> _Fit:
    """Run all smoothing constants over the series at once and keep the best."""
    gains = np.array([(level, season) for season in SEASON_GRID for level in LEVEL_GRID])
    start_level, start_season = _start(plain, known, first_day)
    level_gain, season_gain = gains.T.copy()
    level = np.full(len(gains), start_level)
    season = np.tile(start_season[:, None], (1, len(gains)))
    errors = np.zeros((len(plain), len(gains)))
    for day in np.flatnonzero(known).tolist():
        of_weekday, error = season[(first_day + day) % WEEK], errors[day]
        np.subtract(plain[day], level, out=error)
        error -= of_weekday
        level += level_gain * error
        of_weekday += season_gain * error
    scored = errors[known][WEEK:] if known.sum() > 2 * WEEK else errors[known]
    best = int(np.argmin((scored**2).sum(axis=0)))
    latest = scored[-RESIDUAL_DAYS:, best]
    return _Fit((float(gains[best, 0]), float(gains[best, 1])), float(level[best]), season[:, best], latest - latest.mean())


def _start(plain: Array, known: NDArray[np.bool_], first_day: int) -> tuple[float, Array]:
    """Level and season of the first known days: mean of the weekdays' means, and their distances from it."""
    days = np.flatnonzero(known)[:WARM_UP_DAYS]
    weekdays = (first_day + days) % WEEK
    means = np.array([plain[days[weekdays == weekday]].mean() if (weekdays == weekday).any() else np.nan for weekday in range(WEEK)])
    level = float(np.nanmean(means))
    return level, np.nan_to_num(means - level)
