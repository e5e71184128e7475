"""What a unit costs by a tariff of bands over the day and the week: at a moment, and on average."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

HOURS_A_DAY, DAYS_A_WEEK = 24.0, 7


def mean_price(rows: Iterable[Mapping[str, Any]], per: str = "kWh") -> float | None:
    """The mean price of the bands, each weighed by the hours of the week that it holds; None without a row.

    `rows` of the table `tariffs` of one kind: `from_time`, `to_time` (HH:MM, over midnight where not later; absent: the day's ends),
    `weekdays` (absent: all). Rows per another unit are left out.
    """
    held = [(row["price"], _hours(row) * len(row.get("weekdays") or range(DAYS_A_WEEK))) for row in rows if row.get("per", per) == per]
    whole = sum(hours for _, hours in held)
    return sum(price * hours for price, hours in held) / whole if whole else None


def row_at(rows: Iterable[Mapping[str, Any]], local: datetime) -> Mapping[str, Any] | None:
    """The row whose band holds a moment of the store's wall clock; a band of its own goes before one of `all`. None where none does.

    `rows` of the table `tariffs` of one kind, as `mean_price` takes them; the night part of a band over midnight belongs to the day on
    which it began.
    """
    clock, held = local.hour + local.minute / 60 + local.second / 3600, []
    for row in rows:
        start, end = _clock(row.get("from_time") or "00:00"), _clock(row.get("to_time") or "24:00")
        begun = local if start <= clock else local - timedelta(days=1)
        inside = start <= clock < end if end > start else clock >= start or clock < end
        if inside and (not row.get("weekdays") or begun.isoweekday() in row["weekdays"]):
            held.append(row)
    return min(held, key=lambda row: row.get("band", "all") == "all", default=None)


def turns(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The times of the day (HH:MM) at which a band begins or ends."""
    return sorted({(row.get(name) or "00:00")[:5] for row in rows for name in ("from_time", "to_time")} - {"24:00"})


def _hours(row: Mapping[str, Any]) -> float:
    start, end = _clock(row.get("from_time") or "00:00"), _clock(row.get("to_time") or "24:00")
    return end - start if end > start else end - start + HOURS_A_DAY


def _clock(text: str) -> float:
    hours, minutes = (int(part) for part in text.split(":")[:2])
    return hours + minutes / 60
