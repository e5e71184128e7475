"""The methods of forecasting, under the names of the field.

The classics stand on statsforecast, boosted trees on mlforecast and LightGBM. Own are: the means and last values, which over all series
at once take a thousandth of the time; `rates` and `smooth`, see there. Sources: Croston (1972); Syntetos and Boylan (2005) for SBA;
Teunter, Syntetos and Babai (2011) for TSB; Nikolopoulos et al. (2011) for ADIDA; Petropoulos and Kourentzes (2015) for IMAPA; Hyndman,
Koehler, Snyder and Grose (2002) for AutoETS; Assimakopoulos and Nikolopoulos (2000), Fiorucci et al. (2016) for Theta; Bandara, Hyndman
and Bergmeir (2021) for MSTL.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import numpy as np

from storeloom.workers.forecast.grid import Array, Grid
from storeloom.workers.forecast.rates import rates

WINDOW = 28
WINDOWS = {"15m": 672, "1h": 168, "1d": WINDOW, "1w": 8}
TSB_ALPHA, TSB_BETA = 0.1, 0.1
MANY = 1 << 40
DRIVEN = ("driven_rates", "driven_average", "lightgbm", "smooth", "day_ahead")

Kind = Literal["all", "each"]


@dataclass(frozen=True)
class Method:
    """A method: `run(grid, horizon, seed)` gives means in units, series x horizon; NaN for a series that is too short for it.

    `kind`: whether a series' forecast depends on the others (`all`) or not (`each`), so that series may be split over workers. `zh` and
    `en` say what it is to a reader.
    """

    name: str
    kind: Kind
    en: str
    zh: str
    run: Callable[[Grid, int, int], Array]


def _naive(grid: Grid, horizon: int, seed: int) -> Array:
    return np.repeat(_last_known(grid.values)[:, None], horizon, axis=1)


def _last_known(values: Array) -> Array:
    known = ~np.isnan(values)
    latest = values.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    found: Array = np.where(known.any(axis=1), values[np.arange(len(values)), latest], np.nan)
    return found


def _seasonal_naive(grid: Grid, horizon: int, seed: int) -> Array:
    """The last known value of the same place in the season, up to four seasons back."""
    season, found = grid.season, np.full((len(grid.ids), horizon), np.nan)
    if season == 1:
        return _naive(grid, horizon, seed)
    for back in range(4):
        at = grid.steps - season * (1 + back) + np.arange(horizon) % season
        value = np.where(at >= 0, grid.values[:, np.maximum(at, 0)], np.nan)
        found = np.where(np.isnan(found), value, found)
    return found


def _window_average(grid: Grid, horizon: int, seed: int) -> Array:
    return np.repeat(_mean(grid.values[:, -WINDOWS[grid.freq] :])[:, None], horizon, axis=1)


def _seasonal_window_average(grid: Grid, horizon: int, seed: int) -> Array:
    """Mean of the last four values of the same place in the season; of the last four steps where there is no season."""
    season = grid.season
    if grid.steps < 4 * season:
        return np.full((len(grid.ids), horizon), np.nan)
    last = grid.values[:, -4 * season :].reshape(len(grid.ids), 4, season)
    found: Array = _mean(np.moveaxis(last, 1, 2))[:, np.arange(horizon) % season]
    return found


def _mean(values: Array) -> Array:
    """Means over the last axis of what is known; NaN where nothing is."""
    known = ~np.isnan(values)
    sums, counts = np.where(known, values, 0.0).sum(axis=-1), known.sum(axis=-1)
    found: Array = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return found


def _zero(grid: Grid, horizon: int, seed: int) -> Array:
    return np.zeros((len(grid.ids), horizon))


def _rates(grid: Grid, horizon: int, seed: int) -> Array:
    return rates(grid, horizon).mean


def _lightgbm(grid: Grid, horizon: int, seed: int) -> Array:
    from storeloom.workers.forecast.trees import boosted

    return boosted(grid, horizon, seed)


def _smooth(grid: Grid, horizon: int, seed: int) -> Array:
    """Exponential smoothing on the log with weekday season and the panel's drivers; daily series only."""
    from storeloom.workers.forecast.smoothing import smooth

    found = np.full((len(grid.ids), horizon), np.nan)
    if grid.freq != "1d":
        return found
    for row in range(len(grid.ids)):
        begin = int(grid.start[row])
        series: list[float | None] = [None if value != value else value for value in grid.values[row, begin:].tolist()]
        if sum(value is not None for value in series) >= 2 * grid.season:
            columns = [column[row, begin : grid.steps + horizon] for column in grid.drivers.values()]
            found[row] = smooth(series, horizon, np.array(columns).T if columns else None).mean
    return found


def _day_ahead(grid: Grid, horizon: int, seed: int) -> Array:
    from storeloom.workers.forecast.energy_drivers import day_ahead

    return day_ahead(grid, horizon, seed)


