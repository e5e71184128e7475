"""How much each driver moves each series: multipliers on a level, learnt over all series at once.

y is taken to have the mean level x weekday x exp(drivers @ effects), and a variance in proportion to it (quasi-Poisson, log link;
McCullagh and Nelder, "Generalized Linear Models", 1989), so that days without a sale count as they are. Effects are hierarchical: a
series' own lean on its category's, those on the panel's, those on none (ridge at each level; Gelman and Hill, 2006): a product with two
promotions borrows from its category. A driver that is the same for all series, as a holiday, is judged by the panel's sums: series share
the chance of a day. The level is that of the days around, their drivers taken out and the day itself left out; a driver seen on
fewer than `LEAST` days has no effect.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from storeloom.workers.forecast.grid import SEASONS, Array, Grid

TURNS = 3
NEWTON = 6
LEAST = 3
PANEL_SD, CATEGORY_SD, SERIES_SD = 0.7, 0.5, 0.3
HALF_LIFE_DAYS = 14.0
PROFILE_PRIOR = 100.0
MOST_LOG = 2.0
TINY = 1e-9


@dataclass(frozen=True)
class Effects:
    """Log effects of a grid's drivers (series x drivers, in the order of `names`), and the least and greatest of each that was seen."""

    names: tuple[str, ...]
    log: Array
    least: Array
    most: Array

    def multipliers(self, grid: Grid) -> Array:
        """What the drivers make of the level: series x (steps + steps ahead), within exp(-2) to exp(2).

        A driver beyond all that was seen counts as the nearest that was: three days of a run-up do not tell its last.
        """
        if not self.names:
            return np.ones((len(grid.ids), grid.steps))
        total: Array = sum(
            (
                self.log[:, [place]] * np.clip(grid.drivers[name], self.least[place], self.most[place])
                for place, name in enumerate(self.names)
            ),
            np.zeros(1),
        )
        found: Array = np.exp(np.clip(total, -MOST_LOG, MOST_LOG))
        return found


def learn(grid: Grid) -> Effects:
    """Effects from all steps of a grid; none where it has no drivers."""
    names = tuple(grid.drivers)
    if not names or not grid.steps:
        return Effects((), np.zeros((len(grid.ids), 0)), np.zeros(0), np.zeros(0))
    known = ~np.isnan(grid.values)
    values = np.where(known, grid.values, 0.0)
    columns = np.stack([grid.drivers[name][:, : grid.steps] for name in names], axis=2)
    shared = (np.ptp(columns, axis=0) <= TINY).all(axis=0)
    seen = _seen(columns, known)
    least, most = columns.min(axis=(0, 1)), columns.max(axis=(0, 1))
    effects = Effects(names, np.zeros((len(grid.ids), len(names))), least, most)
    for _ in range(TURNS):
        base = _base(values, known, effects.multipliers(grid)[:, : grid.steps], grid)
        effects = replace(effects, log=_solve(values, base, columns, shared, seen, grid.categories))
    return effects


