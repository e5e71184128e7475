"""Forecasts of a panel by the methods that did best on it, with intervals.

Each method forecasts from past steps (rolling origins) whose outcome is known; `choice` picks by class and series, `intervals` learns from
how far off the picked ones were. The default methods take seconds for 1,000 daily series on a core. Work is cut by method, origin and
chunks of series of a fixed size, so that any pool gives the same results.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from storeloom.workers.forecast import explain, intervals
from storeloom.workers.forecast.choice import CLASSES, Choice, choose, classes
from storeloom.workers.forecast.drivers import Drivers
from storeloom.workers.forecast.grid import Array, Grid, make
from storeloom.workers.forecast.intervals import History, Spread
from storeloom.workers.forecast.metrics import by_series, totals, variance
from storeloom.workers.forecast.models import DRIVEN, named
from storeloom.workers.forecast.models import methods as known_methods
from storeloom.workers.forecast.panel import Panel, PanelFault, ahead, calendar_faults
from storeloom.workers.pool import Pool, open_pool

DEFAULT = (
    "naive",
    "seasonal_naive",
    "window_average",
    "seasonal_window_average",
    "rates",
    "croston",
    "sba",
    "tsb",
    "adida",
    "imapa",
    "lightgbm",
)
REFUGE = ("rates", "window_average", "naive", "zero")
CHUNK = 64
LEAST_STEPS = 8
OWN_ERRORS, OWN_SUMS = 30.0, 6.0
WITH_DRIVERS = ("smooth", "driven_rates", "driven_average", "day_ahead")


@dataclass(frozen=True)
class Forecasts:
    """`frame`: unique_id, ds, mean, quantiles (q10 is the 10 % quantile), method, why. `totals`: the same of each series' sum over the
    horizon, where quantiles do not add up. `chosen`: unique_id, pattern, method, loss and naive_loss in the back-test, why, why_zh.
    `explained`: what each driver does to each step, see `explain.effects`; None without typed drivers."""

    frame: pl.DataFrame
    totals: pl.DataFrame
    chosen: pl.DataFrame
    explained: pl.DataFrame | None = None


class Task(NamedTuple):
    """One method from one past step for some series (None: all)."""

    method: str
    at: int
    rows: tuple[int, ...] | None
    horizon: int
    seed: int


@dataclass(frozen=True)
class Settled:
    """What is forecast from one step: the choice, and the distributions of steps and of sums."""

    kinds: NDArray[np.int64]
    choice: Choice
    steps: Spread
    sums: Spread


def forecast(
    panel: Panel,
    horizon: int,
    *,
    drivers: pl.DataFrame | Drivers | None = None,
    closed: pl.DataFrame | None = None,
    methods: Sequence[str] | None = None,
    origins: int | None = None,
    levels: Sequence[float] = (80, 95),
    season: int | None = None,
    seed: int = 0,
    pool: Pool | None = None,
) -> Forecasts:
    """Forecast `horizon` steps after a panel.

    `drivers`: what moves demand besides its season, known over history and horizon: those of `drivers.build`, by which methods that learn
    from days cleaned of drivers compete too and each forecast is explained; or bare columns (`ds`, numeric columns, `unique_id` where
    they differ by series). `closed`: steps ahead without trade (`ds`, and `unique_id` where they differ): nothing is forecast there.
    `methods` compete (default: `candidates`); with one of them nothing is chosen. `origins`: past steps to judge by (default:
    `usual_origins`). `levels`: central intervals, in %. `season`: steps, if not that of the frequency.
    ValueError for unknown methods, a horizon or season below 1; PanelFault for drivers with gaps, closed days that are none.
    """
    methods = candidates(drivers) if methods is None else methods
    named(methods)
    shares = shares_of(levels)
    if horizon < 1:
        raise ValueError(f"the horizon is {horizon} steps; at least 1")
    if season is not None and season < 1:
        raise ValueError(f"the season is {season} steps; at least 1")
    if faults := calendar_faults(closed):
        raise PanelFault(faults)
    grid = make(panel, horizon, drivers, season)
    ats = past_steps(grid, horizon, usual_origins(panel.freq, horizon) if origins is None else origins)
    with open_pool() as inline:
        told = tell(grid, horizon, methods, ats, seed, pool or inline)
        kinds = classes(grid.values)
        choice = choose(grid, told, ats, kinds) if ats else unjudged(grid, methods)
        parts = _finally(grid, horizon, choice, choice.needed(), seed, pool or inline)
        final = refuge(grid, horizon, choice.combined(parts), seed)
        moved = _moved(grid, horizon, choice, parts, seed, pool or inline) if grid.groups else None
    trading = _open(grid, horizon, closed)
    settled = settle(grid, horizon, told, ats, choice, kinds, final, seed, trading)
    return replace(_framed(grid, horizon, settled, shares, trading), explained=moved)


def candidates(drivers: pl.DataFrame | Drivers | None) -> tuple[str, ...]:
    """The methods that compete by default, with such drivers."""
    if drivers is None:
        return DEFAULT
    return (*DEFAULT, *(("smooth",) if isinstance(drivers, pl.DataFrame) else WITH_DRIVERS))


def means(
    panel: Panel,
    horizon: int,
    methods: Sequence[str],
    *,
    drivers: pl.DataFrame | Drivers | None = None,
    season: int | None = None,
    seed: int = 0,
    pool: Pool | None = None,
) -> pl.DataFrame:
    """Means of each method and nothing else: unique_id, ds, a column a method; null where a series is too short for it."""
    named(methods)
    grid = make(panel, horizon, drivers, season)
    with open_pool() as inline:
        told = tell(grid, horizon, methods, [grid.steps], seed, pool or inline)
    base = pl.DataFrame({"unique_id": grid.ids}).join(pl.DataFrame({"ds": _axis(grid, horizon)}), how="cross", maintain_order="left_right")
    return base.with_columns(**{name: pl.Series(arrays[0].ravel(), nan_to_null=True) for name, arrays in told.items()})


def _axis(grid: Grid, horizon: int) -> pl.Series:
    return pl.Series(ahead(grid.last, grid.freq, horizon))


def shares_of(levels: Sequence[float]) -> tuple[float, ...]:
    """Quantiles of central intervals and the median, in order."""
    wrong = [level for level in levels if not 0 < level < 100]
    if wrong:
        raise ValueError(f"levels are per cent between 0 and 100, not {', '.join(map(str, wrong))}")
    ends = {round(0.5 + sign * level / 200, 6) for level in levels for sign in (-1, 1)}
    return tuple(sorted(ends | {0.5}))


def column(share: float) -> str:
    """Name of a quantile's column: q10, q97.5."""
    return f"q{100 * share:g}"


