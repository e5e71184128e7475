"""Paid services of others at a kiosk (bills, credit, tickets, rentals): questions to the provider, prepaid balance, masked numbers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from math import ceil

DAYS_KEPT = 28


def question_times(paid: datetime, base_s: int, tries: int) -> list[datetime]:
    """When a provider is asked for its answer: `base_s` after payment, each wait from payment three times the one before."""
    return [paid + timedelta(seconds=base_s * 3**number) for number in range(tries)]


def average_day(done: Mapping[str, int], today: date) -> float | None:
    """Mean amount a store day over the last 28 full days since the first that is known; None before there is one.

    `done`: amounts by ISO day; a day without any counts as zero.
    """
    first = max(min(done, default=today.isoformat()), (today - timedelta(days=DAYS_KEPT)).isoformat())
    days = (today - date.fromisoformat(first)).days
    if days <= 0:
        return None
    return sum(amount for day, amount in done.items() if first <= day < today.isoformat()) / days


def masked(number: object) -> str:
    """An account number of which only the last four signs can be read."""
    text = str(number)
    return "*" * max(0, len(text) - 4) + text[-4:] if len(text) > 4 else "*" * len(text)


def rental_charge(since: datetime, until: datetime, per_hour: int, most: int) -> int:
    """Minor units for a rental: each started hour, one at least, and never more than was held."""
    return min(most, max(1, ceil((until - since) / timedelta(hours=1))) * per_hour)
