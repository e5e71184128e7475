"""Self-service cabinets: what a slot sells, up to what it is filled, when staff walk, and whether a site pays.

The rate is exponentially smoothed (Brown 1959) over days, each day's sales divided by the share of it that the slot had stock, which is the
simplest unbiased correction for a floor on demand. The par covers the demand of some days with a safety stock of z standard deviations of a
Poisson demand (Silver, Pyke and Peterson, Inventory Management, 1998).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from math import ceil, sqrt
from typing import Any, NamedTuple

from storeloom.core.kernel.hours import StoreHours

MONTH_DAYS = 30
ROUNDING = 1e-9


def next_rate(rate: float | None, sold: float, in_stock: float, alpha: float) -> float | None:
    """The daily rate after a day that sold so many with stock for a share `in_stock` of it; the first such day sets it, one without is
    skipped."""
    if in_stock <= 0:
        return rate
    day = sold / in_stock
    return day if rate is None else alpha * day + (1 - alpha) * rate


def par(rate: float, cover_days: float, safety_z: float, capacity: float | None) -> int:
    """Units that cover `cover_days` with safety, at most the capacity (None: not known)."""
    demand = rate * cover_days
    wanted = ceil(demand + safety_z * sqrt(demand) - ROUNDING)
    return wanted if capacity is None else min(int(capacity), wanted)


def window(hours: StoreHours, windows: Iterable[str], at: datetime) -> tuple[datetime, datetime] | None:
    """The first of the daily windows `HH:MM-HH:MM` (store time) that is not over at an instant, from then on; None without any.

    One that ends before it starts ends on the next day.
    """
    found = []
    for text in windows:
        starts, ends = text.split("-")
        for offset in (-1, 0, 1):
            day = hours.store_day(at) + timedelta(days=offset)
            begin, end = hours.at(day, starts), hours.at(day + timedelta(days=ends <= starts), ends)
            if end > at:
                found.append((max(begin, at), end))
    return min(found, default=None)


class Site(NamedTuple):
    """Sales and margin a day (minor units) that a site may expect, the margin a month less rent, and months until its price is earned."""

    sales: float
    margin: float
    month: float
    payback: float | None


def site(candidate: Mapping[str, Any], running: Sequence[Mapping[str, Any]], neighbours: int) -> Site | None:
    """What a candidate (`type`, `footfall`, `price`, `rent`) may expect of the mean of its nearest running sites, which have `sales` and
    `margin` a day: those of its type with the most similar footfall. None without any; no payback where the rent eats the margin."""
    alike = [one for one in running if one["type"] == candidate["type"]]
    near = sorted(alike, key=lambda one: abs(one["footfall"] - candidate["footfall"]))[:neighbours]
    if not near:
        return None
    sales, margin = (sum(one[what] for one in near) / len(near) for what in ("sales", "margin"))
    month = MONTH_DAYS * margin - candidate["rent"]
    return Site(sales, margin, month, candidate["price"] / month if month > 0 else None)
