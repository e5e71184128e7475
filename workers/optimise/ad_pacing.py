"""Pacing of advertisements over the time that is left to them, and which one fills the next slot.

Smooth weighted round robin as in nginx (Dounin, "Upstream: smooth weighted round-robin balancing", 2012): every weight is added to its
counter, the highest counter is chosen and loses the sum of the weights. Over a cycle each entry is chosen by its weight, spread evenly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from datetime import date, datetime, timedelta

from storeloom.core.kernel.hours import StoreHours

DAY = timedelta(days=1)


def choose(counters: MutableMapping[str, float], weights: Mapping[str, float], passed: Callable[[str], bool]) -> str | None:
    """The entry of the next slot; ties go by the order of the weights. Entries to be `passed` over keep what they were given, and are
    chosen where nothing else is open. None without weights above 0. Entries that are no longer open lose their counters."""
    open_now = {name: weight for name, weight in weights.items() if weight > 0}
    for name in [name for name in counters if name not in open_now]:
        del counters[name]
    if not open_now:
        return None
    for name, weight in open_now.items():
        counters[name] = counters.get(name, 0.0) + weight
    order = list(open_now)
    pool = [name for name in order if not passed(name)] or order
    chosen = max(pool, key=lambda name: (round(counters[name], 9), -order.index(name)))
    counters[chosen] -= sum(open_now.values())
    return chosen


def daily_span(hours: StoreHours, day: date, clock: str) -> tuple[datetime, datetime]:
    """The instants of daily hours `HH:MM-HH:MM` that begin on a store day; an end that is not later is on the next day."""
    begins, ends = clock.split("-")
    return hours.at(day, begins), hours.at(day + DAY * (ends <= begins), ends)


def open_seconds(hours: StoreHours, clock: str, first: date, last: date, since: datetime) -> float:
    """Seconds from an instant on in which the store is open within daily hours, on the store days `first` to `last`."""
    day, total = max(first, hours.store_day(since) - DAY), 0.0
    while day <= last:
        begin, end = daily_span(hours, day, clock)
        total += hours.open_seconds(max(begin, since), end) if end > since else 0.0
        day += DAY
    return total
