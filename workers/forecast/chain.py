"""Forecasts of a panel by the methods that did best on it, with intervals.

Each method forecasts from past steps (rolling origins) whose outcome is known; `choice` picks by class and series, `intervals` learns from
how far off the picked ones were. The default methods take seconds for 1,000 daily series on a core. Work is cut by method, origin and
chunks of series of a fixed size, so that any pool gives the same results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from storeloom.workers.forecast import intervals
from storeloom.workers.forecast.choice import CLASSES, Choice, choose, classes
from storeloom.workers.forecast.grid import Array, Grid, make
from storeloom.workers.forecast.intervals import History, Spread
from storeloom.workers.forecast.metrics import by_series, totals, variance
from storeloom.workers.forecast.models import methods as known_methods
from storeloom.workers.forecast.models import named
from storeloom.workers.forecast.panel import Panel, ahead
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
ZH = {"smooth": "平稳", "erratic": "波动", "intermittent": "间断", "lumpy": "团块"}


@dataclass(frozen=True)
class Forecasts:
    """`frame`: unique_id, ds, mean, quantiles (q10 is the 10 % quantile), method, why. `totals`: the same of each series' sum over the
    horizon, where quantiles do not add up. `chosen`: unique_id, pattern, method, loss and naive_loss in the back-test, why, why_zh."""

    frame: pl.DataFrame
    totals: pl.DataFrame
    chosen: pl.DataFrame


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
    drivers: pl.DataFrame | None = None,
    closed: pl.DataFrame | None = None,
    methods: Sequence[str] | None = None,
    origins: int | None = None,
    levels: Sequence[float] = (80, 95),
    season: int | None = None,
    seed: int = 0,
    pool: Pool | None = None,
) -> Forecasts:
    """Forecast `horizon` steps after a panel.

    `drivers`: what moves demand besides its season (`ds`, numeric columns, `unique_id` where they differ by series), known over history
    and horizon. `closed`: steps ahead without trade (`ds`, and `unique_id` where they differ): nothing is forecast there.
    `methods` compete (by default `DEFAULT`, with drivers `smooth` too); with one of them nothing is chosen. `origins`: past steps to judge
    by (default: `usual_origins`). `levels`: central intervals, in %. `season`: steps, if not that of the frequency.
    ValueError for unknown methods or a horizon below 1; PanelFault for drivers with gaps.
    """
    methods = (*DEFAULT, *(("smooth",) if drivers is not None else ())) if methods is None else methods
    named(methods)
    shares = shares_of(levels)
    if horizon < 1:
        raise ValueError(f"the horizon is {horizon} steps; at least 1")
    grid = make(panel, horizon, drivers, season)
    ats = past_steps(grid, horizon, usual_origins(panel.freq, horizon) if origins is None else origins)
    with open_pool() as inline:
        told = tell(grid, horizon, methods, ats, seed, pool or inline)
        kinds = classes(grid.values)
        choice = choose(grid, told, ats, kinds) if ats else _unjudged(grid, methods)
        final = _final(grid, horizon, choice, seed, pool or inline)
    trading = _open(grid, horizon, closed)
    settled = settle(grid, horizon, told, ats, choice, kinds, final, seed, trading)
    return _framed(grid, horizon, settled, shares, trading)


def means(
    panel: Panel,
    horizon: int,
    methods: Sequence[str],
    *,
    drivers: pl.DataFrame | None = None,
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


def _unjudged(grid: Grid, names: Sequence[str]) -> Choice:
    """Without a back-test: rates, or the first method given; nothing for what never sold."""
    first = "rates" if "rates" in names else names[0]
    silent = np.nansum(grid.values, axis=1) <= 0
    none = np.zeros(len(grid.ids), dtype=int)
    return Choice(((first,), ("zero",)), silent.astype(int), np.full((len(CLASSES), 2), np.nan), none)


def _final(grid: Grid, horizon: int, choice: Choice, seed: int, pool: Pool) -> Array:
    """Means after the last step; a series too short for its methods takes the first of `REFUGE` that knows it."""
    tasks = [task for name, rows in choice.needed().items() for task in _tasks(name, grid.steps, rows, horizon, seed)]
    found: dict[str, Array] = {name: np.full((len(grid.ids), horizon), np.nan) for name in choice.needed()}
    for task, part in zip(tasks, _run(grid, tasks, pool), strict=True):
        rows = np.arange(len(grid.ids)) if task.rows is None else np.array(task.rows)
        found[task.method][rows] = part
    return refuge(grid, horizon, choice.combined(found), seed)


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
    zero = np.zeros((len(grid.ids), horizon))
    past = []
    for number, at in enumerate(ats):
        combined = choice.combined({"zero": zero, **{name: arrays[number] for name, arrays in told.items()}})
        past.append((combined, grid.values[:, at : at + horizon]))
    whole = np.nan_to_num(grid.values)
    counts = (kinds >= 2) & (whole == np.round(whole)).all(axis=1)
    history = History(kinds, counts, np.nan_to_num(by_series(grid.values)), variance(grid.values))
    steps = intervals.spread(past, means, history, OWN_ERRORS, seed)
    of_sums = History(kinds, counts, history.mean * horizon, history.variance * horizon)
    sums = [(totals(one, actual), totals(actual, actual)) for one, actual in past]
    summed = intervals.spread(sums, (means * trading).sum(axis=1, keepdims=True), of_sums, OWN_SUMS, seed)
    return Settled(kinds, choice, steps, summed)


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
    chosen = explained(grid, settled)
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


def explained(grid: Grid, settled: Settled) -> pl.DataFrame:
    """What was chosen for each series and why, in words."""
    choice = settled.choice
    singles = {one: number for number, one in enumerate(choice.sets)}
    naive = singles.get(("seasonal_naive",), singles.get(("naive",)))
    rows = []
    for row, name in enumerate(grid.ids):
        kind, pick = int(settled.kinds[row]), int(choice.picks[row])
        loss = float(choice.losses[kind, pick])
        against = float("nan") if naive is None else float(choice.losses[kind, naive])
        method = "+".join(choice.sets[pick])
        why, why_zh = _words(CLASSES[kind], method, loss, against, int(choice.origins[row]))
        rows.append((name, CLASSES[kind], method, _known(loss), _known(against), why, why_zh))
    return pl.DataFrame(
        rows,
        schema={
            "unique_id": pl.String,
            "pattern": pl.String,
            "method": pl.String,
            "loss": pl.Float64,
            "naive_loss": pl.Float64,
            "why": pl.String,
            "why_zh": pl.String,
        },
        orient="row",
    )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def _words(pattern: str, method: str, loss: float, naive: float, origins: int) -> tuple[str, str]:
    if method == "zero":
        return "it has never sold", "从未有销量"
    if np.isnan(loss):
        return f"{pattern} demand; too short a history to compare methods", f"{ZH[pattern]}需求；历史太短，无法比较各方法"
    ratio = f", error {loss / naive:.2f} of the seasonal naive's" if naive > 0 else ""
    ratio_zh = f"，误差为季节朴素法的 {loss / naive:.2f}" if naive > 0 else ""
    return (
        f"{pattern} demand; best of its class in {origins} back-tests{ratio}",
        f"{ZH[pattern]}需求；{origins} 次回测中同类最优{ratio_zh}",
    )
