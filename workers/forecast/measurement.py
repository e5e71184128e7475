"""Measurement and verification of savings for a whole facility: what a building would have used in this weather, less what it used.

The adjusted baseline of IPMVP option C (EVO 10000, International Performance Measurement and Verification Protocol) by the change-point
models of ASHRAE Guideline 14 (2014; Kissock, Haberl and Claridge, Inverse Modeling Toolkit, 2003): daily kWh = base of open or of closed
days + c x max(0, T - Tc) + h x max(0, Th - T) with Th <= Tc and no slope below 0. Change points lie on a grid, the rest follows by least
squares; among two, three and five parameters the Bayesian information criterion decides, so that no slope stays which the days do not call
for. Uncertainty of a sum is the standard error of the regression's forecast, days counted by what they tell when each resembles the day
before (n' = n (1 - rho) / (1 + rho), Guideline 14 annex B). The annex's own approximation is `guideline_14_uncertainty`; the regression's
error is taken for intervals since it follows the weather of the days that are judged.

By least squares the bias within the baseline is nil, so a model is held against days that it was not fitted on (`held_*`: ten blocks of
neighbouring days, each left out in turn).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from storeloom.core.kernel.errors import Finding

Array = NDArray[np.float64]

LEAST_DAYS = 30
LEAST_BEYOND = 5
COLDEST_C, WARMEST_C = -90.0, 60.0
STEP_K = 0.5
BLOCKS = 10
FOREIGN = 0.1
MOST_RHO = 0.95
DAYS_A_MONTH = 365.25 / 12


class Day(NamedTuple):
    """A day of a meter: kWh used, mean outdoor temperature in C, whether the store was closed."""

    day: date
    kwh: float
    temp_c: float
    closed: bool = False


class MeasurementFault(ValueError):
    """Days that no baseline can be fitted on; `findings` holds all that is wrong, in zh and en."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(f"{one.text()} {one.fix()}" for one in self.findings))


