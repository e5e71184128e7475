"""Forecasts that add up over items, categories and stores, and over days and weeks.

Each level is forecast by its own (`chain`), then all are reconciled: bottom-up; top-down by the shares of recent sales (Gross and Sohl,
1990, F); least squares weighted by the number of series in a node (`wls_struct`) or by the errors of its back-test (`wls_var`); MinT with
shrunk covariance (`mint_shrink`; Wickramasuriya, Athanasopoulos and Hyndman, 2019), by hierarchicalforecast, sparse where it can be.
Nothing is forecast below 0 (Wickramasuriya, Turlach and Hyndman, 2020; above 500 series what falls below 0 is set to 0 and summed again).

Which method: each reconciles the forecasts of past steps, weighted by the errors of the other ones. It is `wls_struct`, unless the one with
the least RMSSE, each level counting the same, is better by 2 %: few past steps tell methods that are near no better than chance. With fewer
than two past steps it is `wls_struct`, which needs none. `mint_shrink` competes up to 1,500 nodes, for its matrix is dense. A method that
cannot be worked out on the data is left out, and told.

Days and weeks: sums of seven days are forecast too; days are moved so that each week is the mean of both sums, each day in proportion
(least squares with variances like the means; temporal hierarchies: Athanasopoulos et al., 2017), where that helped on past steps. As one
matrix reconciles every day, days of nodes add up to weeks and nodes alike.

Intervals are those of the reconciled forecasts: their own back-test errors, level by level (`intervals.spread`). Quantiles of sums are not
sums of quantiles and do not add up; means do.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from storeloom.workers.forecast import chain
from storeloom.workers.forecast.choice import choose, classes
from storeloom.workers.forecast.grid import Array, Grid, make
from storeloom.workers.forecast.hierarchy import Hierarchy, covered
from storeloom.workers.forecast.intervals import History, Spread, spread
from storeloom.workers.forecast.metrics import by_series, mean_of, rmsse, totals, variance
from storeloom.workers.forecast.panel import Panel, ahead
from storeloom.workers.pool import Pool, open_pool

METHODS = ("bottom_up", "top_down", "wls_struct", "wls_var", "mint_shrink")
BASE, USUAL, MARGIN = "base", "wls_struct", 0.02
RECENT = 91
DENSE_MOST, QP_MOST = 1500, 500
WEEK = 7
TINY = 1e-9

Past = list[tuple[Array, Array]]


@dataclass(frozen=True)
class Reconciled:
    """`frame`: level, unique_id, ds, mean, quantiles; `totals`: the same of the sums over the horizon; `method`, `weeks` (whether days and
    weeks were reconciled too); `scores`: level, method, weeks, rmsse over past steps (method
    `base`: not reconciled); `why`, `why_zh`."""

    frame: pl.DataFrame
    totals: pl.DataFrame
    method: str
    weeks: bool
    scores: pl.DataFrame
    why: str
    why_zh: str


@dataclass(frozen=True)
class Nodes:
    """All nodes, the levels one after another: names of levels, grids, past steps, forecasts and actuals there, means after the last."""

    names: tuple[str, ...]
    grids: tuple[Grid, ...]
    ats: list[int]
    past: Past
    means: Array


def forecast(
    panel: Panel,
    horizon: int,
    hierarchy: Hierarchy,
    *,
    methods: Sequence[str] = METHODS,
    candidates: Sequence[str] = chain.DEFAULT,
    origins: int | None = None,
    levels: Sequence[float] = (80, 95),
    seed: int = 0,
    pool: Pool | None = None,
) -> Reconciled:
    """Forecast all nodes of a hierarchy, coherent and not negative.

    `methods` of reconciling compete; `candidates`: the methods of forecasting. ValueError for unknown methods; PanelFault where panel and
    hierarchy name different series.
    """
    unknown = [name for name in methods if name not in METHODS]
    if unknown or not methods:
        raise ValueError(f"no method of reconciling {', '.join(map(repr, unknown))}; known: {', '.join(METHODS)}")
    shares = chain.shares_of(levels)
    covered(hierarchy, panel)
    with open_pool() as inline:
        nodes = _nodes(panel, horizon, hierarchy, candidates, origins, seed, pool or inline)
        weekly = None
        if panel.freq == "1d" and horizon % WEEK == 0 and len(nodes.ats) >= 2:
            weekly = _weekly(nodes, horizon, candidates, seed, pool or inline)
    variants = {False: nodes} if weekly is None else {False: nodes, True: _in_weeks(nodes, weekly)}
    tried = {weeks: _tried(one, hierarchy, methods) for weeks, one in variants.items()}
    weeks, method, left_out = _best(variants, tried, methods)
    chosen = variants[weeks]
    errors = np.hstack([actual - told for told, actual in chosen.past]) if chosen.past else None
    means = reconciled(hierarchy, chosen.means, method, errors, _shares(nodes.grids[-1], nodes.grids[-1].steps))
    past = [(told, actual) for told, (_, actual) in zip(tried[weeks][method], chosen.past, strict=True)]
    frame, sums = _told(nodes, horizon, means, past, shares, seed)
    return Reconciled(frame, sums, method, weeks, _scores(variants, tried), *_words(method, weeks, len(nodes.ats), left_out))


def reconciled(hierarchy: Hierarchy, base: Array, method: str, errors: Array | None = None, shares: Array | None = None) -> Array:
    """Forecasts of all nodes (nodes x steps) that add up and are not below 0.

    `errors`: those of past forecasts (nodes x any number; NaN: not known), for `wls_var` and `mint_shrink`; `shares` of the whole by bottom
    series, for `top_down`. ArithmeticError where a method cannot be worked out.
    """
    count = len(hierarchy.bottom)
    adds = hierarchy.matrix()
    if method == "bottom_up":
        bottom = base[-count:]
    elif method == "top_down":
        bottom = base[:1] * (np.full((count, 1), 1 / count) if shares is None else shares[:, None])
    else:
        bottom = _least_squares(adds, base, method, errors)[-count:]
    found: Array = adds @ np.maximum(bottom, 0.0)
    return found


def _least_squares(adds: Any, base: Array, method: str, errors: Array | None) -> Array:
    from hierarchicalforecast.methods import MinTrace, MinTraceSparse

    count = adds.shape[1]
    given = {} if errors is None else {"y_insample": _lively(errors), "y_hat_insample": np.zeros_like(errors)}
    exact = count <= QP_MOST
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if method == "mint_shrink":
                made = MinTrace(method, nonnegative=exact, mint_shr_ridge=1e-6)
                return np.asarray(made.fit_predict(S=adds.toarray(), y_hat=base, **given)["mean"])
            sparse = MinTraceSparse(method, nonnegative=exact, qp=exact)
            return np.asarray(sparse.fit_predict(S=adds, y_hat=base, **given)["mean"])
    except Exception as error:  # the library raises bare exceptions for matrices that it cannot invert
        raise ArithmeticError(f"{method}: {error}") from error


def _lively(errors: Array) -> Array:
    """Errors with a least spread: a node that never erred would be trusted without bound."""
    spread = np.nan_to_num(np.nanstd(np.where(np.isnan(errors).all(axis=1, keepdims=True), 0.0, errors), axis=1))
    least = max(1e-3 * float(np.median(spread[spread > 0])) if (spread > 0).any() else 1e-3, 2e-4)
    turns = np.where(np.arange(errors.shape[1]) % 2, least, -least)
    found: Array = np.where((spread < least)[:, None], turns[None, :], errors)
    return found


def _shares(bottom: Grid, at: int) -> Array:
    """Shares of recent sales by series; even ones where nothing sold."""
    recent = np.nan_to_num(by_series(bottom.values[:, max(0, at - RECENT) : at]))
    total = recent.sum()
    found: Array = recent / total if total > 0 else np.full(len(recent), 1 / len(recent))
    return found


def _nodes(
    panel: Panel, horizon: int, hierarchy: Hierarchy, candidates: Sequence[str], origins: int | None, seed: int, pool: Pool
) -> Nodes:
    bottom = make(panel, horizon)
    grids = tuple(hierarchy.grid(level, bottom) for level in hierarchy.levels)
    ats = chain.past_steps(bottom, horizon, chain.usual_origins(panel.freq, horizon) if origins is None else origins)
    names = tuple(level.name for level in hierarchy.levels)
    return _worked(names, grids, horizon, ats, candidates, seed, pool)


def _worked(
    names: tuple[str, ...], grids: tuple[Grid, ...], horizon: int, ats: list[int], candidates: Sequence[str], seed: int, pool: Pool
) -> Nodes:
    """Each level by the chain: forecasts at past steps by what the others would have chosen, means after the last step."""
    past: list[list[tuple[Array, Array]]] = []
    means = []
    for grid in grids:
        told = chain.tell(grid, horizon, candidates, ats, seed, pool)
        kinds = classes(grid.values)
        choice = choose(grid, told, ats, kinds) if ats else chain.unjudged(grid, candidates)
        past.append(chain.rehearsed(grid, horizon, told, ats, choice, kinds))
        now = chain.tell(grid, horizon, list(choice.needed()), [grid.steps], seed, pool)
        zero = np.zeros((len(grid.ids), horizon))
        means.append(chain.refuge(grid, horizon, choice.combined({"zero": zero, **{name: one[0] for name, one in now.items()}}), seed))
    stacked = [(np.nan_to_num(np.vstack([p[n][0] for p in past])), np.vstack([p[n][1] for p in past])) for n in range(len(ats))]
    return Nodes(names, grids, ats, stacked, np.vstack(means))


def _weekly(nodes: Nodes, horizon: int, candidates: Sequence[str], seed: int, pool: Pool) -> Nodes:
    """The same nodes by weeks, as blocks of seven days back from the last one."""
    grids = tuple(replace(grid, values=_blocks(grid.values), start=_first(grid), freq="1w", season=1) for grid in nodes.grids)
    drop = nodes.grids[0].steps % WEEK
    ats = [(at - drop) // WEEK for at in nodes.ats]
    return _worked(nodes.names, grids, horizon // WEEK, ats, candidates, seed, pool)


def _first(grid: Grid) -> NDArray[np.int64]:
    found: NDArray[np.int64] = np.maximum(grid.start - grid.steps % WEEK, 0) // WEEK
    return found


def _blocks(values: Array) -> Array:
    """Sums of seven days back from the last; of days not known the mean of the block's others, unknown where these are fewer than four."""
    days = values[:, values.shape[1] % WEEK :].reshape(len(values), -1, WEEK)
    known = (~np.isnan(days)).sum(axis=2)
    found: Array = np.where(known >= 4, np.nansum(days, axis=2) * WEEK / np.maximum(known, 1), np.nan)
    return found


