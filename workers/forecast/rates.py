"""Demand as a rate that drifts, times the profile of its season: for all series of a panel at once.

Each series is Poisson-like with a rate whose past counts less step by step (the local-level model with a gamma prior of Harvey and
Fernandes, "Time series models for count or qualitative observations", 1989; discount `omega`). The profile of the season is the series'
own, shrunk to that of the panel by how much the series has shown; the rate is shrunk to the panel's mean rate (empirical Bayes by
moments, Morris, 1983). The discount is the one of a fixed grid that would have foretold the sums over the horizon best, the number of
seasons behind the profile the one that would have foretold the single steps best.

Own code: the field's libraries fit series one by one and lend a sparse series nothing of the others; on sparse daily products this
halves the distance to what a global boosting model reaches, at thousands of series a second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from storeloom.workers.forecast.grid import Array, Grid
from storeloom.workers.forecast.metrics import variance

OMEGAS = (0.8, 0.9, 0.95, 0.98, 0.985, 0.99, 0.993, 0.996, 0.998)
SEASONS = (4, 12, 52)
PROFILE_PRIOR = 60.0
LOOKS = 12
TURNS = 3
TINY = 1e-9


@dataclass(frozen=True)
class Rates:
    """Rate of each series, profile of its season's places from the first step ahead on (series x horizon), discount and seasons used."""

    rate: Array
    profile: Array
    omega: float
    seasons: int

    @property
    def mean(self) -> Array:
        mean: Array = self.rate[:, None] * self.profile
        return mean


def rates(grid: Grid, horizon: int, omegas: tuple[float, ...] = OMEGAS) -> Rates:
    """Rates after the last step of a grid; 0 for a series without a known step."""
    values = np.maximum(grid.values, 0.0)
    looks = _looks(grid.steps, horizon)
    seasons = _memory(values, grid.season, looks, horizon)
    counts, exposure = np.nan_to_num(values), exposure_of(values, grid.season, seasons)
    omega = omegas[0] if len(omegas) == 1 else _discount(counts, exposure, omegas, looks, horizon)
    weights = omega ** np.arange(grid.steps - 1, -1, -1.0)
    rate = _shrunk(counts @ weights, exposure @ weights, exposure @ weights**2, _dispersion(counts, exposure))
    ahead = (grid.steps + np.arange(horizon)) % grid.season
    return Rates(rate, _profile(values, grid.season, seasons)[:, ahead], omega, seasons)


def exposure_of(values: Array, season: int, seasons: int, everywhere: bool = False) -> Array:
    """What each step would show at rate 1: its factor of the season; 0 where it is not known, unless `everywhere`."""
    places = np.arange(values.shape[1]) % season
    factors = _profile(values, season, seasons)[:, places]
    found: Array = factors if everywhere else np.where(np.isnan(values), 0.0, factors)
    return found


