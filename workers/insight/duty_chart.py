"""The duty of a cooling machine against the room it stands in: a line learned from good days, and an EWMA chart of what exceeds it
(Roberts, Technometrics 1, 1959)."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import fmean
from typing import NamedTuple

LEAST_SIGMA = 0.001
"""A minute and a half of a day: no machine is steadier than it is measured."""
EDGE = 1e-9


class Line(NamedTuple):
    """Duty by room temperature, the spread of the learning days about it, and the room's mean temperature on them."""

    level: float
    slope: float
    sigma: float
    usual_c: float

    def at(self, room_c: float | None) -> float:
        """Duty to be expected; in the usual room on a day whose room was not measured."""
        return self.level + self.slope * (self.usual_c if room_c is None else room_c)


def learn(days: Sequence[tuple[float | None, float]]) -> Line:
    """The least-squares line through (room temperature, duty) of the learning days; level where the room stayed the same or was not
    measured. Sigma is the root mean square of the residuals."""
    known = [room for room, _ in days if room is not None]
    usual = fmean(known) if known else 0.0
    rooms, duties = [usual if room is None else room for room, _ in days], [duty for _, duty in days]
    level, slope = fit(rooms, duties)
    residuals = [duty - level - slope * room for room, duty in zip(rooms, duties, strict=True)]
    return Line(level, slope, max(LEAST_SIGMA, sqrt(fmean(residual**2 for residual in residuals))), usual)


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
