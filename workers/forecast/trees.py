"""One model of boosted trees for all series of a panel (LightGBM over mlforecast).

Each series is scaled by its mean, so that series of all sizes teach one another; the loss is Tweedie's, for sums of a Poisson number of
sales. Features: lags and means of the recent past, slow and fast smoothed levels, place in the season, the panel's drivers. The set-up
follows what won the M5 competition (Makridakis, Spiliotis and Assimakopoulos, 2022), made small. One thread and a seed give the same trees
on each run.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from storeloom.workers.forecast.grid import Array, Grid

LEAST_ROWS = 200
TREES: dict[str, Any] = {
    "objective": "tweedie",
    "tweedie_variance_power": 1.3,
    "n_estimators": 150,
    "learning_rate": 0.05,
    "num_leaves": 8,
    "min_child_samples": 100,
    "subsample": 0.8,
    "subsample_freq": 1,
    "colsample_bytree": 0.8,
    "reg_lambda": 5.0,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


@dataclass(frozen=True)
class Past:
    """What the trees see: plain lags; rolling means by the lag that they end at; smoothing constants; places in the season, as (steps that
    a place lasts, places)."""

    lags: tuple[int, ...]
    means: dict[int, tuple[int, ...]]
    levels: tuple[float, ...]
    places: tuple[tuple[int, int], ...]


PAST = {
    "1d": Past((7, 14, 28), {1: (7, 28, 91), 7: (28,)}, (0.01,), ((1, 7),)),
    "1w": Past((1, 2, 4), {1: (4, 13, 26)}, (0.03, 0.1), ()),
    "1h": Past((24, 48, 168, 336), {24: (24, 168)}, (), ((1, 24), (24, 7))),
    "15m": Past((96, 192, 672, 1344), {96: (96, 672)}, (), ((1, 96), (96, 7))),
}


def boosted(grid: Grid, horizon: int, seed: int) -> Array:
    """Means of the steps ahead (series x horizon); NaN where a series is shorter than its longest lag, or the panel too small."""
    past = PAST[grid.freq]
    filled = grid.filled()
    long = grid.steps - grid.start > max(past.lags) + 1
    found = np.full((len(grid.ids), horizon), np.nan)
    rows = np.flatnonzero(long & (np.nansum(grid.values, axis=1) > 0))
    if not len(rows) or int((grid.steps - grid.start[rows] - max(past.lags)).sum()) < LEAST_ROWS:
        return found
    part = grid.only(rows)
    scale = np.array([filled[row, grid.start[row] :].mean() for row in rows])
    frame = _frame(part, filled[rows] / scale[:, None])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = _model(grid.freq, past, seed).fit(frame, static_features=[], dropna=True, weight_col="weight")
        told = model.predict(horizon, X_df=_ahead(part, horizon) if part.drivers or past.places else None)
    found[rows] = np.maximum(told.sort("unique_id", "ds")["trees"].to_numpy().reshape(len(rows), horizon) * scale[:, None], 0.0)
    return found


def _model(freq: str, past: Past, seed: int) -> Any:
    from lightgbm import LGBMRegressor
    from mlforecast import MLForecast
    from mlforecast.lag_transforms import ExponentiallyWeightedMean, RollingMean

    transforms: dict[int, list[Any]] = {lag: [RollingMean(size, min_samples=1) for size in sizes] for lag, sizes in past.means.items()}
    transforms[1] = [*transforms.get(1, ()), *(ExponentiallyWeightedMean(alpha) for alpha in past.levels)]
    return MLForecast(
        models={"trees": LGBMRegressor(**TREES, random_state=seed)},
        freq=1,
        lags=list(past.lags),
        lag_transforms={lag: found for lag, found in transforms.items() if found},
        num_threads=1,
    )


def _frame(grid: Grid, scaled: Array) -> pl.DataFrame:
    """Long frame with steps as numbers; a step that was not known weighs nothing."""
    lengths = grid.steps - grid.start
    inside = np.arange(grid.steps)[None, :] >= grid.start[:, None]
    data: dict[str, Any] = {
        "unique_id": np.repeat(np.arange(len(grid.ids)), lengths),
        "ds": np.tile(np.arange(grid.steps), (len(grid.ids), 1))[inside],
        "y": scaled[inside],
        "weight": (~np.isnan(grid.values[inside])).astype(float),
    }
    drivers = {name: column[:, : grid.steps][inside] for name, column in grid.drivers.items()}
    return pl.DataFrame(data | drivers | _places(data["ds"], grid.freq))


def _ahead(grid: Grid, horizon: int) -> pl.DataFrame:
    steps = slice(grid.steps, grid.steps + horizon)
    data: dict[str, Any] = {
        "unique_id": np.repeat(np.arange(len(grid.ids)), horizon),
        "ds": np.tile(np.arange(grid.steps, grid.steps + horizon), len(grid.ids)),
    }
    drivers = {name: column[:, steps].ravel() for name, column in grid.drivers.items()}
    return pl.DataFrame(data | drivers | _places(data["ds"], grid.freq))


def _places(steps: NDArray[np.int64], freq: str) -> dict[str, Array]:
    """Place of each step in the seasons (weekday; hour and weekday), counted from the panel's first step."""
    return {f"place_of_{places}": (steps // lasts % places).astype(float) for lasts, places in PAST[freq].places}
