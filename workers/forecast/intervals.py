"""Intervals that cover what they say: quantiles of demand from how far back-test forecasts were off.

Demand of smooth and erratic series lies about its mean as back-test errors did, each in units of its series' own spread (split conformal
prediction: Lei et al., "Distribution-free predictive inference for regression", 2018). Counts of intermittent and lumpy series follow a
negative binomial with the mean forecast and the dispersion that the back-test showed, its shares moved to those at which back-test actuals
really fell (recalibration by the randomised probability integral transform: Czado, Gneiting and Held, 2009; Kuleshov et al., 2018). Errors
are pooled over series of a class, by blocks of the horizon. An origin's errors are scaled by what the other origins showed.

Quantiles never cross and are never negative.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from storeloom.workers.forecast.grid import Array

BLOCK = 7
LEAST = 60
FLOOR = 0.1
FARTHEST = 1e-4
TINY = 1e-9


@dataclass(frozen=True)
class Spread:
    """The distribution of what is forecast: means (series x steps), and how actuals lie about them.

    `counts`: series that are counts; `centre`: the mean of their negative binomial, which is that of the forecast but never below a share
    of the history's, for a forecast of nothing is no certainty; `ratio`: their variance by mean; `scale`: the others' spread, in units;
    `cells`: number of the calibration set of each forecast; `sets`: sorted standardised errors, or for counts shares of the negative
    binomial.
    """

    mean: Array
    counts: NDArray[np.bool_]
    centre: Array
    ratio: Array
    scale: Array
    cells: NDArray[np.int64]
    sets: tuple[Array, ...]

    def quantiles(self, shares: Sequence[float]) -> Array:
        """Quantiles in units (shares x series x steps); rising with the share."""
        order = np.argsort(shares, kind="stable")
        found = np.empty((len(shares), *self.mean.shape))
        for place in order.tolist():
            marks = np.array([_quantile(one, shares[place]) for one in self.sets])[self.cells]
            found[place] = np.maximum(0.0, self.mean + self.scale * marks)
            if self.counts.any():
                rows = self.counts
                found[place][rows] = _negative_binomial(self.centre[rows], self.ratio[rows, None], marks[rows])
        found[order] = np.maximum.accumulate(found[order], axis=0)
        return found

    def inside(self, actual: Array, below: float, above: float, seed: int) -> Array:
        """Which actuals lie between two quantiles (1, 0; NaN where not known), ends of counts shared out by chance.

        A count's interval has ends with chances of their own: that of a series that seldom sells begins at 0 and covers every 0, and so
        more than it says. Drawing within the end's chance tells whether the distribution is right.
        """
        at = self.shares(actual, seed)
        low, high = (np.array([_quantile(one, share) for one in self.sets])[self.cells] for share in (below, above))
        found: Array = np.where(np.isnan(at), np.nan, (at >= low) & (at <= high))
        return found

    def shares(self, actual: Array, seed: int) -> Array:
        """Where actuals fell: standardised errors, for counts the randomised share of the negative binomial."""
        found = (actual - self.mean) / np.maximum(self.scale, TINY)
        if self.counts.any():
            rows = self.counts
            found[rows] = _pit(actual[rows], self.centre[rows], self.ratio[rows, None], seed)
        return found


@dataclass(frozen=True)
class History:
    """What intervals take of the series' history: number of each one's class, which are counts, mean and variance a step (or a sum)."""

    classes: NDArray[np.int64]
    counts: NDArray[np.bool_]
    mean: Array
    variance: Array


def spread(past: Sequence[tuple[Array, Array]], mean: Array, history: History, prior: float, seed: int) -> Spread:
    """The distribution about `mean` (series x steps) from `past` back-tests: forecasts and actuals of each origin.

    The variance of the history stands where the back-test is too small; `prior`: how many errors of its like a series' own errors weigh
    against.
    """
    blocks = np.arange(mean.shape[1]) // BLOCK
    fallen = []
    for at, (told, actual) in enumerate(past):
        others = [one for number, one in enumerate(past) if number != at]
        fallen.append(_bare(told, others, history, prior).shares(actual, seed + at))
    whole = _bare(mean, past, history, prior)
    groups = history.classes * 2 + history.counts
    cells, sets = _cells(np.stack(fallen) if fallen else np.zeros((0, *mean.shape)), groups, history.counts, blocks)
    return replace(whole, cells=cells, sets=sets)


def _bare(mean: Array, past: Sequence[tuple[Array, Array]], history: History, prior: float) -> Spread:
    """A distribution whose shares are not yet calibrated."""
    ratio, scale = _ratio(past, mean, history, prior), _scale(past, mean, history, prior)
    return Spread(mean, history.counts, _centre(mean, history), ratio, scale, np.zeros(mean.shape, dtype=int), ())


def _centre(mean: Array, history: History) -> Array:
    found: Array = np.maximum(mean, np.maximum(FLOOR * history.mean, TINY)[:, None])
    return found


def _errors(past: Sequence[tuple[Array, Array]], series: int) -> tuple[Array, Array, Array]:
    """Of each series: number of errors known, sum of their squares, sum of the forecasts."""
    number, squares, told_sum = np.zeros(series), np.zeros(series), np.zeros(series)
    for told, actual in past:
        known = ~np.isnan(actual) & ~np.isnan(told)
        number += known.sum(axis=1)
        squares += np.where(known, (actual - told) ** 2, 0.0).sum(axis=1)
        told_sum += np.where(known, told, 0.0).sum(axis=1)
    return number, squares, told_sum


def _scale(past: Sequence[tuple[Array, Array]], mean: Array, history: History, prior: float) -> Array:
    """Spread of each forecast in units: the series' own squared errors beside those of series of its size (log-log line of its class)."""
    number, squares, _ = _errors(past, len(mean))
    centre = _centre(mean, history)
    size = centre.mean(axis=1)
    like = np.maximum(history.variance, TINY)
    for one in np.unique(history.classes).tolist():
        rows = (history.classes == one) & (number > 0) & (squares > 0) & (size > TINY)
        if rows.sum() >= 2:
            x, y = np.log(size[rows]), np.log(squares[rows] / number[rows])
            slope = float(np.clip(np.cov(x, y)[0, 1] / max(x.var(ddof=1), TINY), 0.5, 2.5)) if rows.sum() >= 5 else 1.5
            like[history.classes == one] = np.exp(y.mean() + slope * (np.log(size[history.classes == one]) - x.mean()))
    variance = (squares + prior * like) / (number + prior)
    found: Array = np.sqrt(np.maximum(variance, TINY)[:, None] * centre / size[:, None])
    return found


