"""How often members will buy, and whether they still do: the BG/NBD model of purchases without a contract.

Source: Fader, Hardie and Lee, "Counting Your Customers the Easy Way", Marketing Science 24 (2005). While alive a member buys as a Poisson
process with rate lambda ~ Gamma(r, alpha); after each purchase it stops for good with chance p ~ Beta(a, b). A member is known by
`x` (repeat purchases), `t_x` (time of the last one) and `T` (time watched), both since the first purchase, in weeks. The packages that
offer the model are either no longer kept (`lifetimes`) or sample it with PyMC, which a store's server need not carry.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import betaincinv, betaln, digamma, gammaln, hyp2f1

from storeloom.core.kernel.errors import Finding
from storeloom.workers.insight import likelihood
from storeloom.workers.insight.faults import InsightFault, require, require_setting
from storeloom.workers.insight.proportions import LEVEL
from storeloom.workers.insight.purchases import Purchases

Floats = NDArray[np.float64]
DAYS_A_WEEK = 7.0
LEAST_MEMBERS = 50
LEAST_REPEATS = 10
QUANTILES = 400
PARAMETERS = ("r", "alpha", "a", "b")
STARTS = ((0.5, 5.0, 0.8, 2.5), (1.0, 1.0, 1.0, 1.0), (1.0, 5.0, 0.1, 5.0))
MODEL = {"en": "BG/NBD model", "zh": "BG/NBD 模型"}


@dataclass(frozen=True)
class BgNbd:
    """`draws`: bootstrap estimates, draws x 4 in the order of `PARAMETERS`; `identified`: False where the search ended at its edge, as
    with members of whom none seems to stop; figures of purchases hold then, single parameters mean nothing."""

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float
    members: int
    identified: bool
    draws: Floats

    @property
    def params(self) -> Floats:
        return np.array([self.r, self.alpha, self.a, self.b])

    def interval(self, level: float = LEVEL) -> dict[str, tuple[float, float]]:
        """Percentile intervals of the parameters over the bootstrap draws."""
        low, high = np.quantile(self.draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
        return {name: (float(low[i]), float(high[i])) for i, name in enumerate(PARAMETERS)}

    def p_alive(self, summary: pl.DataFrame) -> Floats:
        """Chance that each member is still one; 1 for those with no repeat purchase, for the model lets nobody stop before (its limit)."""
        return _p_alive(self.params, *columns(summary))

    def expected(self, summary: pl.DataFrame, weeks: float) -> Floats:
        """Purchases that each member is expected to make in the next `weeks` (equation 10)."""
        return _expected(self.params, *columns(summary), weeks)

    def expected_new(self, weeks: float) -> float:
        """Repeat purchases of a member in the `weeks` after the first purchase (equation 9)."""
        r, alpha, a, b = _off_pole(self.params)
        share = (alpha / (alpha + weeks)) ** r * hyp2f1(r, b, a + b - 1, weeks / (alpha + weeks))
        return float((a + b - 1) / (a - 1) * (1 - share))


def summarise(purchases: Purchases) -> pl.DataFrame:
    """member, first, x, t_x, T, monetary: weeks since the first purchase; several receipts of a day are one purchase.

    `monetary` is the mean amount of the repeat purchases (null without any): the first one is not what the model of spend is about.
    """
    first = pl.col("ds").min()
    repeat = pl.col("amount").filter(pl.col("ds") > first)
    return (
        purchases.days.group_by("member")
        .agg(
            first=first,
            x=(pl.len() - 1).cast(pl.Float64),
            t_x=(pl.col("ds").max() - first).dt.total_days() / DAYS_A_WEEK,
            T=(pl.lit(purchases.until) - first).dt.total_days() / DAYS_A_WEEK,
            monetary=repeat.mean(),
        )
        .sort("member")
    )


def columns(summary: pl.DataFrame) -> tuple[Floats, Floats, Floats]:
    """x, t_x and T; a fault where they cannot be (t_x beyond T, x without t_x)."""
    x, t_x, age = (summary[name].cast(pl.Float64).to_numpy() for name in ("x", "t_x", "T"))
    wrong = int(np.sum(~((x >= 0) & (t_x >= 0) & (t_x <= age + 1e-9) & ((x > 0) == (t_x > 0)))))
    if wrong:
        allowed = {"en": "0 <= t_x <= T, and t_x above 0 just where x is", "zh": "0 <= t_x <= T，且仅当 x 大于 0 时 t_x 大于 0"}
        got = {"en": "impossible values", "zh": "不可能的取值"}
        raise InsightFault(Finding("SL-CUS-03", {"column": "x, t_x, T", "got": got, "count": wrong, "allowed": allowed}))
    return x, t_x, age


def fit(summary: pl.DataFrame, *, draws: int = 100, seed: int = 0) -> BgNbd:
    """Maximum likelihood over members (equation 6); `draws` bootstrap refits carry the uncertainty into what is derived.

    A column `n`, where there is one, says how many members a row stands for. Raises InsightFault below 50 members or 10 with a repeat.
    """
    require_setting("draws", draws, ">= 0", draws >= 0)
    rows, weights = _grouped(summary)
    require("members", "会员", int(weights.sum()), LEAST_MEMBERS)
    require("members who bought again", "重复购买的会员", int(weights[rows[:, 0] > 0].sum()), LEAST_REPEATS)
    objective = _objective(rows)
    best = likelihood.maximise(objective, weights, [np.log(np.array(start)) for start in STARTS])
    r, alpha, a, b = (float(value) for value in np.exp(best.log_params))
    drawn = likelihood.bootstrap(objective, weights, best, draws=draws, seed=seed) if draws else np.empty((0, 4))
    return BgNbd(r, alpha, a, b, best.log_likelihood, int(weights.sum()), best.inside, drawn)


def profile_intervals(summary: pl.DataFrame, level: float = LEVEL) -> dict[str, tuple[float, float]]:
    """Likelihood-ratio intervals of the parameters; slower than the bootstrap's, exact where these are skewed."""
    rows, weights = _grouped(summary)
    objective = _objective(rows)
    best = likelihood.maximise(objective, weights, [np.log(np.array(start)) for start in STARTS])
    return dict(zip(PARAMETERS, likelihood.profile(objective, weights, best, level), strict=True))


