"""How many people a slot asks for: by a queueing target, or by work minutes and an allowance for rest (time standards).

Allowance as in work measurement (ILO, Introduction to Work Study): it is a share of the paid time, so work is divided by what remains.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from statistics import median

from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.optimise.queueing import servers_needed
from storeloom.workers.optimise.store_times import is_in_hours, span

TINY = 1e-9


def queue_heads(arrivals: float, slot_s: float, service_s: float, wait_s: float, share: float) -> int:
    """The fewest servers of an M/M/c queue that keep `share` of a slot's arrivals within `wait_s`; 0 where nobody arrives."""
    return servers_needed(arrivals / slot_s, service_s, wait_s, share) if service_s > 0 else 0


def work_heads(minutes: float, allowance: float, slot_min: float) -> int:
    """People for so many minutes of work in a slot of which the share `allowance` is rest and walking."""
    return math.ceil(minutes / (1 - allowance) / slot_min - TINY)


def fixed_minutes(groups: Mapping[str, float], hours: StoreHours, start: datetime, end: datetime) -> float:
    """Minutes of fixed work in a slot: those of all groups (`open`, `closed`, a range of store time) that its beginning lies in."""
    is_open, day = is_in_hours(hours, start, end), hours.store_day(start)
    total = 0.0
    for group, minutes in groups.items():
        if group in ("open", "closed"):
            total += minutes if is_open == (group == "open") else 0.0
            continue
        spans = [span(hours, day - timedelta(days=back), group) for back in (0, 1)]
        total += minutes if any(one and one[0] <= start < one[1] for one in spans) else 0.0
    return total


def landing_slot(hours: StoreHours, arrival: datetime, slots: list[tuple[datetime, datetime]]) -> datetime | None:
    """The first slot with opening time that begins at or after an arrival; None where these slots have none."""
    return next((start for start, end in slots if start >= arrival and is_in_hours(hours, start, end)), None)


def median_of(counts: Mapping[float, int], least: int) -> float | None:
    """The median of values with their counts; None for fewer than `least`."""
    if sum(counts.values()) < least:
        return None
    return median([value for value in sorted(counts) for _ in range(counts[value])])


def within(bins: Mapping[str, float], first: int, minutes: float, bin_min: int) -> float:
    """What counts of `bin_min` minutes each (by their first minute of the day) give for the minutes from `first` on, spread evenly."""
    shares = [(count, min(first + minutes, int(at) + bin_min) - max(first, int(at))) for at, count in bins.items()]
    return sum(count * share / bin_min for count, share in shares if share > 0)


def hours_by_role(heads: Iterable[tuple[datetime, datetime, str, int]]) -> dict[str, float]:
    """People's hours by role of slots (start, end, role, people)."""
    hours: dict[str, float] = {}
    for start, end, role, people in heads:
        hours[role] = hours.get(role, 0) + people * (end - start).total_seconds() / 3600
    return hours


def errors_pct(forecast: Mapping[str, float], actual: Mapping[str, float]) -> list[float]:
    """How far the hours forecast for each role were off those that it needed, in % of these; none for a role without need."""
    return [100 * abs(hours - actual[role]) / actual[role] for role, hours in forecast.items() if actual.get(role)]
