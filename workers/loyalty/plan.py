"""Terms of a paid plan: its days, what a member's price saves, what the guarantee owes."""

from calendar import monthrange
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta, tzinfo
from fractions import Fraction
from math import ceil
from typing import Any

from storeloom.workers.pricing.prices import EARLIEST, LATEST, base_price, instant

Row = Mapping[str, Any]


def last_day(start: date, term_days: int) -> date:
    """The start is the term's first day."""
    return start + timedelta(days=term_days - 1)


def risk_day(start: date, term_days: int, percent: float) -> date:
    """The day on which a part of the term has gone by, floored to days."""
    return start + timedelta(days=int(Fraction(str(percent)) * term_days / 100))


def next_month_day(start: date, after: date) -> date:
    """The first day later than `after` with the start's number, the month's last where it is shorter."""
    months = (after.year - start.year) * 12 + after.month - start.month
    while True:
        year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
        day = date(year, month + 1, min(start.day, monthrange(year, month + 1)[1]))
        if day > after:
            return day
        months += 1


def prices_at(rows: Iterable[Row], at: datetime, zone: tzinfo) -> tuple[int, int] | None:
    """The regular and the lower member price of an item (its rows of the table `prices`) at a time; None without both."""
    rows = list(rows)
    regular = base_price(rows, at, zone)
    member = min(
        (
            row["price"]
            for row in rows
            if row.get("kind") == "member" and instant(row.get("from"), zone, EARLIEST) <= at < instant(row.get("to"), zone, LATEST)
        ),
        default=None,
    )
    return None if regular is None or member is None or member >= regular else (regular, member)


def measure(line: Row) -> Fraction:
    """What a line's price is multiplied by: pieces, or kilograms of a weighed item; negative for a return."""
    if line.get("weight_g") is not None:
        return Fraction(line["weight_g"], 1000) * (-1 if line.get("qty", 1) < 0 else 1)
    return Fraction(str(line.get("qty", 1)))


def line_saving(line: Row, prices: tuple[int, int] | None) -> Fraction:
    """Regular less member price, times the quantity, where the line was sold at the member price (or came down to it by its discount).

    Another price or promotion on the line is no saving of the plan's.
    """
    if prices is None:
        return Fraction(0)
    regular, member = prices
    bought = measure(line)
    at_member_price = line["price"] == member or (line["price"] == regular and abs(line["amount"] - member * bought) < 1)
    return (regular - member) * bought if at_member_price else Fraction(0)


def guarantee_points(fee: int, savings: int, point_value: int) -> int:
    """Points for what was not saved of the fee, rounded up."""
    return max(0, ceil(Fraction(fee - savings, point_value)))
