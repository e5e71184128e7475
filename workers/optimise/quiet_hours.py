"""When a store is quiet, by forecasts of its traffic, and where work of some minutes fits into these hours.

Books are by measure and place, `visitors|door-1`: what `demand_windows` keeps of the forecasts for a place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.optimise import demand_windows

HOUR = timedelta(hours=1)
MEASURES = ("visitors", "receipts", "orders", "sales")
TINY = 1e-9
Span = tuple[datetime, datetime]
Books = Mapping[str, list[dict[str, Any]]]


def book_of(data: Mapping[str, Any]) -> str | None:
    """The name of the book that a `forecast.traffic` goes into, None for one that is no traffic of its own (increments)."""
    what = data.get("what", "visitors")
    return f"{what}|{data['place']}" if what in MEASURES else None


def visits(books: Books, store: str, hours: StoreHours, span: Span) -> float | None:
    """Traffic in a span by the first measure that tells of it: the store's own figure, else the sum of its places'; None without any."""
    for what in MEASURES:
        own = {name.partition("|")[2]: book for name, book in books.items() if name.partition("|")[0] == what}
        whole = [own[name] for name in ("store", store) if name in own]
        told = [demand_windows.expected(book, hours, *span) for book in whole[:1] or own.values()]
        known = [one for one in told if one is not None]
        if known:
            return sum(known)
    return None


def of_day(books: Books, store: str, hours: StoreHours, day: date, pct: float, first: timedelta) -> list[Span]:
    """The quiet hours of a store day: those with less than a share of its mean traffic; without a forecast, or without such hours, the
    first open ones."""
    opening = hours.day(day)
    if opening is None:
        return []
    edges, at = [opening[0]], opening[0].replace(minute=0, second=0, microsecond=0) + HOUR
    while at < opening[1]:
        edges.append(at)
        at += HOUR
    told = [(span, visits(books, store, hours, span)) for span in zip(edges, [*edges[1:], opening[1]], strict=True)]
    found = quiet([(span, count) for span, count in told if count is not None], pct)
    return found or [(opening[0], min(opening[0] + first, opening[1]))]


def quiet(counts: Sequence[tuple[Span, float]], pct: float) -> list[Span]:
    """Spans of a day with less than this share of its mean visits an hour; those that touch are one."""
    hours = [(end - start) / HOUR for (start, end), _ in counts]
    mean = sum(count for _, count in counts) / sum(hours) if hours else 0.0
    found: list[Span] = []
    for (span, count), length in zip(counts, hours, strict=True):
        if count / length < mean * pct / 100 - TINY:
            if found and found[-1][1] == span[0]:
                found[-1] = found[-1][0], span[1]
            else:
                found.append(span)
    return found


def place(spans: Sequence[Span], minutes: float, busy: Iterable[Span], now: datetime) -> Span | None:
    """When work begins and the span that it is done in ends: the first span with room beside what is planned there, else the longest.

    None where no span lies ahead.
    """
    ahead = [(max(start, now), end) for start, end in spans if end > now]
    length = timedelta(minutes=minutes)
    taken = sorted(busy)
    for start, end in ahead:
        at = start
        for begin, until in taken:
            if begin < at + length and until > at:
                at = until
        if at + length <= end:
            return at, end
    longest = max(ahead, key=lambda span: span[1] - span[0], default=None)
    return None if longest is None else (longest[0], max(longest[1], longest[0] + length))
