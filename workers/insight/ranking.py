"""Whether recommendations are any good: hit rate and NDCG on purchases to come, against popularity, over several splits in time.

A split knows what lies before its day and is judged by what members bought in the days after; nothing later is seen, unlike with held-out
random lines. Intervals resample members, each with all its splits. NDCG: Jaervelin and Kekaelaeinen, ACM TOIS 20 (2002), gain 1 an item
bought.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from storeloom.workers.insight import recommend
from storeloom.workers.insight.faults import require
from storeloom.workers.insight.proportions import LEVEL
from storeloom.workers.insight.purchases import Purchases

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Backtest:
    """`members`: cut, method, member, hit, ndcg of each judged member. `table`: method, figure (hit_rate, ndcg), value, low, high, and its
    ratio to popularity with `ratio_low`, `ratio_high`. `by_cut`: cut, method, members, hit_rate, ndcg, coverage (share of items
    offered)."""

    members: pl.DataFrame
    table: pl.DataFrame
    by_cut: pl.DataFrame


def score(recommended: pl.DataFrame, bought: pl.DataFrame, k: int = 10) -> pl.DataFrame:
    """member, hit (1: something among the first k was bought) and ndcg of each member of `bought` (member, item)."""
    wanted = bought.select("member", "item").unique()
    ideal = np.cumsum(1 / np.log2(np.arange(2, k + 2)))
    sizes = wanted.group_by("member").agg(pl.len().clip(upper_bound=k).alias("size"))
    gains = (
        recommended.filter(pl.col("rank") <= k)
        .join(wanted, on=["member", "item"], how="semi")
        .group_by("member")
        .agg(gain=(1 / (pl.col("rank") + 1).log(2)).sum())
    )
    joined = sizes.join(gains, on="member", how="left").with_columns(pl.col("gain").fill_null(0.0)).sort("member")
    best = ideal[joined["size"].to_numpy() - 1]
    return joined.select(
        "member", hit=(pl.col("gain") > 0).cast(pl.Float64), ndcg=pl.Series(joined["gain"].to_numpy() / best, dtype=pl.Float64)
    )


def backtest(
    purchases: Purchases,
    cuts: Sequence[date],
    *,
    catalogue: pl.DataFrame | None = None,
    methods: Sequence[str] = ("popular", "hybrid"),
    days_ahead: int = 28,
    k: int = 10,
    drop_bought: bool = False,
    draws: int = 1_000,
    seed: int = 0,
    level: float = LEVEL,
) -> Backtest:
    """Methods judged on the members known before each cut that bought something in the `days_ahead` from it on.

    `drop_bought`: only what the member had not bought before is offered, and counts. Raises InsightFault without a cut, or where days after
    a cut are not yet known.
    """
    require("cuts", "切分日", len(cuts), 1)
    require("days known after the last cut", "最后切分日之后已知的天数", (purchases.until - max(cuts)).days + 1, days_ahead)
    names = list(dict.fromkeys(["popular", *methods]))
    judged, by_cut = [], []
    for cut in cuts:
        data = recommend.interactions(purchases, cut, catalogue)
        after = purchases.within(cut, cut + timedelta(days=days_ahead - 1)).bought.filter(pl.col("member").is_in(list(data.members)))
        if drop_bought:
            after = after.join(purchases.before(cut).bought, on=["member", "item"], how="anti")
        members = after["member"].unique().sort().to_list()
        for method in names:
            model = recommend.fit(data, method, seed=seed + 1)
            offered = recommend.recommend(model, members, k, recommend.Wishes(drop_bought=drop_bought))
            found = score(offered, after, k)
            judged.append(found.select(pl.lit(cut).alias("cut"), pl.lit(method).alias("method"), "member", "hit", "ndcg"))
            coverage = offered["item"].n_unique() / len(data.items)
            by_cut.append((cut, method, len(members), found["hit"].mean(), found["ndcg"].mean(), coverage))
    members_table = pl.concat(judged)
    shape = ["cut", "method", "members", "hit_rate", "ndcg", "coverage"]
    return Backtest(members_table, _table(members_table, names, draws, seed, level), pl.DataFrame(by_cut, schema=shape, orient="row"))


def _table(judged: pl.DataFrame, names: Sequence[str], draws: int, seed: int, level: float) -> pl.DataFrame:
    people = judged["member"].unique().sort().to_list()
    sums = {
        (method, figure): judged.filter(pl.col("method") == method)
        .group_by("member")
        .agg(pl.col(figure).sum().alias("sum"), pl.len().alias("times"))
        .sort("member")
        for method in names
        for figure in ("hit", "ndcg")
    }
    weights = np.random.default_rng(seed).multinomial(len(people), np.full(len(people), 1 / len(people)), size=draws)
    ends = [(1 - level) / 2, (1 + level) / 2]
    rows = []
    for (method, figure), each in sums.items():
        total, times = each["sum"].to_numpy(), each["times"].to_numpy()
        base = sums["popular", figure]["sum"].to_numpy()
        drawn = (weights @ total) / (weights @ times)
        ratios = (weights @ total) / np.maximum(weights @ base, 1e-12)
        (low, high), (ratio_low, ratio_high) = np.quantile(drawn, ends), np.quantile(ratios, ends)
        value, ratio = float(total.sum() / times.sum()), float(total.sum() / max(base.sum(), 1e-12))
        name = {"hit": "hit_rate", "ndcg": "ndcg"}[figure]
        rows.append((method, name, value, float(low), float(high), ratio, float(ratio_low), float(ratio_high)))
    shape = ["method", "figure", "value", "low", "high", "ratio", "ratio_low", "ratio_high"]
    return pl.DataFrame(rows, schema=shape, orient="row")
