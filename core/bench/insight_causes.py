"""The causal half of the area `insight`: do intervals cover what they say, do monitors call as often as they say, what did campaigns bring.

Truth is known only where it was made: coverage and false alarms are measured on simulated tests, chains of stores and daily figures. On
Complete Journey the truth is unknown; there the campaigns sent to many households are held against matched ones, and the same is done for
the time before the campaign, where the answer must be nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storeloom.core.bench.harness import Result, require_file

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    from storeloom.workers.insight.matching import Matched

RUNS, FEW = 1000, 400
OFF, LEVEL = 0.02, 0.95
TIGHT = 0.05
ZONE = "America/New_York"
FIRST = date(2017, 1, 1)
CAMPAIGNS = ("8", "13", "18")
WINDOWS = (28, 56, 84)
TABLES = ("transactions", "campaigns", "campaign_descriptions", "coupons")


def measure(folder: Path) -> list[Result]:
    """Simulations, then the campaigns of Complete Journey in `folder`. InputFault where its tables are absent."""
    for name in TABLES:
        require_file(folder / f"{name}.parquet", "Name the folder of Complete Journey's tables: storeloom bench insight --data FOLDER")
    return [*simulated(), *journey(folder)]


def simulated(runs: int = RUNS, few: int = FEW) -> list[Result]:
    """Coverage of 95 % intervals (93 to 97 %) and false alarms, on data whose truth is known."""
    cases = {
        "means": (_means, runs),
        "shares": (_shares, runs),
        "ratios": (_ratios, runs),
        "cuped": (_cuped, runs),
        "five_looks": (_looks, runs),
        "stores": (_stores, few),
        "stores_staggered": (_staggered, few),
        "synthetic": (_synthetic, few),
        "matched": (_matched, few),
    }
    results = [_coverage(name, case, count) for name, (case, count) in cases.items()]
    return [*results, *_monitors(few)]


def _coverage(name: str, case: Callable[[np.random.Generator], bool], runs: int) -> Result:
    import numpy as np

    covered = sum(case(np.random.default_rng((7, seed))) for seed in range(runs)) / runs
    return Result(f"insight_coverage_{name}_off", abs(covered - LEVEL), "", f"<= {OFF}", f"95 %; covered {covered:.1%}", runs)


def _means(rng: np.random.Generator) -> bool:
    from storeloom.workers.insight import abtest

    return abtest.means(rng.gamma(1.0, 20.0, 400), rng.gamma(1.0, 22.0, 200)).effect.covers(2.0)


def _shares(rng: np.random.Generator) -> bool:
    from storeloom.workers.insight import abtest

    return abtest.shares(int(rng.binomial(300, 0.03)), 300, int(rng.binomial(300, 0.05)), 300).effect.covers(0.02)


def _ratios(rng: np.random.Generator) -> bool:
    """Amount a basket; who comes more often buys more. By the moments of Gamma(2, 1): 20/7 of the scale."""
    from storeloom.workers.insight import abtest

    def arm(scale: float) -> tuple[Any, Any]:
        keen = rng.gamma(2.0, 1.0, 500)
        baskets = 1 + rng.poisson(3 * keen)
        return baskets * keen * scale * rng.gamma(4.0, 0.25, 500), baskets

    return abtest.ratios(arm(20.0), arm(22.0)).effect.covers(40 / 7)


def _cuped(rng: np.random.Generator) -> bool:
    from storeloom.workers.insight import abtest

    before = rng.gamma(2.0, 10.0, 500)
    after = 0.8 * before + rng.gamma(2.0, 4.0, 500)
    after[200:] += 1.0
    return abtest.cuped(after[:200], before[:200], after[200:], before[200:], planned=0.6).effect.covers(1.0)


def _looks(rng: np.random.Generator) -> bool:
    """Whether the interval covers at every one of five looks."""
    import numpy as np

    sums = np.cumsum(rng.normal(size=5))
    return bool(np.all(np.abs(sums / np.sqrt(np.arange(1, 6))) < _bounds()))


@cache
def _bounds() -> tuple[float, ...]:
    from storeloom.workers.insight import sequential

    return sequential.boundaries((0.2, 0.4, 0.6, 0.8, 1.0))


def _chain(rng: np.random.Generator, treated: int, begins: tuple[int, ...]) -> tuple[pl.DataFrame, dict[str, date]]:
    """30 stores over 20 weeks with levels, a common walk and errors that last from week to week; the effect is 2."""
    import numpy as np
    import polars as pl

    stores, weeks = 30, 20
    error = rng.normal(size=(stores, weeks))
    for week in range(1, weeks):
        error[:, week] += 0.6 * error[:, week - 1]
    y = rng.normal(50, 10, (stores, 1)) + np.cumsum(rng.normal(size=weeks)) + error
    days = [FIRST + timedelta(weeks=week) for week in range(weeks)]
    names = [f"s{store:02d}" for store in range(stores)]
    starts = {}
    for store in range(treated):
        begin = begins[store % len(begins)]
        y[store, begin:] += 2.0
        starts[names[store]] = days[begin]
    return pl.DataFrame({"unique_id": np.repeat(names, weeks), "ds": days * stores, "y": y.ravel()}), starts


def _stores(rng: np.random.Generator) -> bool:
    from storeloom.workers.insight import did

    return did.change(*_chain(rng, 8, (12,)), draws=0).effect.covers(2.0)


def _staggered(rng: np.random.Generator) -> bool:
    from storeloom.workers.insight import did

    return did.change(*_chain(rng, 12, (8, 12, 15)), draws=0).effect.covers(2.0)


def _synthetic(rng: np.random.Generator) -> bool:
    """40 weeks of 41 stores that load on three common walks; the effect on the first is 3 from week 30 on."""
    import numpy as np
    import polars as pl

    from storeloom.workers.insight import synthetic

    stores, weeks, begin = 40, 40, 30
    walks = np.cumsum(rng.normal(size=(weeks, 3)), axis=0)
    y = (walks @ (2 * rng.dirichlet(np.ones(3), stores)).T).T + rng.normal(0, 0.5, (stores, weeks)) + rng.normal(20, 5, (stores, 1))
    y[0, begin:] += 3.0
    days = [FIRST + timedelta(weeks=week) for week in range(weeks)]
    frame = pl.DataFrame({"unique_id": np.repeat([f"s{n:02d}" for n in range(stores)], weeks), "ds": days * stores, "y": y.ravel()})
    return synthetic.control(frame, "s00", days[begin]).effect.covers(3.0)


def _matched(rng: np.random.Generator) -> bool:
    """Members chosen by what they spent; the effect is 1.5."""
    import numpy as np
    import polars as pl

    from storeloom.workers.insight import matching

    x = rng.normal(size=(1500, 3))
    treated = (rng.random(1500) < 1 / (1 + np.exp(1.5 - x[:, 0] - 0.5 * x[:, 1]))).astype(np.float64)
    y = 5 + 2 * x[:, 0] + x[:, 1] + 1.5 * treated + rng.normal(0, 2, 1500)
    pairs = matching.pair(pl.DataFrame(x, schema=["a", "b", "c"]), treated, caliper=TIGHT)
    return matching.matched(pairs, y).effect.covers(1.5)


def _monitors(runs: int) -> list[Result]:
    """False alarms on noise, against what was asked for."""
    import numpy as np

    from storeloom.workers.insight import anomaly

    def noise(seed: int, size: int) -> Any:
        return np.random.default_rng((11, seed)).normal(100.0, 15.0, size)

    week = 20 * np.sin(2 * np.pi * np.arange(84) / 7)
    single = np.mean([anomaly.outliers(noise(n, 28), false_alarm=0.01).table["outlier"].mean() for n in range(runs)])
    profile = np.mean([anomaly.seasonal(week + noise(n, 84), false_alarm=0.01).table["outlier"].mean() for n in range(runs)])
    stl = np.mean([anomaly.seasonal(week + noise(n, 84), method="stl", false_alarm=0.01).table["outlier"].mean() for n in range(runs // 4)])
    found = [anomaly.levels(noise(n, 1000), values_between=200).shifts for n in range(runs // 4)]
    watched = sum(1000 - 10 * (1 + len(shifts)) for shifts in found)
    between = watched / max(1, sum(len(shifts) for shifts in found)) / 200
    rows = [("single", float(single), runs), ("profile", float(profile), runs), ("stl", float(stl), runs // 4)]
    results = [_alarms(name, rate / 0.01, "1 in 100 normal values", count) for name, rate, count in rows]
    return [*results, _alarms("levels", 1 / between, "1 in 200 normal values", runs // 4)]


def _alarms(name: str, times: float, against: str, runs: int) -> Result:
    return Result(f"insight_false_alarms_{name}", times, "times", "<= 1.25", against, runs)


def journey(folder: Path, campaigns: tuple[str, ...] = CAMPAIGNS) -> list[Result]:
    """Sales of a campaign's households over their likes, a household over the campaign, and the same for as long before it began."""
    tables = _Tables.read(folder)
    return [row for campaign in campaigns for row in _campaign(tables, campaign)]


