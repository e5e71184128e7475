"""A store's days in total: what weekday, season, school, weather and holidays make of them, and forecasts that add up.

Totals are fitted on the log by least squares: level, weekday, two yearly Fourier pairs once a year is known (Hyndman and Athanasopoulos,
"Forecasting: Principles and Practice", 7.4), school days and weather, with holidays left out; days that a first robust fit finds too far
off are left out (median absolute deviation, Rousseeuw and Croux, 1993). A holiday's effect is the mean of its own log
deviations, shrunk to the chain's. Categories and total are reconciled by MinT with a diagonal covariance (Wickramasuriya, Athanasopoulos
and Hyndman, Journal of the American Statistical Association 114, 2019).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import fmean
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Way = Literal["wls", "none", "bottom_up"]
YEAR_DAYS, WARM_SCALE_C, LEAST_LOG_SD, LEVEL_DAYS, RECENT_DAYS = 365.25, 5.0, 0.02, 28, 56
MAD_TO_SD, ROUNDS = 1.4826, 20
LIGHT, FIRM = 1e-6, 1.0


@dataclass(frozen=True)
class Marks:
    """What a day is: `holiday` (name and day offset) or None, whether schools are open, warmest C and rain mm where known."""

    holiday: tuple[str, int] | None = None
    school: bool = False
    weather: tuple[float, float] | None = None


@dataclass(frozen=True)
class Outlook:
    """Forecast of the days ahead: median of each, standard deviation of the log, and variance of the residuals in the series' own unit."""

    medians: list[float]
    log_sd: float
    variance: float


def outlook(
    days: Sequence[date], totals: Sequence[float], marks: Sequence[Marks], ahead: Sequence[date], to_come: Sequence[Marks],
    *, chain: Mapping[str, Mapping[int, float]], shrink: float, outlier_k: float,
) -> Outlook | None:  # fmt: skip
    """Fit the totals of known days and carry them on; None where no day above nought is known outside holidays.

    A series that does not sell every day is forecast by what it sells on its days times their share of the last eight weeks.
    """
    known = [n for n, total in enumerate(totals) if total > 0]
    plain = [n for n in known if marks[n].holiday is None]
    if not plain:
        return None
    logs = np.array([math.log(total) if total > 0 else 0.0 for total in totals])
    rows = _design([*days, *ahead], [*marks, *to_come], days, plain)
    kept = _inliers(logs, plain, outlier_k, rows)
    base = rows @ _ridge(rows[kept], logs[kept])
    base = base + fmean(logs[n] - base[n] for n in kept[-LEVEL_DAYS:])
    own: dict[tuple[str, int], list[float]] = {}
    for n in known:
        holiday = marks[n].holiday
        if holiday is not None:
            own.setdefault(holiday, []).append(float(logs[n] - base[n]))
    alive = [total > 0 for total in totals[-RECENT_DAYS:]]
    selling, medians = sum(alive) / len(alive), []
    for n, mark in enumerate(to_come, len(days)):
        effect = 0.0
        if mark.holiday is not None:
            name, offset = mark.holiday
            effect = holiday_effect(own.get(mark.holiday, []), chain.get(name, {}).get(offset, 0.0), shrink)
        medians.append(selling * math.exp(float(base[n]) + effect))
    errors = [totals[n] - math.exp(float(base[n])) for n in kept]
    log_sd = math.sqrt(fmean(float(logs[n] - base[n]) ** 2 for n in kept))
    return Outlook(medians, log_sd, fmean(error**2 for error in errors))


def holiday_effect(own: Sequence[float], chain: float, shrink: float) -> float:
    """Log effect of a holiday's day: its own log deviations, the chain's effect counting as `shrink` of them."""
    weight = len(own) + shrink
    return (sum(own) + chain * shrink) / weight if weight else 0.0


