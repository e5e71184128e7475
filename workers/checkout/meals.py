"""Meal periods: which are on at a time of day, which dishes they serve, and the allowance that pays a part of a meal."""

from collections.abc import Collection, Mapping
from datetime import time
from typing import Any


def periods_at(periods: Mapping[str, str], clock: time) -> list[str]:
    """The names of the periods ("HH:MM-HH:MM", half open, "24:00" as an end, past midnight where the end is first) that are on."""
    now, found = f"{clock:%H:%M}", []
    for name, hours in periods.items():
        start, end = hours.split("-")
        if start <= now < end if start < end else (now >= start or now < end):
            found.append(name)
    return found


def is_served(dish: Mapping[str, Any], periods: Collection[str]) -> bool:
    """Whether a dish (row of the table `products`) is on the menu of these periods; one of no `meal_periods`, and outside of all, is."""
    return not periods or not dish.get("meal_periods") or not set(periods).isdisjoint(dish["meal_periods"])


def tenders(total: int, allowance: int, payment: str, method: str | None) -> list[dict[str, Any]]:
    """How a total (minor units) was paid, as `pos.sale` writes it: an allowance, and the rest by a method, None where nothing was due."""
    paid: list[dict[str, Any]] = []
    if method is not None:
        paid.append({"payment": payment, "method": method, "amount": total - allowance})
    if allowance:
        paid.append({"method": "stored_value", "amount": allowance, "provider": "meal_allowance"})
    return paid
