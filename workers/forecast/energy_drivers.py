"""Energy of the day ahead by the hour or quarter-hour: yesterday, last week, hour of the week, weather, holidays, opening hours.

For each step of the day a ridge regression of its own on yesterday's profile, the same step of one, two and seven days before, weekday and
drivers: the day-ahead load models with many lags of the field (LEAR: Uniejewski, Nowotarski and Weron, 2016; Lago et al., "Forecasting
day-ahead electricity prices", Applied Energy 293, 2021). Temperature enters as degrees for cooling and heating beyond change points (those
of `measurement`, from daily sums), of the step and of the day, beside what the day before had. Calibrated on all days to the thousandth:
shorter windows, and means over windows, did worse on two real buildings. Own code in place of scikit-learn's ridge, for all steps of the
day are solved at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time

import numpy as np
import polars as pl

from storeloom.workers.forecast.grid import SEASONS, Array, Grid
from storeloom.workers.forecast.panel import STEPS, Panel, ahead

MOST_DAYS = 1000
LEAST_DAYS = 28
RIDGE = 10.0
PROFILE = 24
TINY = 1e-9


def opening(panel: Panel, horizon: int, hours: Mapping[int, tuple[time, time]], closed: frozenset[date] = frozenset()) -> pl.DataFrame:
    """Opening hours as a driver `open` (1, 0) over a panel of hours or quarter-hours and the steps after it.

    `hours`: opening and closing by weekday (0 is Monday), none for a weekday without; `closed`: days without trade.
    """
    step, first = STEPS[panel.freq], panel.frame["ds"].min()
    assert isinstance(first, datetime) and isinstance(panel.last, datetime)
    steps = [first + number * step for number in range((panel.last - first) // step + 1)] + ahead(panel.last, panel.freq, horizon)
    found = []
    for one in steps:
        assert isinstance(one, datetime)
        begin, end = hours.get(one.weekday(), (time.max, time.min))
        found.append(float(begin <= one.time() < end and one.date() not in closed))
    return pl.DataFrame({"ds": steps, "open": found})


def day_ahead(grid: Grid, horizon: int, seed: int) -> Array:
    """Means of up to a day of steps (series x horizon); NaN for other frequencies, longer horizons and series of less than four weeks."""
    found = np.full((len(grid.ids), horizon), np.nan)
    a_day = SEASONS[grid.freq] // 7
    if grid.freq not in ("1h", "15m") or horizon > a_day:
        return found
    filled = grid.filled()
    for row in range(len(grid.ids)):
        days = (grid.steps - int(grid.start[row])) // a_day
        if days >= LEAST_DAYS and np.nansum(grid.values[row]) > 0:
            blocks = filled[row, grid.steps - days * a_day :].reshape(days, a_day)
            drivers = _drivers(grid, row, days, a_day)
            found[row] = _told(blocks, drivers)[:horizon]
    return found


def _drivers(grid: Grid, row: int, days: int, a_day: int) -> Array:
    """Drivers by day (the one ahead included), step and column; temperature as degrees beyond the change points."""
    begin, end = grid.steps - days * a_day, grid.steps + a_day
    columns = []
    for name, column in grid.drivers.items():
        part = column[row, begin:end]
        if len(part) < end - begin:
            part = np.concatenate([part, np.full(end - begin - len(part), part[-1])])
        columns += _degrees(grid, row, part, days, a_day) if name == "temperature" else [] if name == "hot" else [part]
    moving = [one.reshape(days + 1, a_day) for one in columns if np.ptp(one) > TINY]
    return np.stack(moving, axis=2) if moving else np.zeros((days + 1, a_day, 0))


def _degrees(grid: Grid, row: int, scaled: Array, days: int, a_day: int) -> list[Array]:
    """Cooling and heating degrees of the step, of its day, and of the day before."""
    from storeloom.workers.forecast.measurement import change_points

    temp = 15 + 10 * scaled
    daily = temp.reshape(days + 1, a_day).mean(axis=1)
    energy = grid.filled()[row, grid.steps - days * a_day :].reshape(days, a_day).sum(axis=1)
    cooling, heating = change_points(energy, daily[:-1])
    found = []
    for point, sign in ((cooling, 1), (heating, -1)):
        if point is not None:
            by_step, by_day = (np.maximum(0.0, sign * (one - point)) for one in (temp, daily))
            found += [by_step, np.repeat(by_day, a_day), np.repeat(np.append(by_day[0], by_day[:-1]), a_day)]
    return found


def _told(blocks: Array, drivers: Array) -> Array:
    """The day after some days (days x steps)."""
    scale = max(float(blocks.mean()), TINY)
    design = _design(blocks / scale, drivers)
    means = scale * _ridge(design[:-1][-MOST_DAYS:], (blocks / scale)[7:][-MOST_DAYS:], design[-1])
    found: Array = np.clip(means, 0.0, 2 * blocks.max())
    return found


def _design(blocks: Array, drivers: Array) -> Array:
    """Regressors of the days from the eighth on and of the day ahead (days x steps x regressors)."""
    days, a_day = blocks.shape
    number = np.arange(7, days + 1)
    profile = blocks.reshape(days, PROFILE, -1).mean(axis=2)[number - 1]
    wide = np.repeat(profile[:, None, :], a_day, axis=1)
    same = np.stack([blocks[number - back] for back in (1, 2, 7)], axis=2)
    week = np.repeat(np.stack([blocks[number - 7].mean(axis=1), blocks[number - 1].mean(axis=1)], axis=1)[:, None, :], a_day, axis=1)
    weekday = np.repeat(np.eye(7)[number % 7][:, None, :], a_day, axis=1)
    return np.concatenate([wide, same, week, weekday, drivers[number], drivers[number - 1]], axis=2)


def _ridge(design: Array, target: Array, ahead: Array) -> Array:
    """Ridge of each step of the day on standardised regressors (days x steps x regressors)."""
    mean, spread = design.mean(axis=0), design.std(axis=0)
    usable = spread > TINY
    scale = np.where(usable, spread, 1.0)
    columns = np.where(usable, (design - mean) / scale, 0.0).transpose(1, 0, 2)
    level = target.mean(axis=0)
    gram = np.matmul(columns.transpose(0, 2, 1), columns) + RIDGE * np.eye(columns.shape[2])
    solved = np.linalg.solve(gram, np.matmul(columns.transpose(0, 2, 1), (target - level).T[:, :, None]))[:, :, 0]
    found: Array = level + (np.where(usable, (ahead - mean) / scale, 0.0) * solved).sum(axis=1)
    return found
