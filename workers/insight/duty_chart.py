"""The duty of a cooling machine against the room it stands in: a line learned from good days, and an EWMA chart of what exceeds it
(Roberts, Technometrics 1, 1959)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import sqrt
from statistics import fmean
from typing import NamedTuple

LEAST_SIGMA = 0.001
"""A minute and a half of a day: no machine is steadier than it is measured."""
DAY_S = 86_400
EDGE = 1e-9


class Line(NamedTuple):
    """Duty by room temperature, and the spread of the learning days about it."""

    level: float
    slope: float
    sigma: float

    def at(self, room_c: float) -> float:
        return self.level + self.slope * room_c


def learn(days: Sequence[tuple[float, float]]) -> Line:
    """The least-squares line through (room temperature, duty) of the learning days; level where the room stayed the same."""
    rooms, duties = [room for room, _ in days], [duty for _, duty in days]
    level, slope = fit(rooms, duties)
    residuals = [duty - level - slope * room for room, duty in days]
    return Line(level, slope, max(LEAST_SIGMA, sqrt(fmean(residual**2 for residual in residuals))))


def fit(xs: Sequence[float], ys: Sequence[float]) -> tuple[float, float]:
    """Level at 0 and slope of the least-squares line through one or more points."""
    mean_x, mean_y = fmean(xs), fmean(ys)
    spread = sum((x - mean_x) ** 2 for x in xs)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread if spread > EDGE else 0.0
    return mean_y - slope * mean_x, slope


def ewma(before: float, residual: float, weight: float) -> float:
    return weight * residual + (1 - weight) * before


def limit(sigma: float, weight: float, sigmas: float) -> float:
    """Upper limit of the average once it has run for long."""
    return sigmas * sigma * sqrt(weight / (2 - weight))


def is_out(average: float, bound: float) -> bool:
    return average > bound + EDGE


def days_to(averages: Sequence[float], expected: float, bound: float) -> float | None:
    """Days from the last of the averages, one a day, until expected duty plus their line reaches a bound: 0 where it has, None where the
    line does not rise."""
    level, slope = fit(range(len(averages)), averages)
    now = expected + level + slope * (len(averages) - 1)
    if now >= bound:
        return 0.0
    return (bound - now) / slope if slope > EDGE else None


def step_s(gaps: Mapping[str, int]) -> float | None:
    """The step of a series of readings: the median of the gaps between them, counted by seconds."""
    if not gaps:
        return None
    seconds = sorted(Counter({float(gap): count for gap, count in gaps.items()}).elements())
    return seconds[(len(seconds) - 1) // 2]


def coverage(readings: int, step: float) -> float:
    """Share of a day that so many readings, each `step` seconds long, stand for."""
    return readings * step / DAY_S
