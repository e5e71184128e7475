"""Values that stand out and levels that have moved, each with the false alarms it was set for.

- Single values: robust z by median and MAD (Iglewicz and Hoaglin 1993). The limit comes from the rate of false alarms wanted and the number
  of values: with 20 values the usual 3.5 speaks three times as often as with thousands.
- Values of a season: the same on what is left after a weekly (or other) profile of medians, or after STL (Cleveland, Cleveland, McRae and
  Terpenning 1990) by statsmodels.
- Levels: two-sided CUSUM (Page, Biometrika 41, 1954; Page-Hinkley is its one-sided form). Its limit is set for the mean number of values
  between false alarms (Brook and Evans, Biometrika 59, 1972); values are standardised as they come (self-starting: Hawkins, JRSS D 36,
  1987), so that this holds although mean and spread are not known beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl

from storeloom.workers.insight.effects import Floats, numbers
from storeloom.workers.insight.faults import complain, needed, require_setting

TO_SIGMA = 1.4826022185056018
MEAN_TO_SIGMA = 1.2533141373155003
LEAST = 10
EXACT_UP_TO, STATES = 400, 200
MOST_Z = 8.0
MOST_SEASONS, SIMULATED, CALIBRATED_AT = 52, 20_000, 0.01


@dataclass(frozen=True)
class Outliers:
    """`table`: y, expected, z, outlier, one row a value; `limit` of |z|, set for `false_alarm` a value of normal noise."""

    table: pl.DataFrame
    limit: float
    false_alarm: float


@dataclass(frozen=True)
class Shift:
    """A change of level: found at value `at` (index), begun about `since`; up or down; `before` and `after` means."""

    at: int
    since: int
    up: bool
    before: float
    after: float


@dataclass(frozen=True)
class Levels:
    """`table`: y, z, high, low (the two sums); `shifts` found; `limit` of the sums, set for `values_between` false alarms on average."""

    table: pl.DataFrame
    shifts: tuple[Shift, ...]
    limit: float
    values_between: float


def outliers(values: Any, *, false_alarm: float = 0.001) -> Outliers:
    """Values far from the median of all. `false_alarm`: the chance that a value of normal noise is called."""
    y, found = numbers("values", values, LEAST)
    complain(found)
    return _called(y, np.full(y.size, float(np.median(y))), false_alarm)


def seasonal(values: Any, *, period: int = 7, method: str = "profile", false_alarm: float = 0.001) -> Outliers:
    """Values far from what their place in the season and the trend let expect.

    `values` without gaps, one a step; `period`: steps of a season. "profile": medians of each place after a running median of whole
    seasons; "stl": robust STL. Needs 3 seasons, "stl" 4. Both follow the noise a little, which makes what is left look calmer than it is;
    the limit is widened by what they make of normal noise of that length (simulated once with a fixed seed, the first "stl" of a length
    takes a second).
    """
    require_setting("method", method, "profile, stl", method in ("profile", "stl"))
    require_setting("period", period, "2..1000", 2 <= period <= 1000)
    y, found = numbers("values", values, LEAST)
    complain(found + needed("seasons", "季节周期", y.size // period, 4 if method == "stl" else 3))
    expected = _stl(y, period) if method == "stl" else _profile(y, period)
    return _called(y, expected, false_alarm, _widened(method, min(y.size // period, MOST_SEASONS) * period, period))


def limit(size: int, false_alarm: float) -> float:
    """|z| that a value of `size` normal ones exceeds with chance `false_alarm` when median and MAD are those of the same values.

    Simulated with a fixed seed up to 400 values, the normal quantile beyond.
    """
    require_setting("false_alarm", false_alarm, "0.00001..0.2", 1e-5 <= false_alarm <= 0.2)
    require_setting("size", size, f">= {LEAST}", size >= LEAST)
    return _limit(size if size <= EXACT_UP_TO else EXACT_UP_TO + 1, false_alarm)


def levels(values: Any, *, shift: float = 1.0, values_between: float = 500.0, settle: int = 10) -> Levels:
    """Lasting changes of level of values in order. `shift`: the change to find, in standard deviations; `settle`: values before it may
    speak.

    After a change it starts anew on the new level. What the values have of season or of likeness from one to the next should be taken out
    first: CUSUM takes it for changes.
    """
    require_setting("settle", settle, ">= 3", settle >= 3)
    y, found = numbers("values", values, settle + 1)
    complain(found)
    bound = cusum_limit(shift, values_between)
    rows, shifts, begin, high, low = [], [], 0, 0.0, 0.0
    seen = _Seen()
    since_high = since_low = 0
    for at, value in enumerate(y.tolist()):
        z = seen.standard(value) if seen.count >= settle else 0.0
        if seen.count >= settle:
            since_high, since_low = since_high if high > 0 else at, since_low if low > 0 else at
            high, low = max(0.0, high + z - shift / 2), max(0.0, low - z - shift / 2)
        seen.add(value)
        rows.append((value, z, high, low))
        if max(high, low) > bound:
            first = since_high if high > low else since_low
            shifts.append(Shift(at, first, high > low, float(y[begin:first].mean()), float(y[first : at + 1].mean())))
            begin, high, low, seen = at + 1, 0.0, 0.0, _Seen()
    return Levels(pl.DataFrame(rows, schema=["y", "z", "high", "low"], orient="row"), tuple(shifts), bound, values_between)


@dataclass
class _Seen:
    """Running mean and squares of what was seen (Welford, Technometrics 4, 1962)."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, value: float) -> None:
        self.count += 1
        apart = value - self.mean
        self.mean += apart / self.count
        self.squares += apart * (value - self.mean)

    def standard(self, value: float) -> float:
        """The next value, standardised so that normal noise gives independent standard normal values, within +-8."""
        from scipy.special import ndtri, stdtr

        spread = (self.squares / (self.count - 1)) ** 0.5
        apart = value - self.mean
        if spread <= 1e-12 * max(1.0, abs(self.mean)):
            return MOST_Z * float(np.sign(apart)) if abs(apart) > 1e-9 * max(1.0, abs(self.mean)) else 0.0
        z = float(ndtri(stdtr(self.count - 1, apart / (spread * (1 + 1 / self.count) ** 0.5))))
        return max(-MOST_Z, min(MOST_Z, z))


