"""Minimum night flow: the use of a closed building, and how much above its own past is too much.

The threshold is median + factor x 1.4826 x MAD of past nights: 1.4826 makes the median absolute deviation agree with the standard
deviation of a normal distribution (Rousseeuw and Croux, JASA 88, 1993), and outliers in the past do not move it.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence

MAD_TO_SIGMA = 1.4826
Reading = tuple[float, float]


def night_threshold(nights: Sequence[float], factor: float, least_margin: float = 1.0) -> float:
    """The flow above which a night stands out from `nights`; at least `least_margin` above their median, in their unit."""
    median = statistics.median(nights)
    deviation = statistics.median(abs(night - median) for night in nights)
    return max(median + factor * MAD_TO_SIGMA * deviation, median + least_margin)


def daily_loss(leaking: Sequence[float], median: float) -> float:
    """What a leak loses a day, from hourly flows of its nights and the median of normal ones."""
    return (statistics.fmean(leaking) - median) * 24


def least_hourly_use(marks: Sequence[tuple[float, Reading | None, Reading | None]], longest_gap_s: float) -> float | None:
    """The smallest use an hour between neighbouring marks, in the register's unit.

    A mark is an instant in seconds with the last reading at or before it and the first at or after it. One whose readings lie further apart
    than `longest_gap_s`, or run backwards (a new meter), is left out; None when no two neighbours are left.
    """
    totals: list[Reading | None] = []
    for at, before, after in marks:
        known = before is not None and after is not None and 0 <= after[0] - before[0] <= longest_gap_s and after[1] >= before[1]
        totals.append((at, register_at(before, after, at)) if known and before and after else None)
    pairs = [(one, two) for one, two in itertools.pairwise(totals) if one and two and two[1] >= one[1]]
    return min(((two[1] - one[1]) * 3600 / (two[0] - one[0]) for one, two in pairs), default=None)


def register_at(before: Reading, after: Reading, at: float) -> float:
    """A cumulative register between two readings (time, total), by linear interpolation; times in any one unit."""
    (start, low), (end, high) = before, after
    return low if end == start else low + (high - low) * (at - start) / (end - start)