def _in_weeks(nodes: Nodes, weekly: Nodes) -> Nodes:
    """Days moved halfway to what the weeks say."""
    past = [(halfway(told, week), actual) for (told, actual), (week, _) in zip(nodes.past, weekly.past, strict=True)]
    return replace(nodes, past=past, means=halfway(nodes.means, weekly.means))


def halfway(days: Array, weeks: Array) -> Array:
    """Days (nodes x days) whose weeks are the mean of their sum and of `weeks`, each day in proportion; even where all are 0."""
    parts = days.reshape(len(days), -1, WEEK)
    sums = parts.sum(axis=2, keepdims=True)
    wanted = (sums + np.nan_to_num(weeks)[:, :, None]) / 2
    moved = np.where(sums > TINY, parts * wanted / np.maximum(sums, TINY), wanted / WEEK)
    found: Array = moved.reshape(days.shape)
    return found


def _tried(nodes: Nodes, hierarchy: Hierarchy, methods: Sequence[str]) -> dict[str, list[Array]]:
    """Past forecasts reconciled by each method, with the errors of the other past steps; without a method that cannot be worked out."""
    found: dict[str, list[Array]] = {}
    for method in methods:
        if (method == "mint_shrink" and hierarchy.nodes > DENSE_MOST) or (len(nodes.past) < 2 and method in ("wls_var", "mint_shrink")):
            continue
        try:
            found[method] = [_left_out(nodes, hierarchy, method, number) for number in range(len(nodes.past))]
        except ArithmeticError:
            continue
    return found


