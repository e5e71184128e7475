"""Small steps of a regular price: how demand answered the price so far, and the price on a grid that earns most from here.

Demand is log-linear in log price with weekdays and a trend (least squares); the estimate is combined with a prior by their precisions, as
means of normals are (Gelman et al., Bayesian Data Analysis, ch. 2). One item at a time; `elasticity` fits many at once. Money in minor
units.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date

import numpy as np

STEEPEST, FLATTEST = -6.0, -0.1
LEAST_SE = 1e-3
LEAST_EACH = 4  # days with a promotion, and days without
EQUAL = 1e-9


def estimate(days: Sequence[tuple[date, float, float]]) -> tuple[float, float] | None:
    """Elasticity and its standard error from (day, units, price); None with fewer than two prices or too few days to tell."""
    rows = [(day, units, price) for day, units, price in days if units > 0 and price > 0]
    if len({round(price, 6) for _, _, price in rows}) < 2:
        return None
    return _coefficient(rows, [math.log(price) for _, _, price in rows], [])


def promoted_effect(
    usual: Sequence[tuple[date, float, float]], promoted: Sequence[tuple[date, float, float]]
) -> tuple[float, float] | None:
    """What a promotion or display adds at the same price: log of the factor on a day's units, and its standard error.

    Least squares over all days (day, units, price), the promoted ones marked, beside log price (where it changed), weekdays and trend. None
    with fewer than `LEAST_EACH` days of either kind, or where price and promotion always went together and cannot be told apart.
    """
    kept = [[(day, units, price) for day, units, price in days if units > 0 and price > 0] for days in (usual, promoted)]
    if min(map(len, kept)) < LEAST_EACH:
        return None
    rows = kept[0] + kept[1]
    prices = [math.log(price) for _, _, price in rows]
    marked = [0.0] * len(kept[0]) + [1.0] * len(kept[1])
    return _coefficient(rows, marked, [prices] if len({round(price, 6) for _, _, price in rows}) > 1 else [])


def _coefficient(
    rows: Sequence[tuple[date, float, float]], asked: Sequence[float], beside: Sequence[Sequence[float]]
) -> tuple[float, float] | None:
    """Coefficient of `asked` on log units and its standard error, beside other columns, weekdays and trend; None where untold."""
    weekdays = sorted({day.weekday() for day, _, _ in rows})[1:]
    first = min(day for day, _, _ in rows)
    time = [[(day - first).days, *(day.weekday() == one for one in weekdays)] for day, _, _ in rows]
    x = np.column_stack([np.ones(len(rows)), asked, *beside, np.array(time, float)])
    y = np.log([units for _, units, _ in rows])
    free = len(rows) - x.shape[1]
    if free < 1 or np.linalg.matrix_rank(x) < x.shape[1]:
        return None
    beta = np.linalg.lstsq(x, y, rcond=None)[0]
    variance = float(((y - x @ beta) ** 2).sum()) / free
    spread = variance * float(np.linalg.inv(x.T @ x)[1, 1])
    return float(beta[1]), max(LEAST_SE, math.sqrt(max(0.0, spread)))


def believed(found: tuple[float, float] | None, prior: float, prior_sd: float) -> float:
    """The elasticity after the data, within -6..-0.1; the prior where there are none."""
    if found is None:
        mean = prior
    else:
        weight, before = found[1] ** -2, prior_sd**-2
        mean = (found[0] * weight + prior * before) / (weight + before)
    return min(FLATTEST, max(STEEPEST, mean))


def doubt(found: tuple[float, float] | None, prior_sd: float) -> float:
    """Standard deviation of the elasticity after the data."""
    return prior_sd if found is None else float((found[1] ** -2 + prior_sd**-2) ** -0.5)


def profit(price: float, *, present: float, cost: float, daily: float, elasticity: float) -> float:
    """Expected profit a day at a price, `daily` units being sold at the present one."""
    return (price - cost) * daily * float((price / present) ** elasticity)


def grid_prices(present: int, grid: int, step_pct: float, least: float, most: float) -> list[int]:
    """Multiples of `grid` within a step of the present price and within the limits, rising."""
    low = max(least, present * (1 - step_pct / 100), 1)
    high = min(most, present * (1 + step_pct / 100))
    return [n * grid for n in range(math.ceil(low / grid - EQUAL), math.floor(high / grid + EQUAL) + 1)]


def best(prices: Iterable[int], *, present: int, cost: float, daily: float, elasticity: float) -> tuple[int, float]:
    """The price of the highest expected profit, ties to the smaller change, and that profit; the present one where none is given."""
    scored = [(profit(one, present=present, cost=cost, daily=daily, elasticity=elasticity), one) for one in {present, *prices}]
    top = max(value for value, _ in scored)
    alike = [(abs(one - present), one, value) for value, one in scored if value >= top - EQUAL * max(1.0, abs(top))]
    _, price, value = min(alike)
    return price, value