def usual_origins(freq: str, horizon: int) -> int:
    """Past steps to judge by: 21 of hours (three weeks of days), else as many as eight weeks of days hold, 4 to 8."""
    return 21 if freq in ("1h", "15m") else max(4, min(8, 56 // horizon))


def past_steps(grid: Grid, horizon: int, origins: int) -> list[int]:
    """Steps, a horizon apart, from which past forecasts start; oldest first. Those with too little before them are left out."""
    least = max(LEAST_STEPS, 2 * grid.season if grid.season > 1 else 0)
    return [at for at in (grid.steps - number * horizon for number in range(origins, 0, -1)) if at >= least]


def tell(grid: Grid, horizon: int, names: Sequence[str], ats: Sequence[int], seed: int, pool: Pool) -> dict[str, list[Array]]:
    """Forecasts of each method from each past step (series x horizon); NaN for series that had not begun."""
    everyone = np.arange(len(grid.ids))
    tasks = [task for name in names for at in ats for task in _tasks(name, at, everyone, horizon, seed)]
    found = {name: [np.full((len(grid.ids), horizon), np.nan) for _ in ats] for name in names}
    for task, part in zip(tasks, _run(grid, tasks, pool), strict=True):
        rows = everyone if task.rows is None else np.array(task.rows)
        found[task.method][list(ats).index(task.at)][rows] = part
    for number, at in enumerate(ats):
        unborn = np.isnan(grid.values[:, :at]).all(axis=1)
        for arrays in found.values():
            arrays[number][unborn] = np.nan
    return found


def _tasks(name: str, at: int, rows: NDArray[np.int64], horizon: int, seed: int) -> list[Task]:
    if known_methods()[name].kind == "all":
        return [Task(name, at, None, horizon, seed)]
    return [Task(name, at, tuple(rows[first : first + CHUNK].tolist()), horizon, seed) for first in range(0, len(rows), CHUNK)]


def _run(grid: Grid, tasks: Sequence[Task], pool: Pool) -> list[Array]:
    return pool.map(_work, tasks, pool.share(grid), chunk=1)


def _work(task: Task, grid: Grid) -> Array:
    """Runs in a worker."""
    part = grid.until(task.at)
    if task.rows is not None:
        part = part.only(np.array(task.rows, dtype=int))
    return known_methods()[task.method].run(part, task.horizon, task.seed)


def unjudged(grid: Grid, names: Sequence[str]) -> Choice:
    """Without a back-test: rates, or the first method given; nothing for what never sold."""
    first = "rates" if "rates" in names else names[0]
    silent = np.nansum(grid.values, axis=1) <= 0
    none = np.zeros(len(grid.ids), dtype=int)
    return Choice(((first,), ("zero",)), silent.astype(int), np.full((len(CLASSES), 2), np.nan), none)


def _finally(grid: Grid, horizon: int, choice: Choice, names: Iterable[str], seed: int, pool: Pool) -> dict[str, Array]:
    """Means of methods in use after the last step."""
    needed = choice.needed()
    tasks = [task for name in names for task in _tasks(name, grid.steps, needed[name], horizon, seed)]
    found: dict[str, Array] = {name: np.full((len(grid.ids), horizon), np.nan) for name in names}
    for task, part in zip(tasks, _run(grid, tasks, pool), strict=True):
        rows = np.arange(len(grid.ids)) if task.rows is None else np.array(task.rows)
        found[task.method][rows] = part
    return found


def _moved(grid: Grid, horizon: int, choice: Choice, parts: Mapping[str, Array], seed: int, pool: Pool) -> pl.DataFrame:
    """What the drivers do to the means; only methods that know drivers are run again."""

    def told(other: Grid) -> Array:
        again = _finally(other, horizon, choice, [name for name in parts if name in DRIVEN], seed, pool)
        return refuge(other, horizon, choice.combined({**parts, **again}), seed)

    means = refuge(grid, horizon, choice.combined(parts), seed)
    return explain.effects(grid, means, _axis(grid, horizon), told)


def refuge(grid: Grid, horizon: int, means: Array, seed: int) -> Array:
    """Means with those of series that a method could not forecast replaced by the first of `REFUGE` that can."""
    for name in REFUGE:
        if not np.isnan(means).any():
            break
        means = np.where(np.isnan(means), known_methods()[name].run(grid, horizon, seed), means)
    return np.maximum(means, 0.0)


def settle(
    grid: Grid,
    horizon: int,
    told: Mapping[str, Sequence[Array]],
    ats: Sequence[int],
    choice: Choice,
    kinds: NDArray[np.int64],
    means: Array,
    seed: int,
    trading: Array | float = 1.0,
) -> Settled:
    """Distributions about the means of a choice, from its errors at past steps; sums are those of the steps with trade."""
    past = rehearsed(grid, horizon, told, ats, choice, kinds)
    whole = np.nan_to_num(grid.values)
    counts = (kinds >= 2) & (whole == np.round(whole)).all(axis=1)
    history = History(kinds, counts, np.nan_to_num(by_series(grid.values)), variance(grid.values))
    steps = intervals.spread(past, means, history, OWN_ERRORS, seed)
    of_sums = History(kinds, counts, history.mean * horizon, history.variance * horizon)
    sums = [(totals(one, actual), totals(actual, actual)) for one, actual in past]
    summed = intervals.spread(sums, (means * trading).sum(axis=1, keepdims=True), of_sums, OWN_SUMS, seed)
    return Settled(kinds, choice, steps, summed)


def rehearsed(
    grid: Grid, horizon: int, told: Mapping[str, Sequence[Array]], ats: Sequence[int], choice: Choice, kinds: NDArray[np.int64]
) -> list[tuple[Array, Array]]:
    """Forecasts and actuals at past steps, each by what would have been chosen from the others.

    The least of many errors is low by chance too; errors of the choice at the steps that it was made on would be told too small.
    """
    zero = np.zeros((len(grid.ids), horizon))
    past = []
    for number, at in enumerate(ats):
        rest = [place for place in range(len(ats)) if place != number]
        if rest and len(told) > 1:
            learnt = {name: [arrays[place] for place in rest] for name, arrays in told.items()}
            choice = choose(grid, learnt, [ats[place] for place in rest], kinds)
        combined = choice.combined({"zero": zero, **{name: arrays[number] for name, arrays in told.items()}})
        past.append((combined, grid.values[:, at : at + horizon]))
    return past


def _open(grid: Grid, horizon: int, closed: pl.DataFrame | None) -> Array:
    """1 for each step ahead with trade, 0 for one without (series x horizon)."""
    if closed is None:
        return np.ones((len(grid.ids), horizon))
    axis = _axis(grid, horizon)
    whole = pl.DataFrame({"unique_id": grid.ids}).join(pl.DataFrame({"ds": axis}), how="cross", maintain_order="left_right")
    keys = [name for name in ("unique_id", "ds") if name in closed.columns]
    shut = closed.select(pl.col(keys)).with_columns(pl.col("ds").cast(axis.dtype)).unique().with_columns(trade=pl.lit(0.0))
    joined = whole.join(shut, on=keys, how="left", maintain_order="left")
    return joined["trade"].fill_null(1.0).to_numpy().reshape(len(grid.ids), horizon)


def _framed(grid: Grid, horizon: int, settled: Settled, shares: Sequence[float], trading: Array) -> Forecasts:
    chosen = explain.chosen(grid, settled.kinds, settled.choice)
    drawn, summed = settled.steps.quantiles(shares) * trading, settled.sums.quantiles(shares)
    data: dict[str, Any] = {"mean": (settled.steps.mean * trading).ravel()}
    data |= {column(share): drawn[place].ravel() for place, share in enumerate(shares)}
    base = pl.DataFrame({"unique_id": grid.ids}).join(pl.DataFrame({"ds": _axis(grid, horizon)}), how="cross", maintain_order="left_right")
    words = chosen.select("unique_id", "method", "why")
    frame = base.with_columns(**{name: pl.Series(values) for name, values in data.items()}).join(
        words, on="unique_id", maintain_order="left"
    )
    of_sums: dict[str, Any] = {"unique_id": grid.ids, "mean": settled.sums.mean.ravel()}
    of_sums |= {column(share): summed[place].ravel() for place, share in enumerate(shares)}
    return Forecasts(frame, pl.DataFrame(of_sums), chosen)