def simulate(
    model: BgNbd, summary: pl.DataFrame, weeks: float, *, steps: int = 1, draws: int = 200, seed: int | tuple[int, ...] = 0
) -> Floats:
    """What may happen: draws x steps x members purchases in `steps` equal parts of the next `weeks`.

    Each draw takes one bootstrap estimate of the parameters (the estimate itself where there are none), then each member's own rate, chance
    of stopping and whether it still buys from what its history leaves open: sums over members have honest predictive intervals. A draw
    takes the same parameters for whichever members are asked, so that parts of a large summary can be simulated one after the other.
    """
    rng = np.random.default_rng(seed)
    x, t_x, age = columns(summary)
    found = np.empty((draws, steps, x.size))
    for number in range(draws):
        r, alpha, a, b = params = model.draws[number % len(model.draws)] if len(model.draws) else model.params
        alive = rng.random(x.size) < _p_alive(params, x, t_x, age)
        rate = rng.gamma(r + x, 1 / (alpha + age))
        until_stop = np.where(alive, rng.geometric(np.clip(rng.beta(a, b + x), 1e-12, 1.0)), 0)
        for step in range(steps):
            wanted = rng.poisson(rate * weeks / steps)
            made = np.minimum(wanted, until_stop)
            until_stop = until_stop - made
            found[number, step] = made
    return found


def _grouped(summary: pl.DataFrame) -> tuple[Floats, Floats]:
    """Distinct x, t_x, T and how many members have them: the sufficient statistics."""
    x, t_x, age = columns(summary)
    rows, inverse = np.unique(np.column_stack([x, t_x, age]), axis=0, return_inverse=True)
    counts = summary["n"].cast(pl.Float64).to_numpy() if "n" in summary.columns else np.ones(x.size)
    return rows, np.bincount(inverse.ravel(), counts).astype(np.float64)