@dataclass(frozen=True)
class Baseline:
    """A fitted model: kWh a day, kWh/K, C.

    `closed_base_kwh` is None without closed days in the baseline, a change point None where its slope is 0. `sigma_kwh`: residual standard
    error; `rho`: autocorrelation of residuals from day to day; `inverse`: inverse normal matrix, row by row, of the columns in `_columns`.
    `cv_rmse_pct`, `nmbe_pct` by Guideline 14 (positive bias: the model tells too much); `held_*`: on days left out of the fit.
    """

    base_kwh: float
    closed_base_kwh: float | None
    cooling_kwh_per_k: float
    cooling_from_c: float | None
    heating_kwh_per_k: float
    heating_from_c: float | None
    days: int
    parameters: int
    mean_kwh: float
    sigma_kwh: float
    rho: float
    r2: float
    cv_rmse_pct: float
    nmbe_pct: float
    held_cv_rmse_pct: float
    held_nmbe_pct: float
    coldest_c: float
    warmest_c: float
    inverse: tuple[tuple[float, ...], ...]

    def predicted(self, temp_c: float, closed: bool = False) -> float | None:
        """kWh of a day; None for a closed one where the baseline had none."""
        base = self.closed_base_kwh if closed else self.base_kwh
        if base is None:
            return None
        cooling = self.cooling_kwh_per_k * max(0.0, temp_c - self.cooling_from_c) if self.cooling_from_c is not None else 0.0
        heating = self.heating_kwh_per_k * max(0.0, self.heating_from_c - temp_c) if self.heating_from_c is not None else 0.0
        return base + cooling + heating

    def interval(self, temp_c: float, closed: bool = False, level: float = 0.9) -> tuple[float, float] | None:
        """Where the kWh of one day lies with chance `level`, never below 0; None as in `predicted`."""
        told = self.predicted(temp_c, closed)
        if told is None:
            return None
        half = self._half([(temp_c, closed)], level)
        return max(0.0, told - half), told + half

    def accepted(self, cv_max_pct: float = 25.0, bias_max_pct: float = 1.0) -> tuple[Finding, ...]:
        """What speaks against the model, nothing where it is accepted: CV(RMSE) of the fit, bias on days left out."""
        found = []
        for figure, got, limit in (("CV(RMSE)", self.cv_rmse_pct, cv_max_pct), ("NMBE", abs(self.held_nmbe_pct), bias_max_pct)):
            if not got <= limit:
                found.append(Finding("SL-ENM-06", {"figure": figure, "got": f"{got:.2f}", "limit": f"{limit:g}"}))
        return tuple(found)

    def within(self, temp_c: float) -> bool:
        """Whether a day is as warm or cold as days of the baseline, give or take a tenth of their range."""
        slack = FOREIGN * (self.warmest_c - self.coldest_c)
        return self.coldest_c - slack <= temp_c <= self.warmest_c + slack

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON, read back by `from_dict`."""
        return asdict(self) | {"inverse": [list(row) for row in self.inverse]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Baseline:
        known = {field.name: data[field.name] for field in fields(cls)}
        return cls(**known | {"inverse": tuple(tuple(row) for row in data["inverse"])})

    def _half(self, days: Sequence[tuple[float, bool]], level: float) -> float:
        """Half width of the interval of the sum of some days (temperature, closed)."""
        from scipy.stats import t

        if not days:
            return 0.0
        column = _columns(
            np.array([temp for temp, _ in days]),
            np.array([shut for _, shut in days]),
            self.cooling_from_c,
            self.heating_from_c,
            self.closed_base_kwh is not None,
        ).sum(axis=0)
        effective = _effective(self.days, self.rho)
        inflated = self.days / effective
        noise = len(days) ** 2 / _effective(len(days), self.rho)
        model = float(column @ np.array(self.inverse) @ column) * inflated
        freedom = max(1.0, effective - self.parameters)
        return float(t.ppf(0.5 + level / 2, freedom)) * self.sigma_kwh * math.sqrt(noise + model)


@dataclass(frozen=True)
class Savings:
    """Savings of a reporting period.

    `days`: (day, adjusted baseline kWh, actual kWh, saved kWh), `left_out`: days that the baseline cannot tell, `foreign`: days warmer or
    colder than any it was fitted on, which count but lean on straight lines. `low_kwh` to `high_kwh` holds the saving with chance `level`.
    """

    days: tuple[tuple[date, float, float, float], ...]
    left_out: tuple[date, ...]
    foreign: tuple[date, ...]
    adjusted_kwh: float
    actual_kwh: float
    saved_kwh: float
    low_kwh: float
    high_kwh: float
    level: float

    @property
    def fraction(self) -> float:
        """Saving as a share of the adjusted baseline; 0 without one."""
        return self.saved_kwh / self.adjusted_kwh if self.adjusted_kwh > 0 else 0.0

    @property
    def uncertainty(self) -> float:
        """Fractional savings uncertainty: half the interval by the saving. Infinite where nothing was saved."""
        return (self.high_kwh - self.low_kwh) / 2 / self.saved_kwh if self.saved_kwh > 0 else math.inf

    @property
    def proven(self) -> bool:
        """Whether the interval lies above 0."""
        return bool(self.days) and self.low_kwh > 0


def fit(days: Sequence[Day], step_k: float = STEP_K) -> Baseline:
    """The change-point model of days that are whole and comparable, in any order.

    Temperatures are daily means. Raises MeasurementFault with all that is wrong.
    """
    _check(days, step_k)
    days = sorted(days)
    kwh, temp = np.array([one.kwh for one in days]), np.array([one.temp_c for one in days])
    shut = np.array([one.closed for one in days])
    split = bool(shut.any())
    points = _search(kwh, temp, shut, split, step_k)
    columns = _columns(temp, shut, *points, split)
    inverse = np.linalg.pinv(columns.T @ columns)
    solved = inverse @ columns.T @ kwh
    residuals = kwh - columns @ solved
    parameters = columns.shape[1] + sum(point is not None for point in points)
    mean, squares = float(kwh.mean()), float((residuals**2).sum())
    sigma = math.sqrt(squares / (len(days) - parameters))
    held = _held(kwh, temp, shut, split, step_k)
    slopes = iter(solved[1 + split :].tolist())
    spread = float(((kwh - mean) ** 2).sum())
    return Baseline(
        base_kwh=float(solved[0]),
        closed_base_kwh=float(solved[1]) if split else None,
        cooling_kwh_per_k=next(slopes) if points[0] is not None else 0.0,
        cooling_from_c=points[0],
        heating_kwh_per_k=next(slopes) if points[1] is not None else 0.0,
        heating_from_c=points[1],
        days=len(days),
        parameters=parameters,
        mean_kwh=mean,
        sigma_kwh=sigma,
        rho=_rho([one.day for one in days], residuals),
        r2=1 - squares / spread if spread > 0 else 1.0,
        cv_rmse_pct=100 * sigma / mean,
        nmbe_pct=-100 * float(residuals.sum()) / ((len(days) - parameters) * mean),
        held_cv_rmse_pct=100 * math.sqrt(float((held**2).mean())) / mean,
        held_nmbe_pct=-100 * float(held.mean()) / mean,
        coldest_c=float(temp.min()),
        warmest_c=float(temp.max()),
        inverse=tuple(tuple(row) for row in inverse.tolist()),
    )


def change_points(kwh: Array, temp_c: Array, step_k: float = STEP_K) -> tuple[float | None, float | None]:
    """Temperatures above which cooling and below which heating begins (days of energy and their means in C); None for no such slope."""
    return _search(kwh, temp_c, np.zeros(len(kwh), dtype=bool), False, step_k)


def savings(baseline: Baseline, days: Sequence[Day], level: float = 0.9, non_routine: Mapping[date, float] | None = None) -> Savings:
    """Saving of days = adjusted baseline less actual, with its interval.

    `non_routine`: kWh by day added to the baseline for what changed besides weather and the measure (IPMVP's non-routine adjustments), as
    a new oven or a let floor; they are taken as certain. Raises MeasurementFault for rows that are wrong; too few days are none.
    """
    if faults := _wrong(days):
        raise MeasurementFault(faults)
    told, left_out, foreign = [], [], []
    for one in sorted(days):
        predicted = baseline.predicted(one.temp_c, one.closed)
        if predicted is None:
            left_out.append(one.day)
            continue
        if not baseline.within(one.temp_c):
            foreign.append(one.day)
        adjusted = predicted + (non_routine or {}).get(one.day, 0.0)
        told.append((one.day, adjusted, one.kwh, adjusted - one.kwh))
    counted = {day for day, *_ in told}
    half = baseline._half([(one.temp_c, one.closed) for one in days if one.day in counted], level)
    adjusted_sum, actual = sum(row[1] for row in told), sum(row[2] for row in told)
    saved = adjusted_sum - actual
    return Savings(tuple(told), tuple(left_out), tuple(foreign), adjusted_sum, actual, saved, saved - half, saved + half, level)


def on_earth(temp_c: float) -> bool:
    """Whether an outdoor temperature can be one: what a broken sensor says (85, -127) is no day's weather."""
    return COLDEST_C <= temp_c <= WARMEST_C


def guideline_14_uncertainty(baseline: Baseline, days: int, fraction: float, level: float = 0.9) -> float:
    """Fractional savings uncertainty of so many days by Guideline 14, annex B, for models of weather with autocorrelated residuals.

    Its factor 1.26 is replaced by the polynomial in months of Sun and Baltazar ("Analysis and improvement on the estimation of building
    energy savings uncertainty", ASHRAE Transactions 119, 2013) for daily models. Infinite where nothing is saved.
    """
    from scipy.stats import t

    if fraction <= 0 or days < 1:
        return math.inf
    months = days / DAYS_A_MONTH
    factor = -0.00024 * months**2 + 0.03535 * months + 1.00286
    effective = _effective(baseline.days, baseline.rho)
    freedom = max(1.0, effective - baseline.parameters)
    inflated = math.sqrt(baseline.days / effective * (1 + 2 / effective) / days)
    return float(t.ppf(0.5 + level / 2, freedom)) * factor * baseline.cv_rmse_pct / 100 * inflated / fraction


def cusum(total: float, excess_kwh: float, sigma_kwh: float, slack: float = 0.5, limit: float = 5.0) -> tuple[float, bool]:
    """One day of the upper cumulative sum (Page, 1954): the new sum and whether it passed the limit, after which it restarts at 0.

    `excess_kwh`: actual less predicted; `slack`, `limit` in sigmas. On the day that alarms the sum that did is returned.
    """
    found = max(0.0, total + excess_kwh - slack * sigma_kwh)
    return found, found > limit * sigma_kwh


def _columns(temp: Array, shut: NDArray[np.bool_], cooling: float | None, heating: float | None, split: bool) -> Array:
    """Design: open, closed (where split), degrees above Tc, degrees below Th."""
    parts = [~shut, shut] if split else [np.ones(len(temp))]
    if cooling is not None:
        parts.append(np.maximum(0.0, temp - cooling))
    if heating is not None:
        parts.append(np.maximum(0.0, heating - temp))
    return np.column_stack(parts).astype(float)


def _search(kwh: Array, temp: Array, shut: NDArray[np.bool_], split: bool, step_k: float) -> tuple[float | None, float | None]:
    """Change points (cooling, heating) of the model with the least Bayesian information criterion and no slope below 0."""
    ordered = np.sort(temp)
    beyond = min(LEAST_BEYOND, len(temp) - 1)
    low, high = math.ceil(ordered[beyond] / step_k), math.floor(ordered[-1 - beyond] / step_k)
    grid = np.arange(low, high + 1) * step_k
    bases = _columns(temp, shut, None, None, split)
    above, below = np.maximum(0.0, temp[:, None] - grid), np.maximum(0.0, grid - temp[:, None])
    first, second = np.tril_indices(len(grid))
    families = (
        (np.zeros((len(temp), 0)), [(None, None)], np.zeros((1, 0), dtype=int)),
        (above, [(point, None) for point in grid.tolist()], np.arange(len(grid))[:, None]),
        (below, [(None, point) for point in grid.tolist()], np.arange(len(grid))[:, None]),
        (
            np.hstack([above, below]),
            list(zip(grid[first].tolist(), grid[second].tolist(), strict=True)),
            np.column_stack([first, len(grid) + second]),
        ),
    )
    flat = max(float(((kwh - kwh.mean()) ** 2).sum()), float((kwh**2).sum()) * 1e-12, 1e-12)
    best, chosen = math.inf, families[0][1][0]
    for hinges, options, picks in families:
        number = bases.shape[1] + 2 * picks.shape[1]
        if not options or len(kwh) <= number:
            continue
        squares = np.maximum(_squares(kwh - kwh.mean(), bases, hinges, picks), 1e-9 * flat)
        place = int(np.argmin(squares))
        criterion = len(kwh) * math.log(squares[place] / len(kwh)) + number * math.log(len(kwh))
        if criterion < best - 1e-9:
            best, chosen = criterion, options[place]
    return chosen


def _squares(kwh: Array, bases: Array, hinges: Array, picks: NDArray[np.int64]) -> Array:
    """Sum of squared residuals of each model: the bases and its `picks` among the hinges; inf where a slope is not above 0."""
    whole = np.hstack([bases, hinges])
    gram, right = whole.T @ whole, whole.T @ kwh
    index = np.hstack([np.tile(np.arange(bases.shape[1]), (len(picks), 1)), bases.shape[1] + picks])
    solved = (np.linalg.pinv(gram[index[:, :, None], index[:, None, :]], hermitian=True) @ right[index][:, :, None])[:, :, 0]
    found = float(kwh @ kwh) - (solved * right[index]).sum(axis=1)
    return np.where((solved[:, bases.shape[1] :] > 0).all(axis=1), found, np.inf)


def _held(kwh: Array, temp: Array, shut: NDArray[np.bool_], split: bool, step_k: float) -> Array:
    """Errors (actual less told) of days left out, block by block of neighbours, change points fitted anew."""
    errors = np.zeros(len(kwh))
    for block in np.array_split(np.arange(len(kwh)), BLOCKS):
        kept = np.ones(len(kwh), dtype=bool)
        kept[block] = False
        known = split and bool(shut[kept].any()) and not bool(shut[kept].all())
        points = _search(kwh[kept], temp[kept], shut[kept], known, max(step_k, 1.0))
        solved = np.linalg.lstsq(_columns(temp[kept], shut[kept], *points, known), kwh[kept], rcond=None)[0]
        errors[block] = kwh[block] - _columns(temp[block], shut[block], *points, known) @ solved
    return errors


def _rho(days: Sequence[date], residuals: Array) -> float:
    """Correlation of residuals with those of the day before, over days that follow each other; 0 to 0.95."""
    pairs = [place for place in range(1, len(days)) if days[place] - days[place - 1] == timedelta(days=1)]
    if len(pairs) < LEAST_DAYS // 2:
        return 0.0
    now, before = residuals[pairs], residuals[[place - 1 for place in pairs]]
    scale = math.sqrt(float((now**2).sum() * (before**2).sum()))
    return min(MOST_RHO, max(0.0, float((now * before).sum()) / scale)) if scale > 1e-9 else 0.0


def _effective(days: int, rho: float) -> float:
    """Days that would tell as much if they were independent; at least 1."""
    return max(1.0, days * (1 - rho) / (1 + rho))


def _wrong(days: Sequence[Day]) -> list[Finding]:
    """Faults of rows: days twice, temperatures off the earth, energy that is no number or below 0."""
    found = []
    given = sorted(one.day for one in days)
    twice = [day for day, before in zip(given[1:], given, strict=False) if day == before]
    if twice:
        found.append(Finding("SL-ENM-01", {"count": len(twice), "day": twice[0].isoformat()}))
    energy, air = (
        {"en": "finite numbers of 0 or more", "zh": "不小于 0 的有限数值"},
        {
            "en": f"temperatures from {COLDEST_C:g} to {WARMEST_C:g} C",
            "zh": f"{COLDEST_C:g} 至 {WARMEST_C:g} ℃ 的气温",
        },
    )
    for column, allowed, off in (
        ("kwh", energy, [(one.day, one.kwh) for one in days if not 0 <= one.kwh < math.inf]),
        ("temp_c", air, [(one.day, one.temp_c) for one in days if not on_earth(one.temp_c)]),
    ):
        if off:
            args = {"column": column, "count": len(off), "day": off[0][0].isoformat(), "got": f"{off[0][1]:g}"}
            found.append(Finding("SL-ENM-02", args | {"allowed": allowed}))
    return found


def _check(days: Sequence[Day], step_k: float) -> None:
    if not step_k > 0:
        raise ValueError(f"the grid's step is {step_k} K; more than 0")
    found = _wrong(days)
    if len(days) < LEAST_DAYS:
        found.append(Finding("SL-ENM-03", {"got": len(days), "least": LEAST_DAYS}))
    elif not found:
        if not any(one.kwh > 0 for one in days):
            found.append(Finding("SL-ENM-04", {"count": len(days)}))
        if all(one.closed for one in days):
            found.append(Finding("SL-ENM-05", {"count": len(days)}))
    if found:
        raise MeasurementFault(found)
