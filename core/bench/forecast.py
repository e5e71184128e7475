"""Area `forecast`: rolling-origin back-tests on real sales and energy, beside the plain methods and AutoETS, and what the chain costs.

Data: Complete Journey (receipt lines of a grocer over 2017) and hourly electricity of two buildings (Building Data Genome 2). Series are
picked by what was known before the first origin that is reported.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storeloom.core.bench import forecast_drivers
from storeloom.core.bench.harness import Result, interleaved, require_file
from storeloom.core.kernel.errors import Finding, InputFault
from storeloom.core.kernel.registry import ROOT
from storeloom.core.progress import bar
from storeloom.workers.pool import Pool, open_pool

if TYPE_CHECKING:
    import polars as pl

    from storeloom.workers.forecast.backtest import Scores
    from storeloom.workers.forecast.panel import Panel

DATA = ROOT.parent / "shared" / "data" / "complete-journey"
ENERGY = Path("energy") / "bdg2_hourly_sample.csv"
ZONE = "America/New_York"
FIRST, FIRST_MONDAY, LAST = date(2017, 1, 1), date(2017, 1, 2), date(2017, 12, 31)
DAYS, WEEKS, ORIGINS = 28, 4, 3
NO_GOODS = ("COUPON/MISC ITEMS", "FUEL", "MISC. TRANS.", "MISCELLANEOUS")
MOST_UNITS = 1000
CATEGORIES, PRODUCTS, CELLS, DEPARTMENTS = 60, 300, 300, 12
STRONG = 0.1
PLAIN = ("auto", "naive", "seasonal_naive", "window_average", "zero")
ROUGH = "no-plans"
FIGURES = ("rmsse", "wape", "total_wape", "median_wape", "pinball", "covered", "fair", "bias")
HEADS = ("RMSSE", "WAPE", "sum WAPE", "by median", "pinball", "80 % covers", "fairly", "bias")
LEVEL, OFF = 0.80, "<= 0.04"
RUNS = 5
PEERS = ("sba", "tsb", "adida", "imapa", "dynamic_optimized_theta")


@dataclass(frozen=True)
class Sales:
    """Receipt lines of goods: product, department, category, store, day, units."""

    lines: pl.DataFrame

    def panel(self, keys: Sequence[str], most: int, freq: str = "1d") -> Panel:
        """The `most` series by units sold before the first reported origin, whole over the year (or its whole weeks)."""
        import polars as pl

        from storeloom.workers.forecast.panel import Panel, build

        first = FIRST_MONDAY if freq == "1w" else FIRST
        named = self.lines.filter(pl.col("ds") >= first).with_columns(unique_id=pl.concat_str(keys, separator=" | "))
        before = named.filter(pl.col("ds") <= LAST - timedelta(days=DAYS * ORIGINS))
        ranked = before.group_by("unique_id").agg(pl.col("y").sum()).sort(["y", "unique_id"], descending=[True, False]).head(most)
        rows = named.join(ranked, on="unique_id", how="semi").select("unique_id", "ds", "y")
        begun = pl.DataFrame({"unique_id": ranked["unique_id"], "ds": first, "y": 0.0})
        until = LAST - timedelta(days=LAST.weekday()) if freq == "1w" else LAST
        made = build(pl.concat([rows, begun]), freq, until=until, lines=True)
        return Panel(made.frame, freq)


def measure(data: Path = DATA) -> list[Result]:
    """All back-tests on the Complete Journey tables in `data` (and the energy file beside that folder), then the cost.

    InputFault (SL-INP-03) where the extra `forecast` is not installed, (SL-INP-01) where the data set is absent.
    """
    try:
        import lightgbm  # noqa: F401
        import mlforecast  # noqa: F401
        import statsforecast  # noqa: F401

        from storeloom.workers.forecast.backtest import backtest
    except ImportError as error:
        raise InputFault(Finding("SL-INP-03", {"what": "bench forecast", "extra": "forecast"})) from error
    sales = _read(data)
    categories = sales.panel(["product_category"], CATEGORIES)
    products = sales.panel(["product_id"], PRODUCTS)
    cells = sales.panel(["store_id", "product_category"], CELLS, "1w")
    departments = _seasonal(sales.panel(["department"], DEPARTMENTS))
    with_ets = (*PLAIN, "auto_ets")
    plans = _plans(data, products)
    with bar("back-tests") as told, open_pool(progress=told) as pool:
        found = {
            "category-day": backtest(categories, DAYS, ORIGINS, with_ets, pool=pool),
            "product-day": backtest(products, DAYS, ORIGINS, with_ets, means_only=("auto_ets",), drivers=plans, pool=pool),
            "product-day-no-plans": backtest(products, DAYS, ORIGINS, ("auto",), pool=pool),
            "store-category-week": backtest(cells, WEEKS, ORIGINS, with_ets, pool=pool),
            "weekly-seasonal-day": backtest(departments, DAYS, ORIGINS, with_ets, pool=pool),
        }
        energy = _energy(data.parent / ENERGY, pool)
    driven = forecast_drivers.measure(data, sales.lines, products, categories, data.parent / ENERGY, FIRST_MONDAY)
    results = [*_goals(found), *energy, *driven, *_cost(products)]
    return [*results, *(row for name, scores in found.items() for row in _rows(name, scores))]


def _read(data: Path) -> Sales:
    import polars as pl

    files = [data / f"{name}.parquet" for name in ("transactions", "products", "promotions")]
    for file in files:
        require_file(file, "Name the folder of the Complete Journey tables: storeloom bench forecast --data FOLDER")
    lines, products = (pl.read_parquet(file) for file in files[:2])
    joined = lines.join(products.select("product_id", "department", "product_category"), on="product_id")
    goods = joined.filter(~pl.col("product_category").is_in(NO_GOODS) & (pl.col("quantity") < MOST_UNITS))
    day = pl.col("transaction_timestamp").dt.convert_time_zone(ZONE).dt.date()
    return Sales(goods.with_columns(ds=day, y=pl.col("quantity")).filter(pl.col("ds").is_between(FIRST, LAST)))


def _plans(data: Path, products: Panel) -> pl.DataFrame:
    """Drivers that a retailer plans ahead: in how many stores a product is on display and in the mailer, by week (log(1 + stores))."""
    import polars as pl

    names = {"display": "display_location", "mailer": "mailer_location"}
    shown = pl.read_parquet(data / "promotions.parquet").with_columns((pl.col(column) != "0").alias(name) for name, column in names.items())
    weekly = shown.group_by("product_id", "week").agg(pl.col(list(names)).sum().cast(pl.Float64).log1p())
    axis = products.frame.select("unique_id", "ds").with_columns(week=(pl.col("ds") - FIRST_MONDAY).dt.total_days().floordiv(7) + 2)
    keyed = axis.with_columns(pl.col("week").cast(pl.Int32)).join(
        weekly, left_on=["unique_id", "week"], right_on=["product_id", "week"], how="left"
    )
    return keyed.select("unique_id", "ds", pl.col(list(names)).fill_null(0.0))


def _seasonal(panel: Panel) -> Panel:
    """The series with a weekly season before the first reported origin: strength of at least 0.1 (Wang, Smith and Hyndman, 2006)."""
    import numpy as np
    import polars as pl

    from storeloom.workers.forecast.panel import Panel

    before = panel.until(LAST - timedelta(days=DAYS * ORIGINS))
    strong = []
    for name, part in before.frame.group_by("unique_id", maintain_order=True):
        series = part["y"].to_numpy()
        away = series - np.convolve(np.pad(series, 3, mode="edge"), np.ones(7) / 7, "valid")
        season = np.array([away[day::7].mean() for day in range(7)])[np.arange(len(away)) % 7]
        if 1 - (away - season).var() / away.var() >= STRONG:
            strong.append(name[0])
    return Panel(panel.frame.filter(pl.col("unique_id").is_in(strong)), panel.freq)


def _goals(found: dict[str, Scores]) -> list[Result]:
    day, product, seasonal = found["category-day"], found["product-day"], found["weekly-seasonal-day"]
    against = "28-day sums of the top 300 products by mean forecasts, displays and mailers planned ahead, three origins"
    results = [
        Result("product_sum_wape", product.of("auto", "total_wape"), "ratio", "<= 0.65", against, ORIGINS),
        _ratio("category_day_against_seasonal_naive", day, "seasonal_naive", "<= 0.75"),
        _ratio("category_day_against_28_day_mean", day, "window_average", "<= 1.0"),
        _ratio("weekly_seasonal_against_seasonal_naive", seasonal, "seasonal_naive", "<= 0.80"),
    ]
    for name, scores in found.items():
        if ROUGH in name:
            continue
        off = abs(scores.of("auto", "fair") - LEVEL)
        what = "distance of the 80 % intervals' coverage from 80 %, ends of counts shared out by chance"
        results.append(Result(f"{name.replace('-', '_')}_coverage_off", off, "share", OFF, what, ORIGINS))
    return results


def _ratio(name: str, scores: Scores, peer: str, goal: str) -> Result:
    return Result(name, scores.of("auto", "rmsse") / scores.of(peer, "rmsse"), "ratio", goal, f"RMSSE of {peer}, three origins", ORIGINS)


def _rows(task: str, scores: Scores) -> list[Result]:
    table = scores.table.to_dicts()
    cells = ((row["method"], figure, row[figure]) for row in table for figure in FIGURES)
    return [Result(f"{task}/{method}/{figure}", value, "", "", "", ORIGINS) for method, figure, value in cells if value == value]


def _energy(file: Path, pool: Pool) -> list[Result]:
    """Day-ahead electricity by the hour over the last four weeks, against the same hour a week before."""
    if not file.is_file():
        return []
    import polars as pl

    from storeloom.workers.forecast.backtest import backtest
    from storeloom.workers.forecast.panel import build

    wide = pl.read_csv(file, try_parse_dates=True)
    long = wide.unpivot(index="timestamp", variable_name="unique_id", value_name="y").rename({"timestamp": "ds"})
    panel = build(long.filter(pl.col("ds") < long["ds"].dt.truncate("1d").max()), "1h", gaps=None)
    scores = backtest(
        panel, 24, DAYS, ("auto", "seasonal_naive", "seasonal_window_average", "lightgbm", "rates"), candidates=HOURLY, pool=pool
    )
    against = "mean absolute error of the same hour last week, 28 origins, two buildings"
    ratio = scores.of("auto", "mae") / scores.of("seasonal_naive", "mae")
    off = abs(scores.of("auto", "covered") - LEVEL)
    return [
        Result("energy_day_ahead", ratio, "ratio", "<= 0.85", against, DAYS),
        Result("energy_coverage_off", off, "share", OFF, "distance of the 80 % intervals' coverage from 80 %", DAYS),
        *_rows("energy-hour", scores),
    ]


HOURLY = ("seasonal_naive", "window_average", "seasonal_window_average", "rates", "lightgbm")


def _cost(panel: Panel) -> list[Result]:
    """Processor seconds of the default chain for 1,000 series, and series a second against bare statsforecast with the same models."""
    import polars as pl
    import statsforecast.models as library
    from statsforecast import StatsForecast

    from storeloom.workers.forecast.chain import forecast, means
    from storeloom.workers.forecast.panel import Panel

    start = time.process_time()
    forecast(panel, DAYS)
    chain = (time.process_time() - start) * 1000 / PRODUCTS
    few = Panel(panel.frame.filter(pl.col("unique_id").is_in(panel.ids[:50])), panel.freq)
    models: list[Any] = [library.CrostonSBA(), library.TSB(0.1, 0.1), library.ADIDA(), library.IMAPA(), library.DynamicOptimizedTheta(7)]
    bare = StatsForecast(models=models, freq="1d", n_jobs=1)
    found = interleaved({"ours": lambda: means(few, DAYS, PEERS), "bare": lambda: bare.forecast(df=few.frame, h=DAYS)}, RUNS)
    return [
        Result("default_chain", chain, "s", "<= 60", "processor seconds for 1,000 daily series of a year, 28 days ahead, one thread", 1),
        Result("against_statsforecast", found["bare"] / found["ours"], "ratio", ">= 0.9", "series a second, same models, same run", RUNS),
    ]


def table(results: Sequence[Result]) -> list[str]:
    """The back-tests as a table, a line a task and method."""
    rows: dict[tuple[str, str], dict[str, float]] = {}
    for result in results:
        if result.in_table:
            task, method, figure = result.name.split("/")
            rows.setdefault((task, method), {})[figure] = result.value
    head = f"{'task':<21}{'method':<25}" + "".join(f"{one:>12}" for one in HEADS)
    lines = [f"{task:<21}{method:<25}" + "".join(_cell(row.get(figure)) for figure in FIGURES) for (task, method), row in rows.items()]
    return [head, *lines]


def _cell(value: float | None) -> str:
    return f"{'-':>12}" if value is None else f"{value:>12.3f}"