def _objective(rows: Floats) -> likelihood.Objective:
    x, t_x, age = rows.T
    again = x > 0
    before = np.where(again, x - 1, 0)

    def value(point: Floats, weights: Floats) -> tuple[float, Floats]:
        r, alpha, a, b = np.exp(point)
        stays = -(r + x) * np.log(alpha + age)
        stops = np.where(again, np.log(a) - np.log(b + before) - (r + x) * np.log(alpha + t_x), -np.inf)
        either = np.logaddexp(stays, stops)
        stopped = np.exp(stops - either)
        front = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + betaln(a, b + x) - betaln(a, b)
        mean_log = (1 - stopped) * np.log(alpha + age) + stopped * np.log(alpha + t_x)
        mean_inverse = (1 - stopped) / (alpha + age) + stopped / (alpha + t_x)
        slope = np.array(
            [
                weights @ (digamma(r + x) - digamma(r) + np.log(alpha) - mean_log) * r,
                weights @ (r / alpha - (r + x) * mean_inverse) * alpha,
                weights @ (digamma(a + b) - digamma(a + b + x) + stopped / a) * a,
                weights @ (digamma(b + x) - digamma(a + b + x) - digamma(b) + digamma(a + b) - stopped / (b + before)) * b,
            ]
        )
        return float(weights @ (front + either)), slope

    return value


def _p_alive(params: Floats, x: Floats, t_x: Floats, age: Floats) -> Floats:
    r, alpha, a, b = params
    again = x > 0
    odds = np.log(a) - np.log(b + np.where(again, x - 1, 0)) + (r + x) * np.log((alpha + age) / (alpha + t_x))
    return np.asarray(np.where(again, 1 / (1 + np.exp(np.minimum(odds, 700.0))), 1.0), dtype=np.float64)


def _expected(params: Floats, x: Floats, t_x: Floats, age: Floats, weeks: float) -> Floats:
    require_setting("weeks", weeks, ">= 0", weeks >= 0)
    r, alpha, a, b = _off_pole(params)
    ratio = weeks / (alpha + age + weeks)
    with np.errstate(over="ignore", invalid="ignore"):
        left = (1 - ratio) ** (a - 1) * hyp2f1(a + b - 1 - r, a - 1, a + b + x - 1, ratio)  # Euler's form: no huge powers
        alive = np.asarray((a + b + x - 1) / (a - 1) * (1 - left), dtype=np.float64)
    lost = ~np.isfinite(alive)
    alive[lost] = _averaged((r, alpha, a, b), x[lost], age[lost], weeks)
    return np.asarray(alive * _p_alive(params, x, t_x, age), dtype=np.float64)


def _averaged(params: tuple[float, float, float, float], x: Floats, age: Floats, weeks: float) -> Floats:
    """The same for a member who is alive, where the closed form overflows: the mean over p ~ Beta(a, b + x) of what p leaves to buy."""
    r, alpha, a, b = params
    shares = (np.arange(QUANTILES) + 0.5) / QUANTILES
    p = np.maximum(betaincinv(a, b + x[:, None], shares[None, :]), 1e-12)
    made = -np.expm1(-(r + x)[:, None] * np.log1p(p * weeks / (alpha + age)[:, None])) / p
    return np.asarray(made.mean(axis=1), dtype=np.float64)


def _off_pole(params: Floats) -> Floats:
    """The closed forms divide by a - 1, where the limit is finite: step aside."""
    a = params[2]
    return np.array([params[0], params[1], a if abs(a - 1) > 1e-5 else 1 + 1e-5, params[3]])


def watched_from(purchases: Purchases, first: date) -> pl.DataFrame:
    """The summary of those alone whose first purchase is on or after `first`.

    In records that begin on some day, the first purchase seen of an old member is not its first: its cohort is that of the record.
    """
    return summarise(purchases).filter(pl.col("first") >= first)
