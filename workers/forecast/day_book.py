"""What an item sold day by day, as a small JSON record without the days that sold nothing; and for how long it was out of stock.

A column is units (kg of weighed goods), receipts or amount (minor units).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.gs1 import item_key

Book = dict[str, Any]
"""`days`: {day: [units, receipts, amount]}; `empty`: {day: hours out of stock}."""
UNITS, RECEIPTS, AMOUNT = range(3)
DAY = timedelta(days=1)


def new() -> Book:
    return {"days": {}, "empty": {}}


def basket(lines: Iterable[Mapping[str, Any]], by_kg: Callable[[str], bool], *, back: bool = False) -> dict[str, tuple[float, float]]:
    """Units and amount of each item on a receipt; those that came `back`, or have a negative quantity, below nought."""
    found: dict[str, tuple[float, float]] = {}
    for line in lines:
        item = item_key(line["gtin"])
        weighed = by_kg(item) and line.get("weight_g") is not None
        sign = -1 if back or line["qty"] < 0 else 1
        units, amount = found.get(item, (0.0, 0.0))
        units += sign * (abs(line["weight_g"]) / 1000 if weighed else abs(line["qty"]))
        found[item] = round(units, 3), amount + sign * abs(line["amount"])
    return found


def enter(days: dict[str, list[float]], day: str, units: float, amount: float) -> None:
    """Add a receipt of the item; what came back (units below nought) is no receipt of its own."""
    known = days.setdefault(day, [0, 0, 0])
    for column, value in enumerate((units, int(units > 0), amount)):
        known[column] = round(known[column] + value, 3)


def extend(book: Book, days: Mapping[str, list[float]], empty: Mapping[str, float], earliest: date) -> None:
    """Add the news of days, and drop the days before `earliest`."""
    for day, news in days.items():
        book["days"][day] = [round(was + more, 3) for was, more in zip(book["days"].get(day, [0, 0, 0]), news, strict=True)]
    for day, hours in empty.items():
        book["empty"][day] = round(book["empty"].get(day, 0) + hours, 3)
    for part in ("days", "empty"):
        book[part] = {day: value for day, value in sorted(book[part].items()) if day >= earliest.isoformat()}


def span(first: date, last: date) -> list[date]:
    """The days from `first` to `last`, both included."""
    return [first + number * DAY for number in range((last - first).days + 1)]


def first_day(book: Book) -> date | None:
    """The first day that sold something, of those kept."""
    day = min(book["days"], default=None)
    return None if day is None else date.fromisoformat(day)


def column(book: Book, days: Iterable[date], which: int = UNITS) -> list[float]:
    """A column on these days."""
    return [book["days"].get(day.isoformat(), (0, 0, 0))[which] for day in days]


def sold_out(book: Book, most_hours: float) -> set[date]:
    """The days with more than `most_hours` out of stock."""
    return {date.fromisoformat(day) for day, hours in book["empty"].items() if hours > most_hours}


def open_hours(hours: StoreHours, begin: datetime, end: datetime) -> dict[str, float]:
    """Opening hours between two instants by store day; days without any are left out."""
    found = {}
    for day in span(hours.store_day(begin), hours.store_day(max(begin, end))):
        lost = hours.open_seconds(max(begin, hours.midnight(day)), min(end, hours.midnight(day + DAY))) / 3600
        if lost > 0:
            found[day.isoformat()] = lost
    return found
