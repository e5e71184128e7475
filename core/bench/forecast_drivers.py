"""Area `forecast`, what drivers bring: promotions and calendar on real sales, days with promotion apart, and energy of the day ahead.

Displays and mailers are Complete Journey's `promotions`. A product's price cut is that of its siblings of the same maker and type in the
receipts of the week, its own lines left out: its own price is seen only where it sold, and would tell that it did. Weather is in neither
data set.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from storeloom.core.bench.harness import Result

if TYPE_CHECKING:
    from datetime import date

    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from storeloom.workers.forecast.drivers import Drivers
    from storeloom.workers.forecast.panel import Panel

ORIGINS, DAYS, HOURS, NIGHTS = 3, 28, 24, 28
MOST_CUT = 0.9
PAIRS = {"rates": "driven_rates", "seasonal_window_average": "driven_average"}


def measure(data: Path, lines: pl.DataFrame, products: Panel, categories: Panel, energy: Path, monday: date) -> list[Result]:
    """Methods without and with drivers from the same origins.

    `lines`: receipt lines of goods; `energy`: the file of buildings, left out where absent; `monday`: begin of the promotions' week 2.
    """
    named = {"product": ("product_id", products), "category": ("product_category", categories)}
    results = []
    for name, (key, panel) in named.items():
        results += _compared(name, panel, drivers_of(data, lines, key, panel, monday))
    return [*results, *(_energy(energy) if energy.is_file() else [])]


def drivers_of(data: Path, lines: pl.DataFrame, key: str, panel: Panel, monday: date) -> Drivers:
    """Displays, mailers, siblings' price cuts (of products) and the US calendar."""
    import polars as pl

    from storeloom.workers.forecast.calendars import calendar
    from storeloom.workers.forecast.drivers import build

    goods = pl.read_parquet(data / "products.parquet")
    marks = {"display": pl.col("display_location") != "0", "mailer": pl.col("mailer_location") != "0"}
    shown = pl.read_parquet(data / "promotions.parquet").join(goods.select("product_id", "product_category"), on="product_id")
    weekly = shown.with_columns(**marks).group_by(key, "week").agg(pl.col(list(marks)).sum().cast(pl.Float64).log1p())
    axis = panel.frame.select("unique_id", "ds").with_columns(week=((pl.col("ds") - monday).dt.total_days().floordiv(7) + 2).cast(pl.Int32))
    table = axis.join(weekly, left_on=["unique_id", "week"], right_on=[key, "week"], how="left").with_columns(
        pl.col(list(marks)).fill_null(0.0)
    )
    kinds = None
    if key == "product_id":
        table = table.join(_cuts(lines, goods, axis, monday), on=["unique_id", "week"], how="left").with_columns(
            pl.col("depth").fill_null(0.0)
        )
        kinds = dict(goods.select("product_id", pl.col("product_category").fill_null("")).iter_rows())
    days = panel.frame["ds"].unique().sort().to_list()
    return build(panel, 0, promotions=table.drop("week"), calendar=calendar("US", days[0], days[-1]), categories=kinds)


def _cuts(lines: pl.DataFrame, goods: pl.DataFrame, axis: pl.DataFrame, monday: date) -> pl.DataFrame:
    """Mean price cut of each product's siblings by week; 0 where none was sold."""
    import polars as pl

    like = ["manufacturer_id", "product_type", "week"]
    cut = (pl.col("retail_disc") / (pl.col("sales_value") + pl.col("retail_disc"))).clip(0, MOST_CUT)
    week = ((pl.col("ds") - monday).dt.total_days().floordiv(7) + 2).cast(pl.Int32)
    kept = lines.select("product_id", "ds", "sales_value", "retail_disc").filter(pl.col("sales_value") > 0)
    told = kept.join(goods.select("product_id", *like[:2]), on="product_id").with_columns(week=week, cut=cut)
    all_lines = told.group_by(like).agg(cuts=pl.col("cut").sum(), lines=pl.len().cast(pl.Int64))
    own = told.group_by("product_id", "week").agg(own_cuts=pl.col("cut").sum(), own=pl.len().cast(pl.Int64))
    cells = (
        axis.select("unique_id", "week").unique().join(goods.select("product_id", *like[:2]), left_on="unique_id", right_on="product_id")
    )
    joined = cells.join(all_lines, on=like, how="left").join(
        own, left_on=["unique_id", "week"], right_on=["product_id", "week"], how="left"
    )
    others = joined.with_columns(pl.col("cuts", "lines", "own_cuts", "own").fill_null(0))
    left = pl.col("lines") - pl.col("own")
    depth = pl.when(left > 0).then((pl.col("cuts") - pl.col("own_cuts")) / left).otherwise(0.0).clip(0, MOST_CUT)
    return others.select("unique_id", "week", depth=depth)


