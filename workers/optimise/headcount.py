"""How many contracts of two kinds, and how many on-call hours, cover a week's hours at least cost: workforce planning in whole numbers.

Three integers and one row of demand: all pairs of contracts that can matter are tried, so that the answer is exact and ties are decided
by rule, as a general solver would not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from storeloom.core.kernel.hours import StoreHours

TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Contract:
    """Paid hours a week, and what they cost (minor units)."""

    hours: float
    week_cost: float


@dataclass(frozen=True, slots=True)
class Headcount:
    """Contracts `full` and `part`, whole on-call `hours`, the week's `cost` (minor units) and the share of full-time hours."""

    full: int
    part: int
    on_call: int
    cost: float
    full_share: float


def cheapest(
    paid_hours: float, full: Contract, part: Contract, on_call_cost: float, min_full_share: float, contract_hours: float
) -> Headcount:
    """The cheapest plan with `paid_hours` a week, of them `contract_hours` at least by contracts, full-time ones with their share of all.

    Ties go to fewer on-call hours, then to more full-time contracts. ValueError for a contract without hours.
    """
    if min(full.hours, part.hours) <= 0:
        raise ValueError("a contract needs hours")
    best: tuple[float, int, int, int] | None = None
    for n in range(math.ceil(max(paid_hours, contract_hours) / full.hours - TINY) + 1):
        left = max(paid_hours, contract_hours) - n * full.hours
        for m in range(max(0, math.ceil(left / part.hours - TINY)) + 1):
            hours = n * full.hours + m * part.hours
            g = max(0, math.ceil(paid_hours - hours - TINY))
            if hours < contract_hours - TINY or n * full.hours < min_full_share * (hours + g) - TINY:
                continue
            found = (round(n * full.week_cost + m * part.week_cost + g * on_call_cost, 6), g, -n, m)
            best = found if best is None else min(best, found)
    assert best is not None  # full-time contracts alone always do
    cost, g, n, m = best[0], best[1], -best[2], best[3]
    hours = n * full.hours + m * part.hours + g
    return Headcount(n, m, g, cost, n * full.hours / hours if hours else 0.0)


def quantile(values: Sequence[float], share: float) -> float:
    """The quantile of one value or more by linear interpolation between order statistics (Hyndman and Fan 1996, type 7)."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    return ordered[low] + (place - low) * (ordered[min(low + 1, len(ordered) - 1)] - ordered[low])


def base_load(weeks: Sequence[float], share: float) -> tuple[float, float]:
    """Mean weekly hours with each week cut at the quantile `share`, and the mean of what is cut off: the peaks."""
    cut = quantile(weeks, share)
    base = sum(min(week, cut) for week in weeks) / len(weeks)
    return base, sum(weeks) / len(weeks) - base


def monthly_attrition(present_then: int, present_now: int, left: int) -> float | None:
    """Leavers of twelve months as a share of the mean headcount a month; None where there was nobody."""
    mean = (present_then + present_now) / 2
    return left / mean / 12 if mean > 0 else None


def like_stores(sales: float, others: Mapping[str, tuple[float, float]], band: float) -> dict[str, float]:
    """Sales an hour of the stores (sales, worked hours) whose sales lie within `band` (a share) of these."""
    return {name: sold / hours for name, (sold, hours) in others.items() if hours > 0 and abs(sold - sales) <= band * sales + TINY}


@dataclass(frozen=True, slots=True)
class Weeks:
    """Sums by name in each of the weeks that have windows on as many days as the fullest one, and where the first week begins."""

    sums: Mapping[str, tuple[float, ...]]
    start: datetime
    count: int


def weekly(windows: Sequence[tuple[str, datetime, datetime, float]], hours: StoreHours, now: datetime, weeks: int) -> Weeks:
    """Windows (name, from, to, amount) that end after `now` by weeks of seven store days from the first of them on, at most so many.

    An amount is shared out evenly over its window. A week with windows on fewer days than the fullest is left out: its forecast is not
    whole yet.
    """
    ahead = [one for one in windows if one[2] > now]
    if not ahead:
        return Weeks({}, now, 0)
    first = hours.store_day(min(one[1] for one in ahead))
    edges = [hours.midnight(first + timedelta(weeks=week)) for week in range(weeks + 1)]
    sums: dict[str, list[float]] = {}
    days = [set[datetime]() for _ in range(weeks)]
    for name, begin, end, amount in ahead:
        for week, (low, high) in enumerate(pairwise(edges)):
            start, stop = max(begin, low), min(end, high)
            if start < stop:
                sums.setdefault(name, [0.0] * weeks)[week] += amount * ((stop - start) / (end - begin))
                day = hours.store_day(start)
                while hours.midnight(day) < stop:
                    days[week].add(hours.midnight(day))
                    day += timedelta(days=1)
    most = max(map(len, days))
    whole = [week for week in range(weeks) if len(days[week]) == most]
    return Weeks({name: tuple(row[week] for week in whole) for name, row in sums.items()}, edges[0], len(whole))
