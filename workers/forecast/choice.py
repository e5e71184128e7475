"""Which method forecasts which series: those that did best where the answer is known, by class of demand and, held back, by series.

Classes are those of Syntetos, Boylan and Croston (2005). Smooth and erratic series are judged by the squared error of each step, by their
own squared changes; intermittent and lumpy ones by the error of the sum over the horizon, by what chance brings: day by day a forecast of
nothing wins on a series that mostly sells nothing, and orders nothing. A series departs from its class as far as its own
back-tests outweigh those of its class. Means of the two or three best compete with them (Bates and Granger, 1969).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storeloom.workers.forecast.grid import Array, Grid
from storeloom.workers.forecast.metrics import by_series, naive_steps, variance

CLASSES = ("smooth", "erratic", "intermittent", "lumpy")
ADI_CUT, CV2_CUT = 1.32, 0.49
OWN_ORIGINS = 4
PRIOR = 40.0
FEW = 20
MOST = 25.0

Told = Mapping[str, Sequence[Array]]


def classes(values: Array) -> NDArray[np.int64]:
    """Number of each series' class in `CLASSES`; a series that never sold is intermittent."""
    sold = np.nan_to_num(values) > 0
    known, sales = (~np.isnan(values)).sum(axis=1), sold.sum(axis=1)
    sizes = np.where(sold, values, 0.0)
    mean = sizes.sum(axis=1) / np.maximum(sales, 1)
    spread = np.where(sold, (values - mean[:, None]) ** 2, 0.0).sum(axis=1) / np.maximum(sales, 1)
    varied = spread >= CV2_CUT * mean**2
    found: NDArray[np.int64] = np.where(sales == 0, 2, 2 * (known >= ADI_CUT * sales) + (varied & (sales > 0)))
    return found


@dataclass(frozen=True)
class Choice:
    """`sets`: methods that are averaged; `picks`: number of each series' set; `losses`: loss of each set by class (classes x sets) in
    the back-test, NaN without one; `origins`: back-tests behind each series' own part of the choice."""

    sets: tuple[tuple[str, ...], ...]
    picks: NDArray[np.int64]
    losses: Array
    origins: NDArray[np.int64]

    def needed(self) -> dict[str, NDArray[np.int64]]:
        """Methods that are in use, with the numbers of the series that take them."""
        names = dict.fromkeys(name for number in np.unique(self.picks).tolist() for name in self.sets[number])
        return {name: np.flatnonzero([name in self.sets[pick] for pick in self.picks.tolist()]) for name in names}

    def combined(self, told: Mapping[str, Array]) -> Array:
        """Means of each series by its set; a method that is NaN for a series is left out, NaN where all are."""
        first = next(iter(told.values()))
        found = np.full(first.shape, np.nan)
        for number in np.unique(self.picks).tolist():
            rows = self.picks == number
            found[rows] = average([told[name][rows] for name in self.sets[number]])
        return found


def average(parts: Sequence[Array]) -> Array:
    """Mean of forecasts, of those that are known."""
    stacked = np.stack(parts)
    known = ~np.isnan(stacked)
    count = known.sum(axis=0)
    found: Array = np.where(count > 0, np.where(known, stacked, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)
    return found


def losses(told: Array, actual: Array, sparse: NDArray[np.bool_], step_scale: Array, sum_scale: Array) -> Array:
    """Loss of each series at one origin, NaN where it cannot be told."""
    dense = by_series((actual - told) ** 2) / step_scale
    known = ~np.isnan(actual) & ~np.isnan(told)
    short = np.abs(np.where(known, actual - told, 0.0).sum(axis=1))
    count = known.sum(axis=1)
    total = np.where(count > 0, short / np.sqrt(np.maximum(count * sum_scale, 1e-9)), np.nan)
    found: Array = np.minimum(np.where(sparse, total, dense), MOST)
    return found


def choose(grid: Grid, told: Told, ats: Sequence[int], kinds: NDArray[np.int64]) -> Choice:
    """The choice after forecasts `told` by each method from past steps `ats`. `grid` holds what came of them."""
    names = list(told)
    silent = np.nansum(grid.values, axis=1) <= 0
    scored = _scored(grid, told, ats, kinds)
    by_class = _by_class(scored, kinds)
    sets: list[tuple[str, ...]] = [(name,) for name in names]
    for kind in np.unique(kinds).tolist():
        order = [int(place) for place in np.argsort(by_class[kind, : len(names)], kind="stable") if by_class[kind, place] < np.inf]
        sets += [tuple(names[place] for place in sorted(order[:size])) for size in (2, 3) if len(order) >= size]
    sets = list(dict.fromkeys(sets))
    averaged = {"+".join(one): [average([told[name][at] for name in one]) for at in range(len(ats))] for one in sets}
    scored = _scored(grid, averaged, ats, kinds)
    by_class = _by_class(scored, kinds)
    number = (~np.isnan(scored)).any(axis=0).sum(axis=1)
    own = np.nansum(scored, axis=2) + PRIOR * by_class[kinds].T
    seen = (~np.isnan(scored)).sum(axis=2) + PRIOR
    drawn = np.where(number >= OWN_ORIGINS, own / seen, by_class[kinds].T)
    picks = drawn.argmin(axis=0)
    sets.append(("zero",))
    found = np.where(np.isinf(by_class), np.nan, by_class)
    return Choice(tuple(sets), np.where(silent, len(sets) - 1, picks), np.hstack([found, np.full((len(CLASSES), 1), np.nan)]), number)


def _scored(grid: Grid, told: Told, ats: Sequence[int], kinds: NDArray[np.int64]) -> Array:
    """Losses, methods x series x origins."""
    found = np.full((len(told), len(grid.ids), len(ats)), np.nan)
    sparse = kinds >= 2
    for place, at in enumerate(ats):
        history = grid.values[:, :at]
        step_scale, sum_scale = naive_steps(history)[1], variance(history)
        for number, arrays in enumerate(told.values()):
            ahead = arrays[place]
            actual = grid.values[:, at : at + ahead.shape[1]]
            found[number, :, place] = losses(ahead, actual, sparse, step_scale, np.maximum(sum_scale, 1e-9))
    return found


def _by_class(scored: Array, kinds: NDArray[np.int64]) -> Array:
    """Mean loss of each method by class (classes x methods); inf where it cannot be told.

    A class of few series is judged together with the one that is measured alike.
    """
    found = np.full((len(CLASSES), len(scored)), np.inf)
    for kind in np.unique(kinds).tolist():
        alone, alike = kinds == kind, kinds // 2 == kind // 2
        enough = (~np.isnan(scored[:, alone])).any(axis=0).sum() >= FEW
        found[kind] = _mean_loss(scored[:, alone if enough else alike])
    return found


def _mean_loss(scored: Array) -> Array:
    """Mean loss of each method (methods x series x origins) over the places that all know, but for those that know less than half."""
    part = scored.reshape(len(scored), -1)
    usable = ~np.isnan(part)
    full = usable.sum(axis=1) >= max(1.0, 0.5 * usable.sum(axis=1).max(initial=0))
    common = usable[full].all(axis=0)
    found = np.full(len(scored), np.inf)
    if full.any() and common.any():
        found[full] = part[full][:, common].mean(axis=1)
    return found
