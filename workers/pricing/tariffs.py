"""What a unit costs on average by a tariff of bands over the day and the week."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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


def _hours(row: Mapping[str, Any]) -> float:
    start, end = _clock(row.get("from_time") or "00:00"), _clock(row.get("to_time") or "24:00")
    return end - start if end > start else end - start + HOURS_A_DAY


def _clock(text: str) -> float:
    hours, minutes = (int(part) for part in text.split(":")[:2])
    return hours + minutes / 60
