"""What a product would have sold without its promotion: the seasonal model on unpromoted days, with an interval by block bootstrap.

The model is exponential smoothing with a weekly season and calendar effects (`smoothing`). Its one-step errors on the log are drawn in
blocks of a week, so that good and bad runs of days stay together (Kuensch, Annals of Statistics 17, 1989).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storeloom.workers.forecast.smoothing import WEEK, smooth

Array = NDArray[np.float64]
LEAST_DAYS = 2 * WEEK
DRAWS = 1000
SEED = 42
DIGITS = 6


@dataclass(frozen=True)
class Baseline:
    """`mean`: units of each day ahead; `method`: `seasonal`, `forecast` or `mean`; `residuals` on the log, of `seasonal` alone."""

    mean: Array
    method: str
    residuals: Array

    def sums(self, days: Sequence[int], seed: int = 0) -> Array:
        """Draws of the sum over some days ahead (their places from 0)."""
        mean = self.mean[list(days)]
        if not mean.size or not self.residuals.size:
            return np.full(DRAWS, float(mean.sum()))
        rng = np.random.default_rng([SEED, seed])
        starts = rng.integers(0, self.residuals.size, (DRAWS, -(-mean.size // WEEK)))
        places = (starts[:, :, None] + np.arange(WEEK)).reshape(DRAWS, -1)[:, : mean.size] % self.residuals.size
        drawn = np.maximum(0.0, np.expm1(np.log1p(mean) + self.residuals[places]))
        return np.asarray(drawn.sum(axis=1), dtype=np.float64)


def baseline(
    history: Sequence[float | None],
    ahead: int,
    *,
    regressors: Any = None,
    shut: Sequence[bool] = (),
    forecast: Sequence[float] | None = None,
) -> Baseline:
    """Units of the `ahead` days after a history whose promoted, sold-out and closed days are None.

    `regressors`: calendar columns over history and days ahead; `shut`: days ahead on which the store stays closed; `forecast`: units
    foreseen for the days ahead, for a history of less than two weeks. Without one, the mean of the days known.
    """
    known = [units for units in history if units is not None]
    nothing = np.empty(0)
    if len(known) >= LEAST_DAYS:
        found = smooth(history, ahead, regressors)
        made = Baseline(np.round(found.mean, DIGITS), "seasonal", found.residuals)
    elif forecast is not None:
        made = Baseline(np.asarray(forecast, dtype=np.float64), "forecast", nothing)
    else:
        made = Baseline(np.full(ahead, max(0.0, sum(known) / len(known)) if known else 0.0), "mean", nothing)
    for place, closed in enumerate(shut):
        if closed:
            made.mean[place] = 0.0
    return made