@dataclass(frozen=True)
class _Tables:
    lines: pl.DataFrame
    campaigns: pl.DataFrame
    descriptions: pl.DataFrame
    coupons: pl.DataFrame
    households: pl.DataFrame

    @classmethod
    def read(cls, folder: Path) -> _Tables:
        import polars as pl

        lines, campaigns, descriptions, coupons = (pl.read_parquet(folder / f"{name}.parquet") for name in TABLES)
        local = pl.col("transaction_timestamp").dt.convert_time_zone(ZONE).dt.date()
        lines = lines.select("household_id", "basket_id", "product_id", amount="sales_value", ds=local)
        dated = descriptions.with_columns(pl.col("start_date", "end_date").cast(pl.Date))
        return cls(lines, campaigns, dated, coupons, lines.select("household_id").unique().sort("household_id"))

    def spent(self, first: date, before: date, products: pl.DataFrame | None = None) -> pl.DataFrame:
        """amount and baskets of every household from `first` until the day before `before`."""
        import polars as pl

        inside = self.lines.filter((pl.col("ds") >= first) & (pl.col("ds") < before))
        if products is not None:
            inside = inside.join(products, on="product_id", how="semi")
        sums = inside.group_by("household_id").agg(pl.col("amount").sum(), pl.col("basket_id").n_unique().alias("baskets"))
        return self.households.join(sums, on="household_id", how="left", maintain_order="left").fill_null(0)

    def known(self, campaign: str, at: date, products: pl.DataFrame) -> pl.DataFrame:
        """What of each household was known on the morning of `at`, on a log scale; the campaign's own list is not among it."""
        import polars as pl

        columns: dict[str, pl.Series] = {}
        for days in (*WINDOWS, (at - FIRST).days):
            found = self.spent(max(FIRST, at - timedelta(days=days)), at)
            columns |= {f"amount_{days}d": found["amount"].log1p(), f"baskets_{days}d": found["baskets"].log1p()}
        columns["promoted"] = self.spent(FIRST, at, products)["amount"].log1p()
        earlier = self.descriptions.filter((pl.col("start_date") < at) & (pl.col("campaign_id") != campaign))
        counts = self.campaigns.join(earlier, on="campaign_id", how="semi").group_by("household_id").len()
        joined = self.households.join(counts, on="household_id", how="left", maintain_order="left")
        return pl.DataFrame({**columns, "campaigns": joined["len"].fill_null(0)}).cast(pl.Float64)


