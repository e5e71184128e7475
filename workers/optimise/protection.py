"""From forecasts to orders: the demand of the days that an order must last, by items.

An order made at a review must last until the goods of the next one can be sold: the lead time and the review interval, the protection
interval of Silver, Pyke and Thomas. Errors of its days go together (a warm week, a level forecast too low), so that their variances do
not just add up. The forecaster tells the spread of each day and, apart from it, of the sum over its horizon of H days; between the two
stands one correlation of all pairs of days of an item,

    rho = (var(sum of H) - sum of var) / ((sum of sd) squared - sum of var),    held within -1 / (H - 1) and 1,

and the sum over the L days of the interval has the variance (sum of var) + rho ((sum of sd) squared - sum of var). For L = H it is the
forecaster's own, for rho = 0 that of independent days. Quantiles follow the shape of a day's for L = 1 and of the sum's for L = H, by
straight lines between. For a lead time of chance, means and variances of its lengths are mixed (law of total variance).
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from storeloom.core.kernel.errors import Finding
from storeloom.workers.optimise.newsvendor import Demand
from storeloom.workers.optimise.order_up_to import Review, Service
from storeloom.workers.optimise.stock_input import Floats, complain, setting

if TYPE_CHECKING:
    from storeloom.workers.forecast.chain import Forecasts

NORMAL = NormalDist()
POINTS = 199
BISECTIONS = 40
PARTS = 48
TINY = 1e-9


@dataclass(frozen=True)
class Outlook:
    """`table`: unique_id, mean, sd and rho of the demand of the interval, of its lead time (`lead_mean`, `lead_sd`) and of one review
    (`review_mean`); quantiles of the interval (q10 is the 10 % quantile). In the items' units."""

    table: pl.DataFrame
    shares: tuple[float, ...]
    case: float = 1.0

    def demand(self) -> dict[str, Demand]:
        """The interval's demand of each item, as `newsvendor` takes it."""
        names = {share: f"q{100 * share:g}" for share in self.shares}
        return {
            row["unique_id"]: Demand(row["mean"], row["sd"], {share: row[name] for share, name in names.items()})
            for row in self.table.iter_rows(named=True)
        }

    def levels(self, service: Service, wanted: float) -> dict[str, float]:
        """The order-up-to level of each item for a service: alpha, no loss in a cycle (for a newsvendor: its critical ratio); beta, the
        share of demand served (goods missed in the interval less those in its lead time, per review). Raises `OrderFault`."""
        found = setting("service", service, "alpha, beta", service in ("alpha", "beta"))
        complain(found + setting("wanted", wanted, "0.5..0.9999", 0.5 <= wanted <= 0.9999))
        if service == "alpha":
            return {item: one.quantile(wanted) for item, one in self.demand().items()}
        leads = dict(self.table.select("unique_id", pl.struct("lead_mean", "lead_sd", "review_mean")).iter_rows())
        return {item: _served(one, leads[item], wanted, self.case) for item, one in self.demand().items()}


def protection(forecasts: Forecasts, review: Review, *, after: int = 0) -> Outlook:
    """The demand of each item over the days from `after` days behind the forecast's start until lead time and review have passed.

    Raises `OrderFault` where the forecast does not reach that far, or means or quantiles are missing.
    """
    frame, totals = forecasts.frame.sort("unique_id", "ds"), forecasts.totals.sort("unique_id")
    names = [name for name in totals.columns if name.startswith("q")]
    shares = tuple(float(name[1:]) / 100 for name in names)
    items, horizon = totals.height, frame.height // max(totals.height, 1)
    found: list[Finding] = review.faults() + setting("after", after, ">= 0", after >= 0)
    if not found:
        most = after + max(review.leads) + review.review_days
        found += setting("horizon", horizon, f">= {most} (after + lead_days + review_days)", horizon >= most)
    found += setting("quantiles", ", ".join(names) or "-", "q10, q90 or more", len(names) >= 2)
    gaps = sum(frame.select(pl.col("mean", *names).is_null() | ~pl.col("mean", *names).is_finite()).sum().row(0)) if names else 0
    complain(found + setting("forecasts without a value", gaps, "0", gaps == 0))
    days = frame.select("mean", *names).to_numpy().reshape(items, horizon, -1)
    sums = totals.select("mean", *names).to_numpy()
    return Outlook(_table(totals["unique_id"], _Spread.of(days, sums, shares), review, after, names), shares, review.case)


