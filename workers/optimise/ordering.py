"""When a supplier can be asked and when it comes, from rows of the table `lead_times`. Weekdays are ISO: 1 Monday to 7 Sunday."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from storeloom.core.kernel.hours import StoreHours

Row = Mapping[str, Any]
EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)


class Chance(NamedTuple):
    """Cut-off (store time, HH:MM) and weekdays on which an item can be ordered."""

    cutoff: str
    weekdays: tuple[int, ...] = EVERY_DAY


def lead_row(rows: Iterable[Row], product: Row) -> Row:
    """The supplier's row for a product: that of its gtin, else of its category, else the one for all; empty when there is none."""
    rows = list(rows)
    for key in ("gtin", "category"):
        for row in rows:
            if row.get(key) is not None and row[key] == product.get(key):
                return row
    return next((row for row in rows if row.get("gtin") is None and row.get("category") is None), {})


def order_chance(lead: Row, default: Chance) -> Chance:
    """Cut-off and order weekdays of a lead time, `default` where it names none."""
    return Chance(lead.get("order_by") or default.cutoff, tuple(lead.get("order_weekdays") or default.weekdays))


def by_supplier(products: Iterable[Row]) -> dict[str, list[Row]]:
    """The products of each supplier, under "" those without one."""
    found: dict[str, list[Row]] = {}
    for row in products:
        found.setdefault(row.get("supplier") or "", []).append(row)
    return found


def days_to_next(day: date, weekdays: Collection[int]) -> int:
    """Days from one chance to the next: 1 to 7."""
    return min(((weekday - day.isoweekday() - 1) % 7 + 1 for weekday in weekdays), default=7)


def delivery_day(day: date, lead: Row) -> date:
    """The day on which an order made on `day` arrives: after the lead time (1 day where unknown), on a delivery weekday."""
    arrival = day + timedelta(days=math.ceil(lead.get("days") or 1))
    waits = [(weekday - arrival.isoweekday()) % 7 for weekday in lead.get("deliver_weekdays") or EVERY_DAY]
    return arrival + timedelta(days=min(waits))


def next_cutoff(hours: StoreHours, after: datetime, chance: Chance) -> datetime:
    """The first cut-off after an instant, within a week."""
    first = hours.store_day(after)
    days = [first + timedelta(days=ahead) for ahead in range(9)]
    return next(at for day in days if day.isoweekday() in chance.weekdays and (at := hours.at(day, chance.cutoff)) > after)
