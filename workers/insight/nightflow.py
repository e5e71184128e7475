"""Minimum night flow: the use of a closed building, and how much above its own past is too much.

The threshold is median + factor x 1.4826 x MAD of past nights: 1.4826 makes the median absolute deviation agree with the standard
deviation of a normal distribution (Rousseeuw and Croux, JASA 88, 1993), and outliers in the past do not move it.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

MAD_TO_SIGMA = 1.4826


def night_threshold(nights: Sequence[float], factor: float, least_margin: float = 1.0) -> float:
    """The flow above which a night stands out from `nights`; at least `least_margin` above their median, in their unit."""
    median = statistics.median(nights)
    deviation = statistics.median(abs(night - median) for night in nights)
    return max(median + factor * MAD_TO_SIGMA * deviation, median + least_margin)


def daily_loss(leaking: Sequence[float], median: float) -> float:
    """What a leak loses a day, from hourly flows of its nights and the median of normal ones."""
    return (statistics.fmean(leaking) - median) * 24


def register_at(before: tuple[float, float], after: tuple[float, float], at: float) -> float:
    """A cumulative register between two readings (time, total), by linear interpolation; times in any one unit."""
    (start, low), (end, high) = before, after
    return low if end == start else low + (high - low) * (at - start) / (end - start)