def _seen(columns: Array, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Drivers that moved on enough steps to tell anything."""
    moved = np.abs(columns - np.median(columns, axis=1, keepdims=True)) > TINY
    days: NDArray[np.int64] = (moved & known[:, :, None]).any(axis=0).sum(axis=0)
    return days >= LEAST


def _base(values: Array, known: NDArray[np.bool_], multipliers: Array, grid: Grid) -> Array:
    """Level x weekday of each step, own step left out; 0 where demand could not show."""
    exposure = np.where(known, multipliers, 0.0)
    profile = _profile(values, exposure, grid.season)
    could = exposure * profile
    a_day = max(1, SEASONS[grid.freq] // 7) if grid.freq != "1w" else 1
    weight = 0.5 ** (1 / (HALF_LIFE_DAYS * a_day))
    sold, shown = _around(values, weight) - values, _around(could, weight) - could
    whole = values.sum(axis=1, keepdims=True) / np.maximum(could.sum(axis=1, keepdims=True), TINY)
    level = (sold + whole) / np.maximum(shown + 1.0, TINY)
    found: Array = np.where(known, level * profile, 0.0)
    return found


def _around(values: Array, weight: float) -> Array:
    """Sums of the steps before and after, falling with their distance."""
    from scipy.signal import lfilter

    before = lfilter([1.0], [1.0, -weight], values, axis=1)
    after = lfilter([1.0], [1.0, -weight], values[:, ::-1], axis=1)[:, ::-1]
    found: Array = before + after - values
    return found


def _profile(values: Array, exposure: Array, season: int) -> Array:
    """Place in the season by mean demand: the series' own beside the panel's."""
    steps = values.shape[1]
    if season == 1 or steps < 2 * season:
        return np.ones_like(values)
    place = np.arange(steps) % season
    mark = np.eye(season)[place]
    rate = values.sum(axis=1, keepdims=True) / np.maximum(exposure.sum(axis=1, keepdims=True), TINY)
    sold, due = values @ mark, (exposure * rate) @ mark
    pooled = (sold.sum(axis=0) + TINY) / (due.sum(axis=0) + TINY)
    own = (sold + PROFILE_PRIOR / season * pooled) / (due + PROFILE_PRIOR / season)
    found: Array = own[:, place]
    return found


def _solve(
    values: Array, base: Array, columns: Array, shared: NDArray[np.bool_], seen: NDArray[np.bool_], categories: tuple[int, ...]
) -> Array:
    """Effects of panel, categories and series in turn, each from what the one above leaves."""
    series, _, number = columns.shape
    found = np.zeros((series, number))
    use = np.flatnonzero(seen)
    if not len(use):
        return found
    columns = columns[:, :, use]
    spread = _dispersion(values, base)
    own = np.zeros((series, len(use)))
    everyone = np.zeros(series, dtype=int)
    pooled_spread = _dispersion(values.sum(axis=0, keepdims=True), base.sum(axis=0, keepdims=True))
    design = np.where(shared[use], np.maximum(1.0, pooled_spread[0] / np.median(spread)), 1.0)
    levels = [(everyone, PANEL_SD)]
    if len(set(categories)) > 1:
        levels.append((np.array(categories), CATEGORY_SD))
    levels.append((np.arange(series), SERIES_SD))
    for groups, deviation in levels:
        own = own + _newton(values, base, columns, own, spread, groups, design / deviation**2)
    found[:, use] = own
    return found


def _newton(values: Array, base: Array, columns: Array, start: Array, spread: Array, groups: NDArray[np.int64], penalty: Array) -> Array:
    """Ridge of each group about what is known (`start`): penalised scoring of the quasi-likelihood."""
    _, group = np.unique(groups, return_inverse=True)
    number = int(group.max()) + 1
    step = np.zeros((number, columns.shape[2]))
    for _ in range(NEWTON):
        log = np.clip(np.einsum("std,sd->st", columns, start + step[group]), -MOST_LOG, MOST_LOG)
        mean = base * np.exp(log) / spread[:, None]
        left = np.where(base > 0, values / spread[:, None], 0.0) - mean
        slope = np.einsum("std,st->sd", columns, left)
        curve = np.matmul((columns * mean[:, :, None]).transpose(0, 2, 1), columns)
        slopes, curves = np.zeros_like(step), np.zeros((number, columns.shape[2], columns.shape[2]))
        np.add.at(slopes, group, slope)
        np.add.at(curves, group, curve)
        move = np.linalg.solve(curves + np.diag(penalty), (slopes - penalty * step)[:, :, None])[:, :, 0]
        step = np.clip(step + np.clip(move, -1.0, 1.0), -MOST_LOG, MOST_LOG)
    found: Array = step[group]
    return found


def _dispersion(values: Array, base: Array) -> Array:
    """Variance by mean of each series about its base, drawn to the usual one; at least 1."""
    mean = np.maximum(base, TINY)
    known = (base > TINY).sum(axis=1)
    ratio = np.where(base > TINY, (values - base) ** 2 / mean, 0.0).sum(axis=1) / np.maximum(known, 1)
    usual = float(np.median(ratio))
    found: Array = np.maximum(1.0, (known * ratio + 60.0 * usual) / (known + 60.0))
    return found
