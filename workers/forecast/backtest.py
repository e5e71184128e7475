"""Rolling-origin back-tests: methods, and the automatic choice among them, judged where nothing of the outcome was known.

From each origin every method forecasts the horizon with what was known then; the automatic choice and all intervals learn from earlier
origins only (Tashman, "Out-of-sample tests of forecasting accuracy", 2000).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from storeloom.workers.forecast import metrics
from storeloom.workers.forecast.chain import DEFAULT, Settled, past_steps, refuge, settle, shares_of, tell, usual_origins
from storeloom.workers.forecast.choice import CLASSES, Choice, choose, classes
from storeloom.workers.forecast.drivers import Drivers
from storeloom.workers.forecast.grid import Array, Grid, make
from storeloom.workers.forecast.models import named
from storeloom.workers.forecast.panel import Panel, shifted
from storeloom.workers.pool import Pool, open_pool

AUTO = "auto"
LEVEL = 80.0


@dataclass(frozen=True)
class Scores:
    """`frame`: one row a method and origin.

    `rmsse`, `mase`: mean over series; `wape`, `bias`: over all series and steps; `total_wape`: of each series' sum over the horizon,
    `median_wape`: the same with the median of the sum as forecast; `pinball`: mean loss of the quantiles by mean demand; `covered`: share
    inside the interval, ends included; `fair`: the same with the ends of counts shared out by chance (see `intervals.Spread.inside`);
    `total_fair`: that of the sums. NaN where a figure cannot be told.
    """

    frame: pl.DataFrame

    @property
    def table(self) -> pl.DataFrame:
        """Means over the origins, in the order of the methods."""
        return self.frame.drop("origin").group_by("method", maintain_order=True).mean()

    def of(self, method: str, figure: str) -> float:
        """A method's figure, mean over the origins."""
        return float(self.table.filter(pl.col("method") == method)[figure][0])


def backtest(
    panel: Panel,
    horizon: int,
    origins: int = 3,
    methods: Sequence[str] = (AUTO, "naive", "seasonal_naive", "window_average", "zero"),
    *,
    candidates: Sequence[str] = DEFAULT,
    means_only: Sequence[str] = (),
    calibration: int | None = None,
    drivers: pl.DataFrame | Drivers | None = None,
    season: int | None = None,
    seed: int = 0,
    pool: Pool | None = None,
) -> Scores:
    """Judge methods at the last `origins` origins, a horizon apart.

    `auto` is the choice among `candidates`. `calibration`: how many origins before each one the choice and the intervals learn from
    (default: as `chain.forecast`); methods in `means_only`, for slow ones, get no intervals. ValueError for unknown methods, or where the
    history holds no origin.
    """
    grid = make(panel, 0, drivers, season)
    before = usual_origins(panel.freq, horizon) if calibration is None else calibration
    ats = past_steps(grid, horizon, origins + before)
    if not ats:
        raise ValueError(f"{grid.steps} steps hold no origin with {horizon} steps after it and enough before it")
    judged = ats[-origins:]
    plain = [name for name in methods if name != AUTO]
    named([*plain, *candidates])
    pool_names = list(dict.fromkeys([*(candidates if AUTO in methods else ()), *(name for name in plain if name not in means_only)]))
    with open_pool() as inline:
        told = tell(grid, horizon, pool_names, ats, seed, pool or inline)
        late = tell(grid, horizon, [name for name in plain if name in means_only], judged, seed, pool or inline)
    rows = []
    for at in judged:
        known = grid.until(at)
        earlier = [number for number, one in enumerate(ats) if one < at][-before:] if before else []
        actual = grid.values[:, at : at + horizon]
        for name in methods:
            if name in means_only:
                means = refuge(known, horizon, late[name][judged.index(at)], seed)
                settled = None
            else:
                settled = _settled(known, horizon, name, told, ats, ats.index(at), earlier, candidates, seed)
                means = settled.steps.mean
            origin = str(shifted(grid.last, grid.freq, at - grid.steps))
            rows.append({"method": name, "origin": origin, **_figures(known, actual, means, settled, seed)})
    return Scores(pl.DataFrame(rows))


def _settled(
    grid: Grid,
    horizon: int,
    name: str,
    told: dict[str, list[Array]],
    ats: list[int],
    now: int,
    earlier: list[int],
    candidates: Sequence[str],
    seed: int,
) -> Settled:
    kinds = classes(grid.values)
    past = [ats[number] for number in earlier]
    names = candidates if name == AUTO else (name,)
    learnt = {one: [told[one][number] for number in earlier] for one in names}
    if name == AUTO and past:
        choice = choose(grid, learnt, past, kinds)
    else:
        none = np.zeros(len(grid.ids), dtype=int)
        choice = Choice((("rates" if name == AUTO else name,),), none, np.full((len(CLASSES), 1), np.nan), none)
    zero = np.zeros((len(grid.ids), horizon))
    means = refuge(grid, horizon, choice.combined({"zero": zero, **{one: told[one][now] for one in names}}), seed)
    return settle(grid, horizon, learnt, past, choice, kinds, means, seed)


def _figures(grid: Grid, actual: Array, means: Array, settled: Settled | None, seed: int) -> dict[str, float]:
    total, told_total = metrics.totals(actual, actual), metrics.totals(means, actual)
    found = {
        "rmsse": metrics.mean_of(metrics.rmsse(actual, means, grid.values)),
        "mase": metrics.mean_of(metrics.mase(actual, means, grid.values, grid.season)),
        "mae": metrics.mean_of(np.abs(actual - means)),
        "wape": metrics.wape(actual, means),
        "bias": metrics.bias(actual, means),
        "total_wape": metrics.wape(total, told_total),
    }
    if settled is None:
        return found | dict.fromkeys(("median_wape", "pinball", "covered", "fair", "total_fair"), float("nan"))
    shares = shares_of((LEVEL, 50))
    quantiles = settled.steps.quantiles(shares)
    demand = max(metrics.mean_of(actual), 1e-9)
    losses = [metrics.mean_of(metrics.pinball(actual, one, share)) for share, one in zip(shares, quantiles, strict=True)]
    low, high = shares[0], shares[-1]
    return found | {
        "median_wape": metrics.wape(total, settled.sums.quantiles((0.5,))[0]),
        "pinball": sum(losses) / len(losses) / demand,
        "covered": metrics.coverage(actual, quantiles[0], quantiles[-1]),
        "fair": metrics.mean_of(settled.steps.inside(actual, low, high, seed)),
        "total_fair": metrics.mean_of(settled.sums.inside(total, low, high, seed)),
    }
