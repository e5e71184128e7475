"""The highest price that a promotion may call the earlier one: the lowest price actually taken in a time before it.

The rule of Directive 98/6/EC article 6a (prior price: the lowest of a period before the reduction) and of China's provisions on fraudulent
pricing (SAMR order 56 of 2022: the lowest deal price of the seven days before). Without a sale in that time the last price
taken before it counts; what was never sold has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Literal

Book = dict[str, dict[str, Any]]
Which = Literal["all", "public"]
DAY = timedelta(days=1)


def enter(book: Book, day: date, at: str, price: int, *, public: bool) -> None:
    """A price taken (minor units, a piece or kg) at `at` (RFC 3339, UTC); `public` where everybody could have it.

    A book is plain JSON: by day the lowest price, the last one and its time, of all sales and of public ones.
    """
    entry = book.setdefault(day.isoformat(), {})
    for which in ("all", "public") if public else ("all",):
        low, last, known = entry.get(which, (price, price, ""))
        entry[which] = [min(low, price), *((price, at) if at >= known else (last, known))]


def forgotten(book: Mapping[str, dict[str, Any]], before: date) -> Book:
    """The book without days before `before`, but for the last day with a sale and the last with a public one."""
    lasts = {max((day for day, entry in book.items() if which in entry), default="") for which in ("all", "public")}
    return {day: entry for day, entry in book.items() if day >= before.isoformat() or day in lasts}


def allowed(book: Mapping[str, Mapping[str, Any]], start: date, days: int, which: Which = "all") -> int | None:
    """The highest reference price of a promotion that starts on `start`, whose own sales do not count; None for what was never sold."""
    before = {day: entry[which] for day, entry in book.items() if which in entry and day < start.isoformat()}
    first = (start - days * DAY).isoformat()
    window = [low for day, (low, *_) in before.items() if day >= first]
    if window:
        return int(min(window))
    return int(before[max(before)][1]) if before else None
