"""Daily forecasts of an item as plain JSON: which counts on a day, and when a newer one takes its place.

A book is `{day: {basis: {"mean", "sd", "points": {share: value}, "issued"}}}`, means a day, in the item's unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import sqrt
from typing import Any

from storeloom.core.kernel.events import parse_time
from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.optimise.inventory import protected_demand, spread

Book = dict[str, dict[str, dict[str, Any]]]
BASES = ("promotion", "new", "base")
POINTS = {"p10": "0.1", "p50": "0.5", "p90": "0.9"}


def enter_forecast(book: Book, data: Mapping[str, Any], days: Sequence[str], today: str) -> None:
    """Enter a `forecast.demand` that spans `days`, spread evenly over them, unless a later issue is known; days before `today` go.

    Quantiles are kept of forecasts of one day only. Without 10 % and 90 % quantiles the deviation is a Poisson demand's.
    """
    sd = spread(data.get("p10"), data.get("p90"), data["mean"]) / sqrt(len(days))
    points = dict(data.get("quantiles") or {}) | {share: data[name] for name, share in POINTS.items() if name in data}
    basis, issued = data.get("basis", "base"), data.get("issued") or data["from"]
    for day in days:
        bases = book.setdefault(day, {})
        known = bases.get(basis)
        if known is None or datetime.fromisoformat(known["issued"]) <= datetime.fromisoformat(issued):
            kept = points if len(days) == 1 else {}
            bases[basis] = {"mean": data["mean"] / len(days), "sd": sd, "points": kept, "issued": issued}
    for day in [day for day in book if day < today]:
        del book[day]


def enter_window(book: Book, data: Mapping[str, Any], hours: StoreHours, now: datetime) -> None:
    """Enter a `forecast.demand` over the store days of its own window."""
    begin, day = parse_time(data["from"]), timedelta(days=1)
    span = range(max(1, round((parse_time(data["to"]) - begin) / day)))
    enter_forecast(book, data, [hours.store_day(begin + ahead * day).isoformat() for ahead in span], hours.store_day(now).isoformat())


def of_day(book: Book, day: str) -> dict[str, Any] | None:
    """The forecast that counts on a day: one for a promotion or a new item goes before the base."""
    bases = book.get(day, {})
    return next((bases[basis] for basis in BASES if basis in bases), None)


def window(book: Book, hours: StoreHours, begin: datetime, days: float) -> list[tuple[float, float | None, float]]:
    """Weight, mean (None where there is no forecast) and deviation of each open day in the `days` days after `begin`.

    The weight is the share of a day's opening hours that lies in the window.
    """
    end, day, found = begin + timedelta(days=days), hours.store_day(begin), []
    while hours.midnight(day) < end:
        span, known = hours.day(day), of_day(book, day.isoformat())
        if span:
            inside = max(0.0, (min(end, span[1]) - max(begin, span[0])) / (span[1] - span[0]))
            found.append((inside, known["mean"], known["sd"]) if known else (inside, None, 0.0))
        day += timedelta(days=1)
    return found


def demand(book: Book, hours: StoreHours, begin: datetime, days: float) -> tuple[float, float] | None:
    """Mean and variance of the demand of the `days` days after `begin`, None where no forecast tells of any."""
    return protected_demand(window(book, hours, begin, days))
