"""Demand on steps that were sold out: what was sold is a floor, not the demand.

A series' demand is taken as counts (Poisson, or negative binomial where it varies more) or, for goods by weight, as normal, about a local
rate times the profile of its season. Expectation-maximisation: the demand of a censored step is its conditional mean given that it reached
what was sold, the rate is re-estimated from known and completed steps, until neither moves (Conrad, "Sales data and the estimation of
demand", 1976, for the Poisson; Nahmias, "Demand estimation in lost sales inventory systems", 1994, for the normal; Tobin, 1958). Where it
is known for which share of the step's usual demand the shelf was full, as from sales by hour, the rest of the step is added at the rate
instead (Lau and Lau, "Estimating the demand distributions of single-period items having frequent stockouts", 1996).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from storeloom.workers.forecast.grid import Array, Grid, make
from storeloom.workers.forecast.panel import Panel
from storeloom.workers.forecast.rates import SEASONS, exposure_of

HALF_WIDTH = 28
ROUNDS = 200
CLOSE = 1e-4
TINY = 1e-9
SHARES = (0.1, 0.9)


@dataclass(frozen=True)
class Uncensored:
    """`panel`: the panel with demand in place of null on censored steps; `frame`: unique_id, ds, sold, demand, q10, q90 of these;
    `rounds` until the estimate stood still."""

    panel: Panel
    frame: pl.DataFrame
    rounds: int


@dataclass(frozen=True)
class Check:
    """Steps censored on purpose: bias and WAPE of the estimated demand, and those of taking sales for demand; share of the true demand
    inside 80 % intervals."""

    steps: int
    bias: float
    wape: float
    sales_bias: float
    sales_wape: float
    covered: float


@dataclass(frozen=True)
class _Law:
    """Demand of censored steps before anything was sold: mean and variance of each, whether it is a count."""

    mean: Array
    variance: Array
    count: NDArray[np.bool_]

    def beyond(self, floor: Array) -> Array:
        """Conditional mean given at least `floor`."""
        from scipy.stats import nbinom, norm

        number, chance = self._counts()
        tail = np.maximum(nbinom.sf(floor - 1, number, chance), TINY)
        counts = self.mean * nbinom.sf(floor - 2, number + 1, chance) / tail
        deviation = np.sqrt(np.maximum(self.variance, TINY))
        z = (floor - self.mean) / deviation
        normal = self.mean + deviation * np.exp(norm.logpdf(z) - norm.logsf(z))
        found: Array = np.maximum(floor, np.where(self.count, counts, normal))
        return found

    def quantile(self, floor: Array, share: float) -> Array:
        """Conditional quantile given at least `floor`."""
        from scipy.stats import nbinom, norm

        number, chance = self._counts()
        counts = nbinom.isf(np.maximum(nbinom.sf(floor - 1, number, chance), TINY) * (1 - share), number, chance)
        deviation = np.sqrt(np.maximum(self.variance, TINY))
        normal = norm.isf(np.maximum(norm.sf(floor, self.mean, deviation), TINY) * (1 - share), self.mean, deviation)
        found: Array = np.maximum(floor, np.where(self.count, counts, normal))
        return found

    def _counts(self) -> tuple[Array, Array]:
        ratio = np.maximum(self.variance / np.maximum(self.mean, TINY), 1 + 1e-6)
        return np.maximum(self.mean, TINY) / (ratio - 1), 1 / ratio


def share_open(by_hour: Sequence[float], sold_out_hour: float) -> float:
    """Share of a day's usual demand up to the hour at which the shelf was empty; `by_hour`: usual units of each hour of the day.

    ValueError for hours without any demand.
    """
    total = sum(by_hour)
    if total <= 0:
        raise ValueError("the usual day has no demand in any hour")
    whole = min(max(int(sold_out_hour), 0), len(by_hour))
    part = by_hour[whole] * (sold_out_hour - whole) if whole < len(by_hour) else 0.0
    return (sum(by_hour[:whole]) + part) / total


def uncensor(panel: Panel, censored: pl.DataFrame) -> Uncensored:
    """Complete the null steps of a panel that are named in `censored`: unique_id, ds, sold (units, the floor), and where known share_open
    (of the step's usual demand, 0 to 1; null: not known). Steps named there that are not null in the panel are left as they are.
    """
    grid = make(panel, 0)
    floor, part = _floors(grid, panel, censored)
    demand, law, rounds = _estimate(grid, floor, part)
    rows, steps = np.nonzero(~np.isnan(floor))
    low, high = (_ends(law, floor[rows, steps], part[rows, steps], share) for share in SHARES)
    place = pl.DataFrame({"unique_id": grid.ids}).with_columns(row=pl.int_range(pl.len()))
    axis = panel.frame.select("ds").unique().sort("ds").with_columns(step=pl.int_range(pl.len()))
    known = pl.DataFrame({"row": rows, "step": steps, "sold": floor[rows, steps], "demand": demand[rows, steps], "q10": low, "q90": high})
    frame = (
        known.join(place, on="row").join(axis, on="step").select("unique_id", "ds", "sold", "demand", "q10", "q90").sort("unique_id", "ds")
    )
    filled = panel.frame.join(frame.select("unique_id", "ds", "demand"), on=["unique_id", "ds"], how="left", maintain_order="left")
    whole = filled.with_columns(y=pl.coalesce("y", "demand")).drop("demand")
    return Uncensored(Panel(whole, panel.freq, panel.findings), frame, rounds)


def check(panel: Panel, share: float = 0.2, stock: float = 0.6, seed: int = 0) -> Check:
    """What would show the estimate wrong: on a random share of the known steps stock ran out at the `stock` quantile of the series'
    steps with demand, and the estimate is held against what was really sold there. ValueError where no step would have sold out.
    """
    draw = np.random.default_rng(seed).random(panel.frame.height) < share
    level = pl.col("y").filter(pl.col("y") > 0).quantile(stock, "lower").over("unique_id").fill_null(np.inf)
    marked = panel.frame.with_columns(level=level, out=pl.Series(draw)).with_columns(out=pl.col("out") & (pl.col("y") >= pl.col("level")))
    out = marked.filter(pl.col("out").fill_null(False))
    if not out.height:
        raise ValueError("no step would have sold out")
    hidden = marked.with_columns(y=pl.when(pl.col("out")).then(None).otherwise("y")).select("unique_id", "ds", "y")
    told = uncensor(Panel(hidden, panel.freq), out.select("unique_id", "ds", sold="level")).frame
    both = told.join(out.select("unique_id", "ds", "y"), on=["unique_id", "ds"])
    true, demand, sold = (both[name].to_numpy() for name in ("y", "demand", "sold"))
    total = float(true.sum())
    inside = float(((true >= both["q10"].to_numpy()) & (true <= both["q90"].to_numpy())).mean())
    over, lost = demand - true, sold - true
    return Check(
        steps=both.height,
        bias=float(over.sum()) / total,
        wape=float(np.abs(over).sum()) / total,
        sales_bias=float(lost.sum()) / total,
        sales_wape=float(np.abs(lost).sum()) / total,
        covered=inside,
    )


def _floors(grid: Grid, panel: Panel, censored: pl.DataFrame) -> tuple[Array, Array]:
    """What was sold on censored steps, and the share of usual demand that it had the shelf for; NaN elsewhere."""
    place = pl.DataFrame({"unique_id": grid.ids}).with_columns(row=pl.int_range(pl.len()))
    axis = panel.frame.select("ds").unique().sort("ds").with_columns(step=pl.int_range(pl.len()))
    own = censored if "share_open" in censored.columns else censored.with_columns(share_open=pl.lit(None, dtype=pl.Float64))
    cells = own.with_columns(pl.col("ds").cast(panel.frame.schema["ds"])).join(place, on="unique_id").join(axis, on="ds")
    floor, part = np.full(grid.values.shape, np.nan), np.full(grid.values.shape, np.nan)
    at = cells["row"].to_numpy(), cells["step"].to_numpy()
    floor[at] = np.maximum(cells["sold"].cast(pl.Float64).to_numpy(), 0.0)
    part[at] = cells["share_open"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    floor[~np.isnan(grid.values)] = np.nan
    return floor, part


def _estimate(grid: Grid, floor: Array, part: Array) -> tuple[Array, _Law, int]:
    """Demand of all steps, law of the censored ones, rounds."""
    hidden = ~np.isnan(floor)
    rows, steps = np.nonzero(hidden)
    shape = exposure_of(np.where(hidden, np.nan, grid.values), grid.season, SEASONS[-1], everywhere=True)
    count = (np.nan_to_num(grid.values) % 1 == 0).all(axis=1) & (np.nan_to_num(floor) % 1 == 0).all(axis=1)
    demand = np.where(hidden, floor, grid.values)
    known = ~np.isnan(demand)
    weight = np.where(known, shape, 0.0)
    law = _Law(np.zeros(0), np.zeros(0), count[rows])
    for turn in range(1, ROUNDS + 1):
        rate = _moving(np.where(known, demand, 0.0)) / np.maximum(_moving(weight), TINY)
        mean = rate * shape
        plain = known & ~hidden
        errors = np.where(plain, (demand - mean) ** 2, 0.0).sum(axis=1) / np.maximum(np.where(plain, mean, 0.0).sum(axis=1), TINY)
        ratio = np.where(count, np.maximum(errors, 1.0), errors)
        law = _Law(mean[hidden], mean[hidden] * ratio[rows], count[rows])
        rest = floor[hidden] + (1 - part[hidden]) * mean[hidden]
        fresh = np.where(np.isnan(part[hidden]), law.beyond(floor[hidden]), rest)
        moved = float(np.abs(fresh - demand[hidden]).max(initial=0.0)) / max(float(fresh.max(initial=0.0)), TINY)
        demand[rows, steps] = fresh
        if moved < CLOSE:
            return demand, law, turn
    return demand, law, ROUNDS


def _ends(law: _Law, floor: Array, part: Array, share: float) -> Array:
    """Quantile of demand: given at least the floor, or the floor and what the rest of the step brings."""
    left = 1 - np.nan_to_num(part)
    rest = _Law(law.mean * left, law.variance * left, law.count)
    found: Array = np.where(np.isnan(part), law.quantile(floor, share), floor + rest.quantile(np.zeros_like(floor), share))
    return found


def _moving(values: Array) -> Array:
    """Sums over the steps around each, `HALF_WIDTH` to both sides."""
    total = np.cumsum(np.pad(values, ((0, 0), (1, 0))), axis=1)
    steps = values.shape[1]
    first, last = np.maximum(np.arange(steps) - HALF_WIDTH, 0), np.minimum(np.arange(steps) + HALF_WIDTH + 1, steps)
    found: Array = total[:, last] - total[:, first]
    return found