def _left_out(nodes: Nodes, hierarchy: Hierarchy, method: str, number: int) -> Array:
    others = [actual - told for place, (told, actual) in enumerate(nodes.past) if place != number]
    errors = np.hstack(others) if others else None
    return reconciled(hierarchy, nodes.past[number][0], method, errors, _shares(nodes.grids[-1], nodes.ats[number]))


def _by_level(nodes: Nodes, told: Sequence[Array]) -> list[float]:
    """RMSSE of each level over past steps."""
    edges = np.cumsum([0, *(len(grid.ids) for grid in nodes.grids)])
    found = []
    for grid, first, last in zip(nodes.grids, edges, edges[1:], strict=False):
        each = [
            rmsse(actual[first:last], one[first:last], grid.values[:, :at])
            for one, (_, actual), at in zip(told, nodes.past, nodes.ats, strict=True)
        ]
        found.append(mean_of(np.stack(each)))
    return found


def _best(variants: dict[bool, Nodes], tried: dict[bool, dict[str, list[Array]]], methods: Sequence[str]) -> tuple[bool, str, list[str]]:
    """Whether days and weeks are reconciled, the method, and those that were left out."""
    plain = variants[False]
    left_out = [name for name in methods if name not in tried[False]]
    if len(plain.past) < 2:
        return False, next(name for name in (USUAL, *methods) if name in methods), left_out
    base = _by_level(plain, [told for told, _ in plain.past])
    scores = {
        (weeks, method): mean_of(np.array(_by_level(variants[weeks], told)) / np.maximum(base, TINY))
        for weeks, by_method in tried.items()
        for method, told in by_method.items()
    }
    known = {one: score for one, score in scores.items() if score == score}
    usual = min((one for one in known if one[1] == USUAL), key=known.__getitem__, default=None)
    weeks, method = min(known, key=known.__getitem__, default=(False, next(iter(tried[False]))))
    if usual is not None and known[weeks, method] > (1 - MARGIN) * known[usual]:
        weeks, method = usual
    return weeks, method, left_out


