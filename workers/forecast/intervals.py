"""Intervals that cover what they say: quantiles of demand from how far back-test forecasts were off.

Demand of smooth and erratic series lies about its mean as back-test errors did, each in units of its series' own spread (split conformal
prediction: Lei et al., "Distribution-free predictive inference for regression", 2018). Counts of intermittent and lumpy series follow a
negative binomial with the mean forecast and the dispersion that the back-test showed, its shares moved to those at which back-test actuals
really fell (recalibration by the randomised probability integral transform: Czado, Gneiting and Held, 2009; Kuleshov et al., 2018). Errors
are pooled over series of a class, by blocks of the horizon. An origin's errors are scaled by what the other origins showed.

Few origins teach little, however many steps they hold: errors of one forecast go together, and those of all series at an origin may. A set
counts as so many errors as independent ones would tell as much (design effect: Kish, 1965; components of variance of origins and of series
within origins), and the fewer they are, the more the quantiles lean on Student's t about the forecast with the set's own spread (posterior
predictive of a Dirichlet process with that base: Ferguson, 1973). Large panels keep the errors' own shape, small ones are told no less wide
than they must be.

Quantiles never cross and are never negative.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from storeloom.workers.forecast.grid import Array

BLOCK = 7
LEAST, LEAST_EFFECTIVE = 60, 10.0
BASE_WEIGHT = 8.0
WINSOR = 3.0
NORMAL_BY_MEAN = float(np.sqrt(np.pi / 2))
FLOOR = 0.1
FARTHEST = 1e-4
TINY = 1e-9
EVEN = (np.arange(999) + 1) / 1000


@dataclass(frozen=True)
class Spread:
    """The distribution of what is forecast: means (series x steps), and how actuals lie about them.

    `counts`: series that are counts; `centre`: the mean of their negative binomial, which is that of the forecast but never below a share
    of the history's, for a forecast of nothing is no certainty; `ratio`: their variance by mean; `scale`: the others' spread, in units;
    `cells`: number of the calibration set of each forecast; `sets`: even quantiles of standardised errors, or for counts of shares of the
    negative binomial.
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
                found[place][rows] = negative_binomial(self.centre[rows], self.ratio[rows, None], marks[rows])
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
            found[rows] = drawn_shares(actual[rows], self.centre[rows], self.ratio[rows, None], seed)
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
                if (~np.isnan(take)).sum() >= LEAST and effective(take) >= LEAST_EFFECTIVE:
                    break
            cells[np.ix_(rows, steps)] = len(sets)
            sets.append(calibrated(take, bool(group % 2)))
    return cells, tuple(sets)


def calibrated(fallen: Array, shares: bool) -> Array:
    """999 even quantiles of where the next actual falls, after those that `fallen` holds (origins x series x steps; NaN: not known).

    `shares`: they are shares of a distribution, and so are the quantiles; otherwise standardised errors.
    """
    from scipy.special import ndtr, ndtri, stdtrit

    errors = ndtri(np.clip(fallen, FARTHEST, 1 - FARTHEST)) if shares else fallen
    known = errors[~np.isnan(errors)]
    if len(known) < 2:
        return EVEN if shares else ndtri(EVEN)
    number = effective(errors)
    # The spread by mean absolute error: with the root mean square a few far errors would widen the middle too.
    base = stdtrit(max(number, 1.0), EVEN) * NORMAL_BY_MEAN * np.mean(np.abs(known)) * np.sqrt(1 + 1 / number)
    points = np.concatenate([known, base])
    weights = np.concatenate([np.full(len(known), number / len(known)), np.full(len(base), BASE_WEIGHT / len(base))])
    order = np.argsort(points, kind="stable")
    reached = np.cumsum(weights[order]) - weights[order] / 2
    found: Array = np.interp(EVEN, reached / weights.sum(), points[order])
    return ndtr(found) if shares else found


def effective(errors: Array) -> float:
    """How many independent errors would tell the middle and the width as well as these do (origins x series x steps)."""
    return min(_effective(errors), _effective(np.abs(errors - np.nanmedian(errors)))) if (~np.isnan(errors)).any() else 0.0


def _effective(errors: Array) -> float:
    """Independent values whose mean would vary as that of `errors` does: origins, series within them, and steps each add their own part."""
    known = ~np.isnan(errors)
    total, origins = int(known.sum()), int(known.any(axis=(1, 2)).sum())
    middle = np.nanmean(errors)
    far = WINSOR * np.sqrt(np.nanmean((errors - middle) ** 2))
    away = np.where(known, np.clip(errors - middle, -far, far), 0.0)
    variance = (away**2).sum() / total
    if variance <= TINY**2:
        return float(total)
    of_series = known.sum(axis=2)
    of_origin = of_series.sum(axis=1)
    by_origin = float((away.sum(axis=(1, 2)) ** 2 / np.maximum(of_origin, 1)).sum())
    by_both = float((away.sum(axis=2) ** 2 / np.maximum(of_series, 1)).sum())
    parts = [
        ((away**2).sum() - by_both, total - int((of_series > 0).sum())),
        (by_both - by_origin, int((of_series > 0).sum()) - origins),
        (by_origin, origins - 1),
    ]
    largest = max((square / free for square, free in parts if free > 0), default=variance)
    return float(np.clip(total * variance / max(largest, TINY**2), origins, total))


def _quantile(ordered: Array, share: float) -> float:
    """Conformal quantile of a calibration set: of n errors the (n + 1) x share-th, between neighbours."""
    place = np.clip((len(ordered) + 1) * share - 1, 0, len(ordered) - 1)
    return float(np.interp(place, np.arange(len(ordered)), ordered))


def _sizes(mean: Array, ratio: Array) -> tuple[Array, Array]:
    """Parameters n and p of scipy's negative binomial; a ratio of 1 is taken as 1 + 1e-6."""
    wide = np.maximum(ratio, 1 + 1e-6) * np.ones_like(mean)
    return np.maximum(mean, TINY) / (wide - 1), 1 / wide


def negative_binomial(mean: Array, ratio: Array, shares: Array) -> Array:
    """Quantiles of counts with these means and variances `ratio` x mean, at `shares`."""
    from scipy.stats import nbinom

    number, chance = _sizes(mean, ratio)
    found: Array = nbinom.ppf(np.clip(shares, FARTHEST, 1 - FARTHEST), number, chance)
    return np.maximum(found, 0.0)


def drawn_shares(actual: Array, mean: Array, ratio: Array, seed: int) -> Array:
    """Shares of the negative binomial at which counts fell, drawn within the chance of each count (the randomised transform)."""
    from scipy.stats import nbinom

    number, chance = _sizes(mean, ratio)
    drawn = np.random.default_rng(seed).random(actual.shape)
    whole = np.nan_to_num(actual)
    below, at = nbinom.cdf(whole - 1, number, chance), nbinom.pmf(whole, number, chance)
    found: Array = np.where(np.isnan(actual), np.nan, below + drawn * at)
    return found
