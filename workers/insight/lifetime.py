"""What members will spend: Gamma-Gamma model of the amount a purchase, joined with BG/NBD to a lifetime value, and its hold-out check.

Sources: Fader, Hardie and Lee, "RFM and CLV", Journal of Marketing Research 42 (2005); Fader and Hardie, "The Gamma-Gamma Model of Monetary
Value" (2013). Amounts of a member's purchases are Gamma(p, nu), nu ~ Gamma(q, v) over members; how much is spent must not hang on how
often, which `GammaGamma.correlation` checks. Money is in whatever unit the amounts are in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import digamma, gammaln

from storeloom.workers.insight import bgnbd, likelihood
from storeloom.workers.insight.faults import require, require_setting
from storeloom.workers.insight.proportions import LEVEL, z_of
from storeloom.workers.insight.purchases import Purchases

Floats = NDArray[np.float64]
SPEND_PARAMETERS = ("p", "q", "v")
STARTS = ((5.0, 4.0, 15.0), (1.0, 2.0, 1.0), (2.0, 10.0, 100.0))
LEAST_BUYERS = 30
BLOCK = 5_000
RESAMPLES = 500
TINY = 1e-6
CLASSES = (0, 1, 2, 3, 5, 8, 13, 21)
WEEKS_A_YEAR = 365.25 / 7


@dataclass(frozen=True)
class GammaGamma:
    """`correlation`: of the number of purchases with the mean amount over members, with its interval (Fisher's z): the model's premise is
    that it is near 0. `draws`: bootstrap estimates, draws x 3."""

    p: float
    q: float
    v: float
    log_likelihood: float
    members: int
    identified: bool
    correlation: tuple[float, float, float]
    draws: Floats

    @property
    def params(self) -> Floats:
        return np.array([self.p, self.q, self.v])

    def interval(self, level: float = LEVEL) -> dict[str, tuple[float, float]]:
        """Percentile intervals of the parameters over the bootstrap draws."""
        low, high = np.quantile(self.draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
        return {name: (float(low[i]), float(high[i])) for i, name in enumerate(SPEND_PARAMETERS)}

    def mean_amount(self, summary: pl.DataFrame) -> Floats:
        """Expected amount of each member's coming purchases: its own mean drawn to that of all, the more the fewer it made."""
        x, mean = summary["x"].cast(pl.Float64).to_numpy(), summary["monetary"].fill_null(0.0).to_numpy()
        return np.asarray(self.p * (self.v + x * mean) / (self.p * x + self.q - 1), dtype=np.float64)


@dataclass(frozen=True)
class HoldOut:
    """The check of both models on a time they did not see.

    `members`: member, first, x, expected, own_rate, last_period, actual. `total`: actual, expected, low, high. `classes` (by repeat
    purchases seen) and `cohorts` (by month of the first purchase): members, actual, expected, low, high, covered. `errors`: mean absolute
    and root mean square error of each member's count by `rule`, and the model's root mean square error over that rule's with its interval
    over members: the model gives means, which squared errors judge.
    """

    members: pl.DataFrame
    total: dict[str, float]
    classes: pl.DataFrame
    cohorts: pl.DataFrame
    errors: pl.DataFrame

    @property
    def covered(self) -> float:
        """Share of classes whose actual total lies within the predictive interval: near the level where the model fits."""
        found = self.classes["covered"].mean()
        assert isinstance(found, float)
        return found


def fit_spend(summary: pl.DataFrame, *, draws: int = 100, seed: int = 0) -> GammaGamma:
    """Maximum likelihood over members with a repeat purchase. Raises InsightFault below 30 of them."""
    buyers = summary.filter((pl.col("x") > 0) & (pl.col("monetary") > 0))
    require("members who bought again", "重复购买的会员", buyers.height, LEAST_BUYERS)
    x, mean = buyers["x"].cast(pl.Float64).to_numpy(), buyers["monetary"].to_numpy()
    scale = float(np.median(mean))
    objective = _spend_objective(x, mean / scale)
    weights = np.ones(x.size)
    best = likelihood.maximise(objective, weights, [np.log(np.array(start)) for start in STARTS])
    drawn = likelihood.bootstrap(objective, weights, best, draws=draws, seed=seed) if draws else np.empty((0, 3))
    p, q, v = np.exp(best.log_params) * (1, 1, scale)
    value = best.log_likelihood - x.size * math.log(scale)
    return GammaGamma(float(p), float(q), float(v), value, x.size, best.inside, _correlation(x, mean), drawn * (1, 1, scale))


def value(
    visits: bgnbd.BgNbd,
    spend: GammaGamma,
    summary: pl.DataFrame,
    *,
    weeks: float = 52,
    discount: float = 0.0,
    margin: float = 1.0,
    steps: int = 13,
    draws: int = 200,
    seed: int = 0,
    level: float = LEVEL,
) -> pl.DataFrame:
    """member, p_alive, purchases, mean_amount, value, low, high over the next `weeks`.

    `discount`: yearly rate, applied at the middle of each of `steps` equal parts (one without it); `margin`: share of the amount that is
    earned. `low` and `high` hold what the member may bring (predictive, not of the mean), from `draws` simulations.
    """
    require_setting("discount", discount, ">= 0", discount >= 0)
    require_setting("margin", margin, "0..1", 0 <= margin <= 1)
    steps = steps if discount else 1
    ends = [visits.expected(summary, weeks * (step + 1) / steps) for step in range(steps)]
    parts = np.diff(np.array([np.zeros(summary.height), *ends]), axis=0)
    worth = np.array([(1 + discount) ** (-(step + 0.5) * weeks / steps / WEEKS_A_YEAR) for step in range(steps)]) * margin
    amount = spend.mean_amount(summary)
    limits = []
    for number, block in enumerate(summary.iter_slices(BLOCK)):
        made = bgnbd.simulate(visits, block, weeks, steps=steps, draws=draws, seed=(seed, number))
        brought = np.einsum("dsm,s->dm", _simulated_amounts(spend, block, made, (seed, number, 1)), worth)
        limits.append(np.quantile(brought, [(1 - level) / 2, (1 + level) / 2], axis=0))
    low, high = np.concatenate(limits, axis=1)
    return summary.select("member").with_columns(
        p_alive=pl.Series(visits.p_alive(summary)),
        purchases=pl.Series(ends[-1]),
        mean_amount=pl.Series(amount),
        value=pl.Series((worth @ parts) * amount),
        low=pl.Series(low),
        high=pl.Series(high),
    )


def hold_out(
    purchases: Purchases, cut: date, *, first: date | None = None, draws: int = 100, seed: int = 0, level: float = LEVEL
) -> HoldOut:
    """Fit on what was known before `cut`, predict the purchases from then on to the last day known, and compare.

    `first`: only members whose first purchase is on or after it (their time since then is known). Naive rules: the rate since the first
    purchase goes on; as many as in the equally long time just before.
    """
    days_ahead = (purchases.until - cut).days + 1
    require("days to hold out", "留出天数", days_ahead, 7)
    known, horizon = purchases.before(cut), days_ahead / bgnbd.DAYS_A_WEEK
    summary = bgnbd.summarise(known) if first is None else bgnbd.watched_from(known, first)
    model = bgnbd.fit(summary, draws=draws, seed=seed)
    table = _counted(summary, purchases.within(cut, purchases.until), "actual")
    table = _counted(table, known.within(cut - timedelta(days=days_ahead), cut), "last_period").with_columns(
        expected=pl.Series(model.expected(summary, horizon)),
        own_rate=pl.col("x") / pl.when(pl.col("T") > 0).then(pl.col("T")).otherwise(1.0) * horizon,
        by_class=pl.col("x").map_elements(_class_of, return_dtype=pl.String),
        by_cohort=pl.col("first").dt.strftime("%Y-%m"),
        by_all=pl.lit("all"),
    )
    whole, classes, cohorts = (
        _groups(table, by, model, horizon, max(draws, 200), seed, level) for by in ("by_all", "by_class", "by_cohort")
    )
    total = whole.row(0, named=True)
    return HoldOut(
        table.select("member", "first", "x", "expected", "own_rate", "last_period", "actual"),
        {key: float(total[key]) for key in ("actual", "expected", "low", "high")},
        classes,
        cohorts,
        _errors(table, seed, level),
    )


def _spend_objective(x: Floats, mean: Floats) -> likelihood.Objective:
    log_mean, log_x = np.log(mean), np.log(x)

    def value(point: Floats, weights: Floats) -> tuple[float, Floats]:
        p, q, v = np.exp(point)
        px, total = p * x, x * mean + v
        each = gammaln(px + q) - gammaln(px) - gammaln(q) + q * np.log(v) + (px - 1) * log_mean + px * log_x - (px + q) * np.log(total)
        slope = np.array(
            [
                weights @ (x * (digamma(px + q) - digamma(px) + log_mean + log_x - np.log(total))) * p,
                weights @ (digamma(px + q) - digamma(q) + np.log(v) - np.log(total)) * q,
                weights @ (q / v - (px + q) / total) * v,
            ]
        )
        return float(weights @ each), slope

    return value


def _correlation(x: Floats, mean: Floats) -> tuple[float, float, float]:
    if np.ptp(x) == 0 or np.ptp(mean) == 0:
        return 0.0, 0.0, 0.0
    found = float(np.corrcoef(x, mean)[0, 1])
    half = z_of(LEVEL) / math.sqrt(x.size - 3)
    middle = math.atanh(min(max(found, -0.999999), 0.999999))
    return found, math.tanh(middle - half), math.tanh(middle + half)


def _simulated_amounts(spend: GammaGamma, summary: pl.DataFrame, made: Floats, seed: tuple[int, ...]) -> Floats:
    """Amounts of the simulated purchases: each member's nu from what its history leaves open, then a Gamma sum."""
    rng = np.random.default_rng(seed)
    x, mean = summary["x"].cast(pl.Float64).to_numpy(), summary["monetary"].fill_null(0.0).to_numpy()
    paid = np.empty_like(made)
    for number in range(len(made)):
        p, q, v = spend.draws[number % len(spend.draws)] if len(spend.draws) else spend.params
        nu = rng.gamma(p * x + q, 1 / (v + x * mean))
        paid[number] = rng.gamma(np.maximum(p * made[number], 1e-12), 1.0) / nu * (made[number] > 0)
    return paid


def _counted(table: pl.DataFrame, purchases: Purchases, name: str) -> pl.DataFrame:
    counts = purchases.days.group_by("member").agg(pl.len().cast(pl.Float64).alias(name))
    return table.join(counts, on="member", how="left", maintain_order="left").with_columns(pl.col(name).fill_null(0.0))


def _class_of(x: float) -> str:
    at = max(index for index, least in enumerate(CLASSES) if x >= least)
    if at + 1 == len(CLASSES):
        return f"{CLASSES[at]:02d}+"
    last = CLASSES[at + 1] - 1
    return f"{CLASSES[at]:02d}" if last == CLASSES[at] else f"{CLASSES[at]:02d}-{last:02d}"


def _groups(table: pl.DataFrame, by: str, model: bgnbd.BgNbd, weeks: float, draws: int, seed: int, level: float) -> pl.DataFrame:
    """Actual, expected and simulated sums of each group, members taken in blocks."""
    names = table[by].unique().sort().to_list()
    sums = np.zeros((draws, len(names)))
    for number, block in enumerate(table.iter_slices(BLOCK)):
        made = bgnbd.simulate(model, block, weeks, draws=draws, seed=(seed, number))[:, 0, :]
        sums += made @ np.array([(block[by] == name).to_numpy() for name in names], dtype=np.float64).T
    rows = []
    for index, name in enumerate(names):
        inside = table.filter(pl.col(by) == name)
        low, high = np.quantile(sums[:, index], [(1 - level) / 2, (1 + level) / 2])
        actual, expected = (float(inside[key].sum()) for key in ("actual", "expected"))
        row = {"members": inside.height, "actual": actual, "expected": expected, "low": float(low), "high": float(high)}
        rows.append({"group": name, **row, "covered": bool(low <= actual <= high)})
    return pl.DataFrame(rows)


def _errors(table: pl.DataFrame, seed: int, level: float) -> pl.DataFrame:
    actual = table["actual"].to_numpy()
    misses = {name: table[name].to_numpy() - actual for name in ("expected", "own_rate", "last_period")}
    rng, shares = np.random.default_rng(seed), np.full(actual.size, 1 / actual.size)
    squares = np.array([miss**2 for miss in misses.values()])
    drawn = np.sqrt(np.array([squares @ rng.multinomial(actual.size, shares) for _ in range(RESAMPLES)]) / actual.size)
    rows = []
    for index, (name, miss) in enumerate(misses.items()):
        low, high = np.quantile(drawn[:, 0] / np.maximum(drawn[:, index], TINY), [(1 - level) / 2, (1 + level) / 2])
        mae, rmse = float(np.mean(np.abs(miss))), float(np.sqrt(np.mean(miss**2)))
        ratio = float(np.sqrt(np.mean(misses["expected"] ** 2))) / max(rmse, TINY)
        rows.append({"rule": name, "mae": mae, "rmse": rmse, "model_to_it": ratio, "low": float(low), "high": float(high)})
    return pl.DataFrame(rows)