def _looks(steps: int, horizon: int) -> list[int]:
    """Past steps from which the choices are judged."""
    least = max(2 * horizon, steps // 3)
    return sorted({int(at) for at in np.linspace(least, steps - horizon, LOOKS)}) if steps - horizon >= least else []


def _memory(values: Array, season: int, looks: list[int], horizon: int) -> int:
    """Seasons behind the profile: those with the least squared errors of single steps, given their sum."""
    if season < 2 or not looks:
        return SEASONS[-1]
    errors = dict.fromkeys(SEASONS, 0.0)
    scale = np.maximum(variance(values), TINY)[:, None]
    for at in looks:
        actual = values[:, at : at + horizon]
        known = ~np.isnan(actual)
        for seasons in SEASONS:
            shape = np.where(known, _profile(values[:, :at], season, seasons)[:, (at + np.arange(horizon)) % season], 0.0)
            told = shape * (np.where(known, actual, 0.0).sum(axis=1) / np.maximum(shape.sum(axis=1), TINY))[:, None]
            errors[seasons] += float(((np.where(known, actual, 0.0) - told) ** 2 / scale).sum())
    return min(reversed(SEASONS), key=errors.__getitem__)


def _profile(values: Array, season: int, seasons: int) -> Array:
    """Factors of the season's places about 1 (series x places): own means, shrunk to the panel's by what a series has shown."""
    series, steps = values.shape
    if season < 2 or steps < 2 * season:
        return np.ones((series, season))
    whole = values[:, steps % season :].reshape(series, -1, season)[:, -seasons:]
    known = ~np.isnan(whole)
    cells = known.sum(axis=1)
    sums = np.where(known, whole, 0.0).sum(axis=1)
    own = sums / np.maximum(cells, 1)
    mean = np.maximum(own.mean(axis=1, keepdims=True), TINY)
    own = np.where(cells > 0, own / mean, 1.0)
    total = own.mean(axis=0) if not sums.sum() else (own * mean / _spread(whole, own * mean)).sum(axis=0)
    pooled = total / max(total.mean(), TINY)
    shown = sums.sum(axis=1, keepdims=True) / _spread(whole, own * mean)
    weight = shown / (shown + PROFILE_PRIOR * season)
    factors = weight * own + (1 - weight) * pooled
    # Places count from the first step of the grid.
    found: Array = np.roll(factors / np.maximum(factors.mean(axis=1, keepdims=True), TINY), steps % season, axis=1)
    return found


def _spread(whole: Array, fitted: Array) -> Array:
    """Variance about the own profile by mean, in units (series x 1)."""
    errors = np.nansum((whole - fitted[:, None, :]) ** 2, axis=(1, 2)) / np.maximum((~np.isnan(whole)).sum(axis=(1, 2)), 1)
    found: Array = np.maximum(errors / np.maximum(fitted.mean(axis=1), TINY), TINY)[:, None]
    return found


def _dispersion(counts: Array, exposure: Array) -> Array:
    """Variance by mean of each series about its mean rate."""
    shown = exposure.sum(axis=1)
    rate = counts.sum(axis=1) / np.maximum(shown, TINY)
    known = exposure > 0
    errors = np.where(known, counts - rate[:, None] * exposure, 0.0)
    found: Array = (errors**2).sum(axis=1) / np.maximum(counts.sum(axis=1), TINY)
    return found


def _discount(counts: Array, exposure: Array, omegas: tuple[float, ...], looks: list[int], horizon: int) -> float:
    """The discount with the least squared errors of the sums over the horizon, each series by its own spread."""
    if not looks:
        return 0.99
    scale = np.maximum(_dispersion(counts, exposure) * counts.mean(axis=1), TINY)
    errors = np.zeros(len(omegas))
    for at in looks:
        told, could = counts[:, at : at + horizon].sum(axis=1), exposure[:, at : at + horizon].sum(axis=1)
        began = exposure[:, :at].sum(axis=1) > 0
        for number, omega in enumerate(omegas):
            weights = omega ** np.arange(at - 1, -1, -1.0)
            rate = (counts[:, :at] @ weights) / np.maximum(exposure[:, :at] @ weights, TINY)
            errors[number] += float(((told - rate * could)[began] ** 2 / scale[began]).sum())
    return omegas[int(np.argmin(errors))]


def _shrunk(seen: Array, shown: Array, squares: Array, dispersion: Array) -> Array:
    """Rates drawn to the panel's mean by the share of their spread that chance explains.

    Chance follows from the drawn rate, not from the one that chance made, and from the dispersion that is usual in the panel.
    """
    known = shown > TINY
    plain = np.where(known, seen / np.maximum(shown, TINY), 0.0)
    selling = known & (plain > 0)
    if selling.sum() < 3:
        return plain
    mean, usual = float(plain[known].mean()), float(np.median(dispersion[selling]))
    rate = plain
    for _ in range(TURNS):
        chance = rate * usual * squares / np.maximum(shown, TINY) ** 2
        spread = max(float(plain[known].var() - chance[known].mean()), TINY)
        weight = spread / (spread + chance)
        rate = np.where(known, weight * plain + (1 - weight) * mean, 0.0)
    found: Array = rate
    return found
