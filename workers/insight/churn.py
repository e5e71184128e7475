"""Who is about to leave: members of whom no purchase is to be expected within a stated time, with the drivers of that risk and their proof.

Without a contract nobody gives notice; churn is therefore defined: no purchase within `horizon_days` after a day. Two answers are offered:
the chance under BG/NBD (`bgnbd.BgNbd.p_alive`, and `no_purchase` below for the same horizon), which needs nothing but dates, and a
regularised logistic regression on behaviour, fitted at one day and judged at a later one. Sources: Buckinx and Van den Poel, EJOR 164
(2005) for the predictors; Hosmer and Lemeshow for calibration; DeLong's question (is the ranking real?) is answered by the bootstrap over
members.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from storeloom.core.kernel.errors import Finding
from storeloom.workers.insight import bgnbd
from storeloom.workers.insight.faults import InsightFault, require, require_setting
from storeloom.workers.insight.proportions import LEVEL, bootstrap, wilson
from storeloom.workers.insight.purchases import Purchases

Floats = NDArray[np.float64]
LEAST_MEMBERS = 100
LEAST_EITHER = 20
WINDOW_DAYS = 28
DRIVERS = {
    "recency_days": ("days since the last purchase", "距上次购买天数"),
    "frequency": ("purchase days", "购买天数"),
    "tenure_days": ("days since the first purchase", "首次购买至今天数"),
    "monetary": ("mean amount of a purchase", "平均购买金额"),
    "lateness": ("recency over the usual gap between purchases", "间隔超出平时的倍数"),
    "recent_share": ("share of the purchases made in the last 4 weeks", "近四周购买占比"),
    "trend": ("last 4 weeks against the 4 before", "近四周相对前四周的变化"),
    "breadth": ("different items", "商品种类数"),
}


@dataclass(frozen=True)
class Driver:
    """Odds of churn are multiplied by `odds_ratio` for each standard deviation more (on the log scale of a skewed figure)."""

    name: str
    en: str
    zh: str
    odds_ratio: float
    low: float
    high: float


@dataclass(frozen=True)
class ChurnModel:
    """A fitted logistic regression: `coefficients` on standardised features, `intercept`, `centre`, `scale`, strength `c` (1 / penalty).

    `drivers` by strength, with bootstrap intervals over members.
    """

    coefficients: Floats
    intercept: float
    centre: Floats
    scale: Floats
    c: float
    drivers: tuple[Driver, ...]

    def predict(self, features: pl.DataFrame) -> Floats:
        """Chance of churn of each member."""
        z = (_matrix(features) - self.centre) / self.scale
        return np.asarray(1 / (1 + np.exp(-(self.intercept + z @ self.coefficients))), dtype=np.float64)


@dataclass(frozen=True)
class Judgement:
    """How good chances of churn were: `auc`, `brier`, `skill` (1 - Brier / Brier of the base rate alone; at or below 0 it is worth
    nothing), each as (value, low, high); `curve`: decile, members, predicted, observed, low, high; `calibration_gap`: mean distance of
    predicted from observed, weighted by members."""

    members: int
    base_rate: float
    auc: tuple[float, float, float]
    brier: tuple[float, float, float]
    skill: tuple[float, float, float]
    curve: pl.DataFrame
    calibration_gap: float


def features(purchases: Purchases, at: date) -> pl.DataFrame:
    """member and one column for each of `DRIVERS`, from what was known on the morning of `at`."""
    known = purchases.before(at)
    day, window = pl.col("ds"), timedelta(days=WINDOW_DAYS)
    last4, before4 = day >= at - window, day.is_between(at - 2 * window, at - window - timedelta(days=1))
    days = known.days.group_by("member").agg(
        recency_days=(pl.lit(at) - day.max()).dt.total_days().cast(pl.Float64),
        frequency=pl.len().cast(pl.Float64),
        tenure_days=(pl.lit(at) - day.min()).dt.total_days().cast(pl.Float64),
        monetary=pl.col("amount").mean(),
        recent=last4.sum().cast(pl.Float64),
        earlier=before4.sum().cast(pl.Float64),
    )
    usual_gap = pl.max_horizontal((pl.col("tenure_days") - pl.col("recency_days")) / (pl.col("frequency") - 1), 1.0)
    items = known.bought.group_by("member").agg(breadth=pl.col("item").n_unique().cast(pl.Float64))
    return (
        days.join(items, on="member", how="left")
        .with_columns(
            lateness=pl.when(pl.col("frequency") > 1).then(pl.col("recency_days") / usual_gap).otherwise(1.0),
            recent_share=pl.col("recent") / pl.col("frequency"),
            trend=(pl.col("recent") + 1).log() - (pl.col("earlier") + 1).log(),
            breadth=pl.col("breadth").fill_null(0.0),
        )
        .select("member", *DRIVERS)
        .sort("member")
    )


def churned(purchases: Purchases, members: pl.DataFrame, at: date, horizon_days: int) -> Floats:
    """1 for each member without a purchase in the `horizon_days` from `at` on, 0 for the others; a fault where these are not yet known."""
    last = at + timedelta(days=horizon_days - 1)
    require("days known after the day of prediction", "预测日之后已知的天数", (purchases.until - at).days + 1, horizon_days)
    buyers = purchases.within(at, last).days.select("member").unique().with_columns(bought=pl.lit(True))
    joined = members.select("member").join(buyers, on="member", how="left", maintain_order="left")
    return joined["bought"].is_null().cast(pl.Float64).to_numpy()


def fit(table: pl.DataFrame, left: Any, *, draws: int = 100, seed: int = 0, level: float = LEVEL) -> ChurnModel:
    """L2-regularised logistic regression; the strength is the best of a grid by log-loss over five folds.

    Raises InsightFault below 100 members, or 20 who left or stayed.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_score

    y = _outcomes(left, table.height)
    require("members", "会员", table.height, LEAST_MEMBERS)
    require("members who left, or who stayed", "已流失或未流失的会员", int(min(y.sum(), (1 - y).sum())), LEAST_EITHER)
    raw = _matrix(table)
    centre, spread = raw.mean(axis=0), raw.std(axis=0)
    scale = np.where(spread > 1e-12, spread, 1.0)
    z = (raw - centre) / scale
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)

    def loss(c: float) -> float:
        return float(np.mean(cross_val_score(LogisticRegression(C=c, max_iter=500), z, y, cv=folds, scoring="neg_log_loss")))

    c = max((0.001, 0.01, 0.1, 1.0, 10.0), key=loss)
    model = LogisticRegression(C=c, max_iter=500).fit(z, y)
    weights = np.asarray(model.coef_[0], dtype=np.float64)
    return ChurnModel(weights, float(model.intercept_[0]), centre, scale, c, _drivers(weights, z, y, c, draws, seed, level))