def _compared(name: str, panel: Panel, drivers: Drivers) -> list[Result]:
    """Errors of each pair of methods: of the steps, of the sums, of the sums over the days with promotion."""
    import numpy as np

    from storeloom.workers.forecast.chain import past_steps, tell
    from storeloom.workers.forecast.grid import make
    from storeloom.workers.pool import open_pool

    grid = make(panel, 0, drivers)
    ats = past_steps(grid, DAYS, ORIGINS)
    with open_pool() as pool:
        told = tell(grid, DAYS, [*PAIRS, *PAIRS.values()], ats, 0, pool)
    shown = np.max([column for one, column in grid.drivers.items() if grid.groups[one] == "promotion"], axis=0) > 0
    actual = [(grid.values[:, at : at + DAYS], shown[:, at : at + DAYS]) for at in ats]
    rows, found = [], {}
    for method, forecasts in told.items():
        figures = {"wape": _wape(actual, forecasts, False, False), "total_wape": _wape(actual, forecasts, True, False)}
        found[method] = _wape(actual, forecasts, True, True)
        rows += [Result(f"{name}-drivers/{method}/{figure}", value, "", "", "", ORIGINS) for figure, value in figures.items()]
        rows.append(Result(f"{name}-promoted/{method}/total_wape", found[method], "", "", "", ORIGINS))
    ratio = found["driven_rates"] / found["rates"]
    against = "error of 28-day sums over the days with promotion, rates without drivers, three origins"
    return [Result(f"{name}_promoted_with_drivers", ratio, "ratio", "<= 1.0", against, ORIGINS), *rows]


def _wape(
    actual: list[tuple[NDArray[np.float64], NDArray[np.bool_]]], told: list[NDArray[np.float64]], sums: bool, promoted: bool
) -> float:
    """Units off by units sold, of steps or of each series' sum; `promoted`: days with promotion alone."""
    import numpy as np

    off = sold = 0.0
    for (values, shown), means in zip(actual, told, strict=True):
        where = ~np.isnan(values) & (shown if promoted else True)
        error = np.where(where, values - means, 0.0)
        off += float(np.abs(error.sum(axis=1) if sums else error).sum())
        sold += float(values[where].sum())
    return off / sold


def _energy(file: Path) -> list[Result]:
    import polars as pl

    from storeloom.workers.forecast.backtest import backtest
    from storeloom.workers.forecast.panel import build

    wide = pl.read_csv(file, try_parse_dates=True)
    long = wide.unpivot(index="timestamp", variable_name="unique_id", value_name="y").rename({"timestamp": "ds"})
    panel = build(long.filter(pl.col("ds") < long["ds"].dt.truncate("1d").max()), "1h", gaps=None)
    scores = backtest(panel, HOURS, NIGHTS, ("day_ahead", "seasonal_naive"), calibration=0)
    ratio = scores.of("day_ahead", "mae") / scores.of("seasonal_naive", "mae")
    against = "mean absolute error of the same hour last week, 28 origins, two buildings, calendar and past values alone"
    return [Result("energy_day_ahead_regression", ratio, "ratio", "<= 0.75", against, NIGHTS)]