def _scores(variants: dict[bool, Nodes], tried: dict[bool, dict[str, list[Array]]]) -> pl.DataFrame:
    """RMSSE by level and method over past steps, forecasts as they were first."""
    plain = variants[False]
    rows = []
    for weeks, by_method in tried.items():
        parts = {BASE: [told for told, _ in plain.past], **by_method} if not weeks else by_method
        for method, told in parts.items() if plain.past else ():
            found = _by_level(variants[weeks], told)
            rows += [(level, method, weeks, value) for level, value in zip(plain.names, found, strict=True)]
    kinds = {"level": pl.String, "method": pl.String, "weeks": pl.Boolean, "rmsse": pl.Float64}
    return pl.DataFrame(rows, schema=kinds, orient="row")


def _told(nodes: Nodes, horizon: int, means: Array, past: Past, shares: Sequence[float], seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Frames of steps and of sums, with intervals level by level from the errors of the reconciled forecasts."""
    edges = np.cumsum([0, *(len(grid.ids) for grid in nodes.grids)])
    frames, sums = [], []
    for name, grid, first, last in zip(nodes.names, nodes.grids, edges, edges[1:], strict=False):
        kinds = classes(grid.values)
        whole = np.nan_to_num(grid.values)
        counts = (kinds >= 2) & (whole == np.round(whole)).all(axis=1)
        history = History(kinds, counts, np.nan_to_num(by_series(grid.values)), variance(grid.values))
        own = [(told[first:last], actual[first:last]) for told, actual in past]
        steps = spread(own, means[first:last], history, chain.OWN_ERRORS, seed)
        of_sums = History(kinds, counts, history.mean * horizon, history.variance * horizon)
        summed = [(totals(told, actual), totals(actual, actual)) for told, actual in own]
        total = spread(summed, means[first:last].sum(axis=1, keepdims=True), of_sums, chain.OWN_SUMS, seed)
        axis = pl.DataFrame({"ds": pl.Series(ahead(grid.last, grid.freq, horizon))})
        keys = pl.DataFrame({"unique_id": grid.ids}).join(axis, how="cross", maintain_order="left_right")
        frames.append(_columns(keys, steps, shares).select(pl.lit(name).alias("level"), pl.all()))
        sums.append(_columns(pl.DataFrame({"unique_id": grid.ids}), total, shares).select(pl.lit(name).alias("level"), pl.all()))
    return pl.concat(frames), pl.concat(sums)


def _columns(keys: pl.DataFrame, found: Spread, shares: Sequence[float]) -> pl.DataFrame:
    drawn = found.quantiles(shares)
    named = {chain.column(share): pl.Series(drawn[place].ravel()) for place, share in enumerate(shares)}
    return keys.with_columns(mean=pl.Series(found.mean.ravel()), **named)


def _words(method: str, weeks: bool, origins: int, left_out: Sequence[str]) -> tuple[str, str]:
    if origins < 2:
        return f"{method}: too short a history to compare methods", f"{method}：历史太短，无法比较各方法"
    also, also_zh = ("; days and weeks reconciled too", "；日与周也已协调") if weeks else ("", "")
    out = f"; not tried: {', '.join(left_out)}" if left_out else ""
    out_zh = f"；未参与：{'、'.join(left_out)}" if left_out else ""
    if method == USUAL:
        why, why_zh = f"no method clearly better in {origins} back-tests", f"{origins} 次回测中没有明显更优的方法"
    else:
        why, why_zh = f"least error over all levels in {origins} back-tests", f"{origins} 次回测中各层总体误差最小"
    return f"{method}: {why}{also}{out}", f"{method}：{why_zh}{also_zh}{out_zh}"