def no_purchase(model: bgnbd.BgNbd, summary: pl.DataFrame, horizon_days: int) -> Floats:
    """Chance under BG/NBD that each member buys nothing in the next `horizon_days`.

    Alive, with rate ~ Gamma(r + x, alpha + T), it stays away with ((alpha + T) / (alpha + T + t)) ** (r + x); stopped, for certain.
    Averaged over the model's bootstrap draws.
    """
    weeks = horizon_days / bgnbd.DAYS_A_WEEK
    x, _, age = bgnbd.columns(summary)
    total = np.zeros(x.size)
    params = model.draws if len(model.draws) else model.params[None, :]
    for row in params:
        r, alpha, a, b = (float(value) for value in row)
        one = replace(model, r=r, alpha=alpha, a=a, b=b)
        alive = one.p_alive(summary)
        total += 1 - alive + alive * ((one.alpha + age) / (one.alpha + age + weeks)) ** (one.r + x)
    return total / len(params)


def judge(
    chances: Any,
    left: Any,
    *,
    members: Sequence[str] | None = None,
    draws: int = 500,
    seed: int = 0,
    level: float = LEVEL,
    bins: int = 10,
) -> Judgement:
    """Chances of churn against what came, with bootstrap intervals over members.

    `members`: whose chance each is, where several days are judged together: a member is then drawn with all its days.
    """
    p = np.asarray(chances, dtype=np.float64)
    y = _outcomes(left, p.size)
    require_setting("chances", "outside", "0..1", bool(np.all((p >= 0) & (p <= 1))))
    require("members who left, or who stayed", "已流失或未流失的会员", int(min(y.sum(), (1 - y).sum())), 1)

    def brier(rows: Any) -> float:
        return float(np.mean((p[rows] - y[rows]) ** 2))

    def skill(rows: Any) -> float:
        base = float(np.var(y[rows]))
        return 1 - brier(rows) / base if base > 0 else math.nan

    everyone = np.arange(p.size)
    _, codes = np.unique(np.asarray(members) if members is not None else everyone, return_inverse=True)
    rows_of = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])

    def with_interval(figure: Any) -> tuple[float, float, float]:
        def drawn(units: NDArray[np.intp]) -> float:
            return float(figure(np.concatenate([rows_of[unit] for unit in units])))

        return (figure(everyone), *bootstrap(drawn, len(rows_of), draws=draws, seed=seed, level=level))

    curve = _curve(p, y, bins, level)
    gap = float(((curve["predicted"] - curve["observed"]).abs() * curve["members"]).sum()) / p.size
    ranked = with_interval(lambda rows: area_under_curve(p[rows], y[rows]))
    return Judgement(p.size, float(y.mean()), ranked, with_interval(brier), with_interval(skill), curve, gap)