def _driven(method: Callable[[Grid, int, int], Array]) -> Callable[[Grid, int, int], Array]:
    """A method on demand with its drivers taken out, times what the drivers ahead make of it."""

    def run(grid: Grid, horizon: int, seed: int) -> Array:
        from storeloom.workers.forecast.effects import learn

        if not grid.drivers:
            return method(grid, horizon, seed)
        multipliers = learn(grid).multipliers(grid)
        cleaned = replace(grid, values=grid.values / multipliers[:, : grid.steps], drivers={}, groups={}, vintages={})
        found: Array = method(cleaned, horizon, seed) * multipliers[:, grid.steps : grid.steps + horizon]
        return found

    return run


def _library(make: Callable[[Any, int], Any], least: Callable[[int], int]) -> Callable[[Grid, int, int], Array]:
    """A method of statsforecast, series by series from their first step on; `least`: steps that it needs, by season."""

    def run(grid: Grid, horizon: int, seed: int) -> Array:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import statsforecast.models as library

            found = np.full((len(grid.ids), horizon), np.nan)
            for row, series in enumerate(grid.filled()):
                series = series[int(grid.start[row]) :]
                if len(series) >= least(grid.season):
                    found[row] = make(library, grid.season).forecast(y=series, h=horizon)["mean"]
        means: Array = np.maximum(found, 0.0)
        return means

    return run


def _one(season: int) -> int:
    return 1


def _two_seasons(season: int) -> int:
    return 2 * season + 5


def _a_season(season: int) -> int:
    """MSTL has nothing to do without a season."""
    return _two_seasons(season) if season > 1 else MANY


@cache
def methods() -> Mapping[str, Method]:
    """All methods by name."""
    known = (
        Method("naive", "each", "the last known value", "最近一次实际值", _naive),
        Method("seasonal_naive", "each", "the value of the same day last week", "上周同日值", _seasonal_naive),
        Method("window_average", "each", "mean of the last four weeks", "最近四周均值", _window_average),
        Method("seasonal_window_average", "each", "mean of the last four same weekdays", "最近四个同星期日均值", _seasonal_window_average),
        Method("zero", "each", "no demand", "零需求", _zero),
        Method("rates", "all", "drifting rate times weekday profile, shrunk to the panel", "漂移需求率×星期系数，向整体收缩", _rates),
        Method("lightgbm", "all", "boosted trees over all series (LightGBM, tweedie)", "全体序列梯度提升树（LightGBM）", _lightgbm),
        Method("smooth", "each", "exponential smoothing with weekday season and drivers", "带星期季节与驱动因素的指数平滑", _smooth),
        Method(
            "driven_rates",
            "all",
            "rates of demand without its drivers, times their effects",
            "剔除驱动后的需求率×驱动效应",
            _driven(_rates),
        ),
        Method(
            "driven_average",
            "all",
            "mean of the last four same weekdays without their drivers, times their effects",
            "剔除驱动后的同星期日均值×驱动效应",
            _driven(_seasonal_window_average),
        ),
        Method(
            "day_ahead",
            "each",
            "regression of each step of the day on yesterday, last week and drivers",
            "逐时段回归（昨日、上周、驱动因素）",
            _day_ahead,
        ),
        _of("croston", "Croston", lambda m, s: m.CrostonClassic(), _one),
        _of("sba", "Croston, Syntetos-Boylan approximation", lambda m, s: m.CrostonSBA(), _one),
        _of("tsb", "Teunter-Syntetos-Babai", lambda m, s: m.TSB(TSB_ALPHA, TSB_BETA), _one),
        _of("adida", "ADIDA", lambda m, s: m.ADIDA(), _one),
        _of("imapa", "IMAPA", lambda m, s: m.IMAPA(), _one),
        _of("auto_ets", "AutoETS", lambda m, s: m.AutoETS(s), _two_seasons),
        _of("auto_theta", "AutoTheta", lambda m, s: m.AutoTheta(s), _two_seasons),
        _of("dynamic_optimized_theta", "DynamicOptimizedTheta", lambda m, s: m.DynamicOptimizedTheta(s), _two_seasons),
        _of("mstl", "MSTL with AutoETS for the trend", lambda m, s: m.MSTL(s), _a_season),
    )
    return {method.name: method for method in known}


def _of(name: str, words: str, make: Callable[[Any, int], Any], least: Callable[[int], int]) -> Method:
    return Method(name, "each", words, words, _library(make, least))


def named(names: Sequence[str]) -> list[Method]:
    """Methods by their names. ValueError names all that are not known."""
    unknown = [name for name in names if name not in methods()]
    if unknown:
        raise ValueError(f"no method {', '.join(map(repr, unknown))}; known: {', '.join(methods())}")
    return [methods()[name] for name in names]
