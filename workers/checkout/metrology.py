"""What a trade scale may err by, and where its zero is going: OIML R 76-1 for class III, and the Theil-Sen slope of daily zeros."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any

from storeloom.core.kernel.events import parse_time, plain

NEAR_LOAD = timedelta(seconds=60)
"""An empty pan tells of the zero when no load was on it for so long before and after."""
ONE_READ = timedelta(milliseconds=990)
STEPS = ((500, 1), (2000, 2), (10000, 3))
"""Loads in verification intervals up to which an error of so many intervals is allowed in service: twice table 6 of OIML R 76-1."""


def limit_g(load_g: float, e_g: float) -> float:
    """The largest error in service of a class III scale at a load, grams; beyond 10000 e the last step goes on."""
    intervals = load_g / e_g
    return next((steps for most, steps in STEPS if intervals <= most), STEPS[-1][1]) * e_g


def passes(load_g: float, reading_g: float, e_g: float) -> bool:
    """Whether a reading of a known load is within the limit, the limit itself included."""
    return abs(reading_g - load_g) <= limit_g(load_g, e_g) + 1e-9


def median_of(counts: Mapping[str, int]) -> float | None:
    """The median of values (as text) by how often each occurred; None without any."""
    values = sorted((float(value), count) for value, count in counts.items())
    total = sum(count for _, count in values)
    if not total:
        return None
    middle = []
    for place in ((total - 1) // 2, total // 2):
        seen = 0
        for value, count in values:
            seen += count
            if seen > place:
                middle.append(value)
                break
    return sum(middle) / 2


def new_zeros() -> dict[str, Any]:
    """A scale's readings of its empty pan, to be kept: when the last load lay on it, and the readings that wait for what comes."""
    return {"load_at": None, "waiting": []}


def note_zero(zeros: dict[str, Any], at: datetime, weight_g: float, *, stable: bool, empty_g: float) -> None:
    """Enter a reading, in order of time; a load strikes out what waits and came near before it. At most one reading a second counts."""

    def rests(since: str | None, least: timedelta) -> bool:
        return since is None or at - parse_time(since) > least

    if abs(weight_g) >= empty_g:
        zeros["load_at"] = plain(at)
        zeros["waiting"] = [one for one in zeros["waiting"] if parse_time(one[0]) < at - NEAR_LOAD]
    elif stable and rests(zeros["load_at"], NEAR_LOAD) and rests(zeros["waiting"][-1][0] if zeros["waiting"] else None, ONE_READ):
        zeros["waiting"].append([plain(at), weight_g])


def settled_zeros(zeros: dict[str, Any], until: datetime) -> list[tuple[datetime, float]]:
    """Take out the readings before a moment: no load came near them."""
    found = []
    while zeros["waiting"] and parse_time(zeros["waiting"][0][0]) < until:
        at, weight_g = zeros["waiting"].pop(0)
        found.append((parse_time(at), weight_g))
    return found


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Theil-Sen estimator (Sen 1968): the median of the slopes of all pairs of points with different x; ValueError without such a pair."""
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2) if x1 != x2]
    if not slopes:
        raise ValueError("a slope needs two points of different x")
    return statistics.median(slopes)


def time_to(value: float, rate: float, limit: float) -> float | None:
    """How long a value that changes at a rate takes to leave [-limit, limit]; 0 where it has, None where it never does."""
    if abs(value) >= limit:
        return 0.0
    if rate == 0:
        return None
    return (limit - value) / rate if rate > 0 else (limit + value) / -rate