def area_under_curve(chances: Floats, left: Floats) -> float:
    """Chance that one who left had the higher figure than one who stayed, ties counting half (Mann-Whitney); nan where all are alike."""
    from scipy.stats import rankdata

    positives = float(left.sum())
    negatives = left.size - positives
    if not positives or not negatives:
        return math.nan
    ranks = rankdata(chances)
    return float((ranks[left == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def _outcomes(left: Any, size: int) -> Floats:
    y = np.asarray(left, dtype=np.float64)
    if y.size != size or not bool(np.all((y == 0) | (y == 1))):
        got, allowed = {"en": "something else", "zh": "其他取值"}, {"en": "0 or 1, one for each member", "zh": "每位会员一个 0 或 1"}
        raise InsightFault(Finding("SL-CUS-03", {"column": "left", "got": got, "count": y.size, "allowed": allowed}))
    return y


def _matrix(table: pl.DataFrame) -> Floats:
    """Skewed counts and amounts on the log scale; shares and trends as they are."""
    straight = {"recent_share", "trend"}
    columns = [pl.col(name) if name in straight else pl.col(name).clip(lower_bound=0).log1p() for name in DRIVERS]
    return np.asarray(table.select(columns).to_numpy(), dtype=np.float64)


def _drivers(weights: Floats, z: Floats, y: Floats, c: float, draws: int, seed: int, level: float) -> tuple[Driver, ...]:
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(draws):
        rows = rng.integers(0, y.size, y.size)
        if 0 < y[rows].sum() < y.size:
            drawn.append(LogisticRegression(C=c, max_iter=500).fit(z[rows], y[rows]).coef_[0])
    if drawn:
        low, high = np.exp(np.quantile(np.array(drawn), [(1 - level) / 2, (1 + level) / 2], axis=0))
    else:
        low, high = np.zeros(weights.size), np.full(weights.size, np.inf)
    found = [Driver(name, *DRIVERS[name], float(np.exp(weights[i])), float(low[i]), float(high[i])) for i, name in enumerate(DRIVERS)]
    return tuple(sorted(found, key=lambda one: -abs(math.log(one.odds_ratio))))


def _curve(p: Floats, y: Floats, bins: int, level: float) -> pl.DataFrame:
    """Groups of equal size by predicted chance; equal chances may be split, as the order among them is that of the members."""
    rows = []
    for number, inside in enumerate(np.array_split(np.argsort(p, kind="stable"), min(bins, p.size))):
        hits = int(y[inside].sum())
        low, high = wilson(hits, inside.size, level)
        rows.append((number + 1, inside.size, float(p[inside].mean()), hits / inside.size, low, high))
    return pl.DataFrame(rows, schema=["decile", "members", "predicted", "observed", "low", "high"], orient="row")