def _campaign(tables: _Tables, campaign: str) -> list[Result]:
    import polars as pl

    row = tables.descriptions.filter(pl.col("campaign_id") == campaign).row(0, named=True)
    start, length = row["start_date"], row["end_date"] + timedelta(days=1) - row["start_date"]
    products = tables.coupons.filter(pl.col("campaign_id") == campaign).select("product_id").unique()
    reached = tables.campaigns.filter(pl.col("campaign_id") == campaign)["household_id"]
    treated = tables.households["household_id"].is_in(reached.implode()).cast(pl.Float64).to_numpy()
    found = {at: _held(tables, campaign, at, length, products, treated) for at in (start, start - length)}
    rows = []
    for at, kind in ((start, "effect"), (start - length, "placebo")):
        whole, promoted, after = found[at]
        for name, one in (("all", whole), ("promoted", promoted), ("change", after)):
            effect = one.effect
            against = (
                f"{effect.low:.2f}..{effect.high:.2f}, p {effect.p_value:.2g}; likes {one.control:.2f}; {one.pairs.treated.size} pairs"
            )
            rows.append(Result(f"insight_campaign_{campaign}_{kind}_{name}", effect.value, "$/household", "", against, 1))
    pairs = found[start][0].pairs
    before = float(pairs.balance.select(pl.col("before").abs().max()).item())
    against = f"standardised difference; {before:.2f} before, {pairs.unmatched} of {int(treated.sum())} without a like"
    rows.append(Result(f"insight_campaign_{campaign}_imbalance", pairs.worst.value, "", "<= 0.1", against, 1))
    return rows


def _held(
    tables: _Tables, campaign: str, at: date, length: timedelta, products: pl.DataFrame, treated: Any
) -> tuple[Matched, Matched, Matched]:
    """Amounts of all goods, of the promoted ones, and the change of all since as long before."""
    from storeloom.workers.insight import matching

    pairs = matching.pair(tables.known(campaign, at, products), treated, caliper=TIGHT)
    during = tables.spent(at, at + length)["amount"].to_numpy()
    promoted = tables.spent(at, at + length, products)["amount"].to_numpy()
    before = tables.spent(at - length, at)["amount"].to_numpy()
    return matching.matched(pairs, during), matching.matched(pairs, promoted), matching.matched(pairs, during - before)