def cusum_limit(shift: float, values_between: float) -> float:
    """Limit of a two-sided CUSUM with allowance `shift` / 2 at which normal noise speaks once in `values_between` on average."""
    from scipy.optimize import brentq

    require_setting("shift", shift, "0.2..4", 0.2 <= shift <= 4)
    require_setting("values_between", values_between, "20..100000", 20 <= values_between <= 1e5)
    top = 1.0
    while run_length(shift / 2, top) < values_between:
        top *= 1.5
    return float(brentq(lambda h: np.log(run_length(shift / 2, h) / values_between), 0.01, top, xtol=1e-6))


def run_length(allowance: float, bound: float) -> float:
    """Mean number of values until a two-sided CUSUM speaks on normal noise: half the one-sided mean, which solves a Markov chain."""
    from scipy.special import ndtr

    width = 2 * bound / (2 * STATES - 1)
    states = np.arange(STATES)
    to = (states[None, :] - states[:, None]) * width + allowance
    chances = ndtr(to + width / 2) - ndtr(to - width / 2)
    chances[:, 0] = ndtr(width / 2 - states * width + allowance)
    return float(np.linalg.solve(np.eye(STATES) - chances, np.ones(STATES))[0] / 2)


@lru_cache(maxsize=256)
def _limit(size: int, false_alarm: float) -> float:
    from scipy.stats import norm

    if size > EXACT_UP_TO:
        return float(norm.isf(false_alarm / 2))
    rng = np.random.default_rng(size)
    sample = rng.normal(size=(max(200, 600_000 // size), size))
    apart = np.abs(sample - np.median(sample, axis=1, keepdims=True))
    z = apart / (TO_SIGMA * np.median(apart, axis=1, keepdims=True))
    return float(np.quantile(z, 1 - false_alarm))


def _called(y: Floats, expected: Floats, false_alarm: float, widened: float = 1.0) -> Outliers:
    """Where more than half the values are as expected, the mean deviation takes the MAD's place; where all are, nothing stands out."""
    apart = y - expected
    spread = TO_SIGMA * float(np.median(np.abs(apart))) or MEAN_TO_SIGMA * float(np.mean(np.abs(apart)))
    bound = widened * limit(y.size, false_alarm)
    z = apart / spread if spread > 0 else np.zeros_like(apart)
    return Outliers(pl.DataFrame({"y": y, "expected": expected, "z": z, "outlier": np.abs(z) > bound}), bound, false_alarm)


@lru_cache(maxsize=64)
def _widened(method: str, size: int, period: int) -> float:
    """By how many times the limit must grow so that 1 in 100 values of normal noise lies beyond it after the method."""
    rng = np.random.default_rng((size, period))
    found = []
    for _ in range(max(8, SIMULATED // size // (5 if method == "stl" else 1))):
        y = rng.normal(size=size)
        apart = np.abs(y - (_stl(y, period) if method == "stl" else _profile(y, period)))
        found.append(apart / (TO_SIGMA * np.median(apart)))
    return max(1.0, float(np.quantile(np.concatenate(found), 1 - CALIBRATED_AT)) / _limit(min(size, EXACT_UP_TO + 1), CALIBRATED_AT))


def _profile(y: Floats, period: int) -> Floats:
    """Each value's expectation from the other seasons: it never explains itself."""
    trend = _running_median(y, 3 * period)
    rest = y - trend
    expected = np.empty_like(y)
    for place in range(period):
        own = np.arange(place, y.size, period)
        for number, at in enumerate(own):
            expected[at] = trend[at] + float(np.median(np.delete(rest[own], number)))
    return expected


def _running_median(y: Floats, width: int) -> Floats:
    """Medians of whole windows; the ends take those of the first and the last one."""
    medians = np.median(np.lib.stride_tricks.sliding_window_view(y, min(width, y.size)), axis=1)
    return np.asarray(np.pad(medians, (half := (y.size - medians.size) // 2, y.size - medians.size - half), mode="edge"), dtype=np.float64)


def _stl(y: Floats, period: int) -> Floats:
    from statsmodels.tsa.seasonal import STL

    found = STL(y, period=period, seasonal=10 * (y.size // period) + 1, trend=8 * (period // 2) + 1, robust=True).fit()
    return np.asarray(found.trend + found.seasonal, dtype=np.float64)
