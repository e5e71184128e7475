"""What members will be worth, from set or fitted parameters, and whether freshly fitted ones foresee better.

BG/NBD for purchases (`bgnbd`), Gamma-Gamma for amounts (`lifetime`). A fit learns from what was known `TEST_WEEKS` weeks ago and takes the
place of the present parameters only where it foresees the weeks since better. Errors are root mean squares, since the models give means.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from storeloom.workers.insight import bgnbd, lifetime
from storeloom.workers.insight.visits import History

TEST_WEEKS = 8
LEAST_MEMBERS = 200
NO_DRAWS = np.empty((0, 0))


@dataclass(frozen=True)
class Models:
    """Both models by their parameters: `visits` r, alpha, a, b (weeks); `spend` p, q, gamma (minor units)."""

    visits: Mapping[str, float]
    spend: Mapping[str, float]

    @property
    def bgnbd(self) -> bgnbd.BgNbd:
        r, alpha, a, b = (self.visits[name] for name in bgnbd.PARAMETERS)
        return bgnbd.BgNbd(r, alpha, a, b, math.nan, 0, True, NO_DRAWS)

    @property
    def gamma_gamma(self) -> lifetime.GammaGamma:
        p, q, gamma = (self.spend[name] for name in ("p", "q", "gamma"))
        return lifetime.GammaGamma(p, q, gamma, math.nan, 0, True, (0.0, 0.0, 0.0), NO_DRAWS)


def summary(histories: Mapping[str, History]) -> pl.DataFrame:
    """member, x, t_x, T, monetary of each history, times in weeks from the first purchase."""
    rows = [
        (member, float(h.x), (h.last - h.first).days / bgnbd.DAYS_A_WEEK, (h.at - h.first).days / bgnbd.DAYS_A_WEEK, h.mean)
        for member, h in histories.items()
    ]
    names = {"member": pl.String, "x": pl.Float64, "t_x": pl.Float64, "T": pl.Float64, "monetary": pl.Float64}
    return pl.DataFrame(rows, schema=names, orient="row")


def outlook(models: Models, members: pl.DataFrame, weeks: float, margin: float) -> list[dict[str, Any]]:
    """member, p_alive, purchases (expected in the next `weeks`), spend (mean amount) and value (their product x `margin`, a share)."""
    if not members.height:
        return []
    purchases, spend = models.bgnbd.expected(members, weeks), models.gamma_gamma.mean_amount(members)
    told = members.select("member").with_columns(
        p_alive=pl.Series(models.bgnbd.p_alive(members)),
        purchases=pl.Series(purchases),
        spend=pl.Series(spend),
        value=pl.Series(purchases * spend * margin),
    )
    return told.to_dicts()


def when_last_seen(models: Models, histories: Mapping[str, History], weeks: float, margin: float) -> dict[str, int]:
    """Value of each member as it stood on the day of the last purchase, minor units."""
    then = {member: history._replace(at=history.last) for member, history in histories.items()}
    return {row["member"]: round(row["value"]) for row in outlook(models, summary(then), weeks, margin)}


def parts(row: Mapping[str, Any], history: History) -> list[dict[str, Any]]:
    """A row of `outlook` and what it rests on, as name, value and unit."""
    told = {
        "p_alive": (row["p_alive"], None),
        "expected_purchases": (row["purchases"], None),
        "mean_spend": (row["spend"], "minor"),
        "value": (round(row["value"]), "minor"),
        "x": (history.x, None),
        "t_x": ((history.last - history.first).days / bgnbd.DAYS_A_WEEK, "week"),
        "T": ((history.at - history.first).days / bgnbd.DAYS_A_WEEK, "week"),
    }
    return [{"name": name, "value": value} | ({"unit": unit} if unit else {}) for name, (value, unit) in told.items()]


def visits_error(models: Models, known: pl.DataFrame, made: Any) -> float | None:
    """Error of the purchases foreseen for the `TEST_WEEKS` after `known`, in % of the mean made; None where none was."""
    actual = np.asarray(made, dtype=np.float64)
    if not actual.sum():
        return None
    miss = models.bgnbd.expected(known, TEST_WEEKS) - actual
    return float(100 * np.sqrt(np.mean(miss**2)) / actual.mean())


def spend_error(models: Models, known: pl.DataFrame, made: Any, amounts: Any) -> float | None:
    """Error of the mean amount foreseen, over members who bought in the `TEST_WEEKS` after `known`; None where nobody did."""
    times, paid = np.asarray(made, dtype=np.float64), np.asarray(amounts, dtype=np.float64)
    if not times.sum():
        return None
    miss = models.gamma_gamma.mean_amount(known)[times > 0] - paid[times > 0] / times[times > 0]
    return float(np.sqrt(np.mean(miss**2)))


def refit(models: Models, known: pl.DataFrame, made: Any, amounts: Any) -> Models:
    """The models with those parameters fitted anew that foresee the weeks after `known` better; as they were below `LEAST_MEMBERS`.

    `made`, `amounts`: purchases of each member in those weeks and what they came to.
    """
    repeats = known.filter(pl.col("x") > 0)
    if known.height < LEAST_MEMBERS:
        return models
    best = models
    if repeats.height >= bgnbd.LEAST_REPEATS:
        found = bgnbd.fit(known, draws=0)
        tried = Models({name: getattr(found, name) for name in bgnbd.PARAMETERS}, models.spend)
        if _falls(visits_error(tried, known, made), visits_error(models, known, made)):
            best = tried
    if repeats.filter(pl.col("monetary") > 0).height >= lifetime.LEAST_BUYERS:
        spend = lifetime.fit_spend(known, draws=0)
        tried = Models(best.visits, {"p": spend.p, "q": spend.q, "gamma": spend.v})
        if spend.q > 1 and _falls(spend_error(tried, known, made, amounts), spend_error(models, known, made, amounts)):
            best = tried
    return best


def _falls(tried: float | None, present: float | None) -> bool:
    return tried is not None and present is not None and tried < present