def _ratio(past: Sequence[tuple[Array, Array]], mean: Array, history: History, prior: float) -> Array:
    """Variance by mean of each series' counts, beside that of its class; at least 1, which is Poisson."""
    number, squares, told = _errors(past, len(mean))
    size = _centre(mean, history).mean(axis=1)
    like = np.maximum(history.variance / np.maximum(history.mean, TINY), 1.0)
    for one in np.unique(history.classes).tolist():
        rows = history.classes == one
        if told[rows].sum() > TINY and number[rows].sum() >= LEAST:
            like[rows] = squares[rows].sum() / told[rows].sum()
    found: Array = np.maximum(1.0, (squares + prior * like * size) / np.maximum(told + prior * size, TINY))
    return found


def _cells(
    fallen: Array, groups: NDArray[np.int64], counts: NDArray[np.bool_], blocks: NDArray[np.int64]
) -> tuple[NDArray[np.int64], tuple[Array, ...]]:
    """Calibration sets by group and block of the horizon; wider where a set is too small: all blocks, all groups of its kind, theory."""
    cells = np.zeros((len(groups), len(blocks)), dtype=int)
    sets: list[Array] = []
    for group in np.unique(groups).tolist():
        kind = counts == bool(group % 2)
        for block in np.unique(blocks).tolist():
            rows, steps = groups == group, blocks == block
            for take in (fallen[:, rows][:, :, steps], fallen[:, rows], fallen[:, kind]):
                known = take[~np.isnan(take)]
                if len(known) >= LEAST:
                    break
            else:
                known = _theory(bool(group % 2))
            cells[np.ix_(rows, steps)] = len(sets)
            sets.append(np.sort(known))
    return cells, tuple(sets)


def _theory(counts: bool) -> Array:
    """Without a back-test: even shares, or the standard normal's quantiles."""
    even = (np.arange(999) + 1) / 1000
    if counts:
        return even
    from scipy.special import ndtri

    found: Array = ndtri(even)
    return found


def _quantile(ordered: Array, share: float) -> float:
    """Conformal quantile of a calibration set: of n errors the (n + 1) x share-th, between neighbours."""
    place = np.clip((len(ordered) + 1) * share - 1, 0, len(ordered) - 1)
    return float(np.interp(place, np.arange(len(ordered)), ordered))


def _sizes(mean: Array, ratio: Array) -> tuple[Array, Array]:
    """Parameters n and p of scipy's negative binomial; a ratio of 1 is taken as 1 + 1e-6."""
    wide = np.maximum(ratio, 1 + 1e-6) * np.ones_like(mean)
    return np.maximum(mean, TINY) / (wide - 1), 1 / wide


def _negative_binomial(mean: Array, ratio: Array, shares: Array) -> Array:
    from scipy.stats import nbinom

    number, chance = _sizes(mean, ratio)
    found: Array = nbinom.ppf(np.clip(shares, FARTHEST, 1 - FARTHEST), number, chance)
    return np.maximum(found, 0.0)


def _pit(actual: Array, mean: Array, ratio: Array, seed: int) -> Array:
    from scipy.stats import nbinom

    number, chance = _sizes(mean, ratio)
    drawn = np.random.default_rng(seed).random(actual.shape)
    whole = np.nan_to_num(actual)
    below, at = nbinom.cdf(whole - 1, number, chance), nbinom.pmf(whole, number, chance)
    found: Array = np.where(np.isnan(actual), np.nan, below + drawn * at)
    return found