def reconciled(
    total: float, parts: Mapping[str, float], variance: float, variances: Mapping[str, float], how: Way
) -> tuple[float, dict[str, float]]:
    """Total and parts that add up and are not below 0: `none` leaves them as they are, `bottom_up` adds the parts up, `wls` spreads the
    gap in proportion to the variances, the total's among them. Where no series has one, all share the gap alike.
    """
    found = dict(parts)
    if how == "none" or not found:
        return total, found
    if how == "bottom_up":
        return sum(found.values()), found
    free = sorted(found)
    while True:
        gap = total - sum(found.values())
        weights = {name: variances.get(name, 0.0) for name in free}
        whole, own = sum(weights.values()) + variance, variance
        if whole <= 0:
            weights, own, whole = dict.fromkeys(free, 1.0), 1.0, len(free) + 1.0
        for name in free:
            found[name] += gap * weights[name] / whole
        total -= gap * own / whole
        below = [name for name in free if found[name] < 0]
        if not below:
            return max(0.0, total), found
        for name in below:
            found[name] = 0.0
            free.remove(name)


def shares(profile: Mapping[int, float], slots: Sequence[int]) -> dict[int, float]:
    """Shares of the open slots, made to sum to 1; alike where the profile knows none of them."""
    whole = sum(max(0.0, profile.get(slot, 0.0)) for slot in slots)
    if whole <= 0:
        return {slot: 1 / len(slots) for slot in slots}
    return {slot: max(0.0, profile.get(slot, 0.0)) / whole for slot in slots}


def profile(days: Sequence[Mapping[int, float]]) -> dict[int, float]:
    """Mean share of each slot over days of amounts by slot; days of nothing are left out."""
    found: dict[int, float] = {}
    known = [(day, whole) for day in days if (whole := sum(day.values())) > 0]
    for day, whole in known:
        for slot, amount in day.items():
            found[slot] = found.get(slot, 0.0) + amount / whole / len(known)
    return found


def unlike(one: Mapping[int, float], other: Mapping[int, float]) -> float:
    """How far two profiles lie apart: 0 the same, 2 nothing in common."""
    return sum(abs(one.get(slot, 0.0) - other.get(slot, 0.0)) for slot in {*one, *other})


def _design(days: Sequence[date], marks: Sequence[Marks], past: Sequence[date], plain: Sequence[int]) -> Array:
    """Columns: 1, weekdays from Monday, then the slow ones (season, school, weather)."""
    span = (past[-1] - past[0]).days + 1
    airs = [mark.weather for mark in marks[: len(past)] if mark.weather]
    mild = (fmean(air[0] for air in airs), fmean(math.log1p(max(0.0, air[1])) for air in airs)) if airs else (0.0, 0.0)
    school = fmean(marks[n].school for n in plain)
    rows = []
    for day, mark in zip(days, marks, strict=True):
        angle = 2 * math.pi * day.timetuple().tm_yday / YEAR_DAYS
        season = [f(k * angle) for k in (1, 2) for f in (math.sin, math.cos)] if span > YEAR_DAYS else [0.0] * 4
        air = [(mark.weather[0] - mild[0]) / WARM_SCALE_C, math.log1p(max(0.0, mark.weather[1])) - mild[1]] if mark.weather else [0.0, 0.0]
        rows.append([1.0, *(float(day.weekday() == n) - 1 / 7 for n in range(7)), *season, mark.school - school, *air])
    return np.array(rows)


def _ridge(rows: Array, logs: Array, weights: Array | None = None) -> Array:
    """Coefficients, the slow columns held back as by one observation, weekdays hardly."""
    count = rows.shape[1]
    penalty = np.diag([0.0, *[LIGHT] * 7, *[FIRM] * (count - 8)])
    held = rows if weights is None else rows * weights[:, None]
    return np.asarray(np.linalg.lstsq(held.T @ rows + penalty, held.T @ logs, rcond=None)[0], dtype=np.float64)


def _inliers(logs: Array, plain: Sequence[int], k: float, rows: Array) -> list[int]:
    """Days within `k` robust deviations of a fit of least absolute errors (by weights anew; Huber, "Robust Statistics", 1981, 7.8)."""
    seen, wanted = rows[plain], logs[plain]
    off: Array = np.ones(len(plain))
    for _ in range(ROUNDS):
        off = wanted - seen @ _ridge(seen, wanted, 1 / np.maximum(np.abs(off), LEAST_LOG_SD / 10))
    off = off - float(np.median(off))
    limit = k * max(LEAST_LOG_SD, MAD_TO_SD * float(np.median(np.abs(off))))
    return [n for n, one in zip(plain, off, strict=True) if abs(one) <= limit]
