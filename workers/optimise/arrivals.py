"""Customers a minute at the tills, from people counted at the doors, receipts of past days and forecasts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

Count = tuple[str, datetime, datetime, float]


def per_minute(counts: Iterable[Count], at: datetime, span: timedelta) -> dict[str, float]:
    """People a minute by line over the span before a time, from counts (line, from, to, people), each window spread evenly.

    Only the part of the span that windows cover is averaged; a line without any is left out.
    """
    people: dict[str, float] = defaultdict(float)
    minutes: dict[str, float] = defaultdict(float)
    for line, start, end, heads in counts:
        shared = min(end, at) - max(start, at - span)
        if shared > timedelta(0):
            people[line] += heads * (shared / (end - start))
            minutes[line] += shared / timedelta(minutes=1)
    return {line: heads / minutes[line] for line, heads in people.items()}


def conversion(days: Iterable[tuple[int, float]]) -> float | None:
    """Receipts per entrant over days of (receipts, entrants); days without entrants do not count, None where none counts."""
    counted = [(receipts, entrants) for receipts, entrants in days if entrants]
    entrants = sum(people for _, people in counted)
    return sum(receipts for receipts, _ in counted) / entrants if entrants else None


def foreseen(windows: Iterable[Count], at: datetime, whole: Iterable[str]) -> float | None:
    """A forecast's rate a minute at a time, from windows (place, from, to, value): of a place in `whole`, else all places together."""
    rates = {place: value / ((end - start) / timedelta(minutes=1)) for place, start, end, value in windows if start <= at < end}
    for place in whole:
        if place in rates:
            return rates[place]
    return sum(rates.values()) if rates else None


def expected(entrants: float | None, receipts: float | None, visitors: float | None, share: float | None) -> float | None:
    """Customers a minute at the tills: entrants by the share that buys, else receipts as foreseen, else all that are known to come.

    `entrants` are counted, `receipts` and `visitors` foreseen, each a minute; while the share is unknown everybody is taken to pay.
    None when nothing tells.
    """
    if entrants is not None and share is not None:
        return entrants * share
    if receipts is not None:
        return receipts
    heads = visitors if entrants is None else entrants
    return None if heads is None else heads * (1.0 if share is None else share)
