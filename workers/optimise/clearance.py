"""How deep to cut a style week by week until it leaves the range, by backward induction over weeks, stock and steps of the price.

Demand is taken as its mean and grows with share^-elasticity (Gallego and van Ryzin, "Optimal dynamic pricing of inventories with stochastic
demand over finite horizons", Management Science 40, 1994: the deterministic problem; Smith and Achabal, "Clearance pricing and inventory
policies for retail chains", Management Science 44, 1998). Prices never rise. Money in minor units.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storeloom.workers.optimise.weeks import monday

EQUAL = 1e-9
WEEK, YEAR = timedelta(days=7), timedelta(weeks=52)
USUAL_WEEKS = 4


@dataclass(frozen=True, slots=True)
class Style:
    """`shares`: present price and the deeper ones, as falling shares of the `full` price; `weekly`: mean demand of each week at full price.

    `salvage`: worth of a piece that is left, as a share of `full`; `gap`: weeks from one cut to the next; `since`: weeks since the last.
    """

    stock: float
    full: float
    weekly: tuple[float, ...]
    shares: tuple[float, ...]
    elasticity: float
    salvage: float
    gap: int = 1
    since: int = 1_000

    def sold(self, week: int, share: float, stock: Any) -> Any:
        return np.minimum(stock, self.weekly[week] * share**-self.elasticity)


@dataclass(frozen=True, slots=True)
class Path:
    """The best `shares` by week, what they are worth with what is left, pieces sold, and the worth of the present price throughout."""

    shares: tuple[float, ...]
    value: float
    sold: float
    no_cut: float


def plan(style: Style) -> Path:
    """The path of most worth; of equal ones the higher price. Stock is a grid of whole pieces with straight lines between them."""
    grid = np.arange(int(np.ceil(style.stock)) + 2, dtype=float)
    tables = _tables(style, grid)
    stock, price, since = style.stock, 0, min(max(style.since, 0), style.gap)
    path: list[float] = []
    value = _best(style, 0, (price, since), np.array([stock]), grid, tables)[0][0]
    for week in range(len(style.weekly)):
        to = int(_best(style, week, (price, since), np.array([stock]), grid, tables)[1][0])
        since, price = (1 if to > price else min(since + 1, style.gap)), to
        stock -= float(style.sold(week, style.shares[to], stock))
        path.append(style.shares[to])
    return Path(tuple(path), float(value), style.stock - stock, worth(style, [style.shares[0]] * len(style.weekly)))


def worth(style: Style, shares: Sequence[float]) -> float:
    """What the stock brings along a path of shares, with salvage of what is left."""
    stock, money = style.stock, 0.0
    for week, share in enumerate(shares):
        sold = float(style.sold(week, share, stock))
        stock, money = stock - sold, money + style.full * share * sold
    return money + stock * style.salvage * style.full


def _tables(style: Style, grid: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Value of each price in force, weeks since the last cut and stock, at the start of each week and after the last."""
    shape = (len(style.shares), style.gap + 1, grid.size)
    tables = [np.empty(shape) for _ in style.weekly] + [np.broadcast_to(style.salvage * style.full * grid, shape)]
    for week in reversed(range(len(style.weekly))):
        for price, since in np.ndindex(*shape[:2]):
            tables[week][price, since] = _best(style, week, (price, since), grid, grid, tables)[0]
    return tables


def _best(
    style: Style,
    week: int,
    state: tuple[int, int],
    stock: NDArray[np.float64],
    grid: NDArray[np.float64],
    tables: list[NDArray[np.float64]],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Value from a week on and the step taken then, for each stock."""
    price, since = state
    best, step = np.full(stock.size, -np.inf), np.full(stock.size, price)
    for to in range(price, len(style.shares) if since >= style.gap else price + 1):
        share = style.shares[to]
        sold = style.sold(week, share, stock)
        after = tables[week + 1][to, 1 if to > price else min(since + 1, style.gap)]
        value = style.full * share * sold + np.interp(stock - sold, grid, after)
        better = value > best + EQUAL * np.maximum(1.0, np.abs(value))
        best, step = np.where(better, value, best), np.where(better, to, step)
    return best, step


def ewma(weeks: Sequence[float], weight: float) -> float:
    """Exponentially weighted mean of weeks, the oldest first; `weight` is that of the newest."""
    mean = weeks[0]
    for units in weeks[1:]:
        mean = weight * units + (1 - weight) * mean
    return mean


def by_week(items: Iterable[Mapping[str, float]], today: date) -> list[float]:
    """Units of each week of seven days before `today` from the first one with sales on, the oldest first; items give units by day."""
    known = [(date.fromisoformat(day), units) for days in items for day, units in days.items() if day < today.isoformat()]
    if not known:
        return []
    weeks = [0.0] * ((today - min(known)[0] - timedelta(days=1)) // WEEK + 1)
    for day, units in known:
        weeks[-1 - (today - day - timedelta(days=1)) // WEEK] += units
    return weeks


def demand(base: float, season: Mapping[str, float], today: date, end: date) -> tuple[float, ...]:
    """Mean demand of each week from `today` until `end`, of which a short last week has its share by days.

    `season` gives the category's units by the Monday of a week: a week's factor is what sold 52 weeks before it over the mean of the four
    weeks 52 weeks before `today`, 1 where those are not known.
    """
    usual = sum(season.get(monday(today - YEAR - n * WEEK), 0.0) for n in range(1, USUAL_WEEKS + 1)) / USUAL_WEEKS
    weekly, day = [], today
    while day < end:
        then = max(0.0, season.get(monday(day - YEAR), 0.0))
        weekly.append(base * min(1.0, (end - day) / WEEK) * (then / usual if usual > 0 else 1.0))
        day += WEEK
    return tuple(weekly)