@dataclass(frozen=True)
class _Spread:
    """Means and deviations by item and day, the correlation of days, and shapes of a day's and of the sum's quantiles."""

    mean: Floats
    sd: Floats
    rho: Floats
    day: Floats
    whole: Floats

    @classmethod
    def of(cls, days: Floats, sums: Floats, shares: tuple[float, ...]) -> _Spread:
        mean, total = days[:, :, 0], sums[:, 0]
        sd, sum_sd = _deviation(mean, days[:, :, 1:], shares), _deviation(total, sums[:, 1:], shares)
        own = (sd**2).sum(axis=1)
        cross = sd.sum(axis=1) ** 2 - own
        horizon = mean.shape[1]
        rho = np.where(cross > TINY, (sum_sd**2 - own) / np.maximum(cross, TINY), 0.0)
        rho = np.clip(rho, -1 / (horizon - 1) if horizon > 1 else 0.0, 1.0)
        away = (days[:, :, 1:] - mean[:, :, None]).sum(axis=1) / np.maximum(sd.sum(axis=1), TINY)[:, None]
        whole = (sums[:, 1:] - total[:, None]) / np.maximum(sum_sd, TINY)[:, None]
        return cls(mean, sd, rho, away, whole)

    def over(self, first: int, length: int) -> tuple[Floats, Floats]:
        """Mean and variance of the sum of `length` days."""
        sd = self.sd[:, first : first + length]
        own = (sd**2).sum(axis=1)
        variance = own + self.rho * (sd.sum(axis=1) ** 2 - own)
        return self.mean[:, first : first + length].sum(axis=1), np.maximum(variance, 0.0)

    def quantiles(self, mean: Floats, sd: Floats, length: float) -> Floats:
        horizon = self.mean.shape[1]
        weight = (length - 1) / (horizon - 1) if horizon > 1 else 1.0
        shape = (1 - weight) * self.day + weight * self.whole
        return np.asarray(np.maximum.accumulate(np.maximum(mean[:, None] + sd[:, None] * shape, 0.0), axis=1), dtype=np.float64)


def _deviation(mean: Floats, quantiles: Floats, shares: tuple[float, ...]) -> Floats:
    """The widest of the deviations that pairs of opposite quantiles stand for; Poisson's where they do not spread, as of rare sales."""
    widest = np.zeros_like(mean)
    for place, share in enumerate(shares):
        if share > 0.5:
            low = min(range(len(shares)), key=lambda one: abs(shares[one] - (1 - share)))
            width = NORMAL.inv_cdf(share) - NORMAL.inv_cdf(shares[low])
            widest = np.maximum(widest, (quantiles[..., place] - quantiles[..., low]) / width)
    return np.asarray(np.where(widest > TINY, widest, np.sqrt(np.maximum(mean, 0.0))), dtype=np.float64)


def _table(ids: pl.Series, spread: _Spread, review: Review, after: int, names: list[str]) -> pl.DataFrame:
    parts = [(chance, lead) for lead, chance in review.leads.items() if chance > 0]
    mean, sd = _mixed([(chance, *spread.over(after, lead + review.review_days)) for chance, lead in parts])
    lead_mean, lead_sd = _mixed([(chance, *spread.over(after, lead)) for chance, lead in parts])
    length = sum(chance * lead for chance, lead in parts) + review.review_days
    drawn = spread.quantiles(mean, sd, length)
    columns = {"mean": mean, "sd": sd, "rho": spread.rho, "lead_mean": lead_mean, "lead_sd": lead_sd, "review_mean": mean - lead_mean}
    columns |= {name: drawn[:, place] for place, name in enumerate(names)}
    return pl.DataFrame({"unique_id": ids, **columns})


def _mixed(parts: list[tuple[float, Floats, Floats]]) -> tuple[Floats, Floats]:
    mean = np.sum([chance * one for chance, one, _ in parts], axis=0)
    second = np.sum([chance * (variance + one**2) for chance, one, variance in parts], axis=0)
    return np.asarray(mean), np.sqrt(np.maximum(second - mean**2, 0.0))


def _served(demand: Demand, lead: dict[str, float], wanted: float, case: float) -> float:
    """The smallest level that serves the share `wanted`, by bisection over quantiles of the demand; by whole cases, the position after a
    review lies evenly between the level and a case above it."""
    shares = (np.arange(POINTS) + 0.5) / POINTS
    whole = np.array([demand.quantile(float(share)) for share in shares])
    before = Demand(lead["lead_mean"], lead["lead_sd"])
    early = np.array([before.quantile(float(share)) for share in shares])
    if lead["review_mean"] <= TINY:
        return 0.0
    low, high = 0.0, float(whole.max())
    parts = int(min(max(1, round(case)), PARTS))
    above = case / parts * np.arange(parts)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        at = middle + above
        missing = np.maximum(whole[:, None] - at, 0).mean() - np.maximum(early[:, None] - at, 0).mean()
        if 1 - missing / lead["review_mean"] >= wanted:
            high = middle
        else:
            low = middle
    return high
