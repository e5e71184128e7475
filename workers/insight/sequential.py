"""A test that is looked at before its end, without paying for it in false alarms: a group-sequential design.

Alpha is spent over the looks as O'Brien and Fleming's boundary would (Lan and DeMets, Biometrika 70, 1983), so that early looks stop only
for the overwhelming and the last one costs almost nothing; neither the number of looks nor their times must be fixed in advance, only the
full size. Boundaries by recursive integration (Armitage, McPherson and Rowe, JRSS A 132, 1969). Intervals are repeated confidence intervals
(Jennison and Turnbull, JRSS B 51, 1989): they hold at every look together, stopped or not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from storeloom.workers.insight.faults import require_setting

Floats = NDArray[np.float64]
NORMAL = NormalDist()
STEPS, REACH = 801, 8.0


@dataclass(frozen=True, slots=True)
class Look:
    """What a look says: `z`, the `bound` that it is held against, whether to `stop`, the interval that holds over all looks, alpha
    `spent`."""

    z: float
    bound: float
    stop: bool
    value: float
    low: float
    high: float
    spent: float


def spent(fraction: float, alpha: float = 0.05) -> float:
    """Alpha (two-sided) spent once this fraction of the full information is in."""
    require_setting("alpha", alpha, "0..0.5", 0 < alpha < 0.5)
    require_setting("fraction", fraction, "> 0", 0 < fraction < math.inf)
    return 4 * (1 - NORMAL.cdf(NORMAL.inv_cdf(1 - alpha / 4) / math.sqrt(min(1.0, fraction))))


def boundaries(fractions: Sequence[float], alpha: float = 0.05) -> tuple[float, ...]:
    """|z| at which to stop at each look; `fractions` of the full size, rising, the last at most 1 (a look beyond counts as 1)."""
    _checked(fractions, alpha)
    bounds: list[float] = []
    density: Floats | None = None
    grid, before, used = np.empty(0), 0.0, 0.0
    for fraction in fractions:
        now = min(1.0, fraction)
        due = max(spent(now, alpha) - used, 1e-12)
        used = spent(now, alpha)
        bound = _solve(grid, density, before, now, due)
        grid, density = _step(grid, density, before, now, bound)
        bounds.append(bound)
        before = now
    return tuple(bounds)


def look(fractions: Sequence[float], effect: float, se: float, alpha: float = 0.05) -> Look:
    """The latest of the looks so far: `effect` and its standard error by all data up to now, `fractions` of all looks made (this one
    last)."""
    require_setting("se", se, "> 0", se > 0)
    bound = boundaries(fractions, alpha)[-1]
    z = effect / se
    return Look(z, bound, abs(z) >= bound, effect, effect - bound * se, effect + bound * se, spent(fractions[-1], alpha))


def stopping(fractions: Sequence[float], drift: float, alpha: float = 0.05) -> tuple[float, ...]:
    """The chance to stop at each look when the full test's z is `drift` on average: 0 gives the false alarms."""
    chances, grid, before = [], np.empty(0), 0.0
    density: Floats | None = None
    for fraction, bound in zip(fractions, boundaries(fractions, alpha), strict=True):
        now = min(1.0, fraction)
        chances.append(_outside(grid, density, before, now, bound, drift))
        grid, density = _step(grid, density, before, now, bound, drift)
        before = now
    return tuple(chances)


def inflation(fractions: Sequence[float], alpha: float = 0.05, power: float = 0.80) -> float:
    """By how many times the full size must exceed that of a test read once, for the same power."""
    from scipy.optimize import brentq

    fixed = NORMAL.inv_cdf(1 - alpha / 2) + NORMAL.inv_cdf(power)
    drift = float(brentq(lambda at: sum(stopping(fractions, at, alpha)) - power, 0.5 * fixed, 2 * fixed, xtol=1e-6))
    return (drift / fixed) ** 2


def _checked(fractions: Sequence[float], alpha: float) -> None:
    require_setting("alpha", alpha, "0..0.5", 0 < alpha < 0.5)
    rising = bool(fractions) and fractions[0] > 0 and fractions[-1] < math.inf and all(a < b for a, b in pairwise(fractions))
    require_setting("fractions", list(fractions), "rising, > 0", rising)
    require_setting("fractions", list(fractions), "only the last look at or beyond 1", all(one < 1 for one in fractions[:-1]))


def _outside(grid: Floats, density: Floats | None, before: float, now: float, bound: float, drift: float = 0.0) -> float:
    """Chance to reach this look and to be beyond +-bound there; the score is z * sqrt(fraction)."""
    from scipy.special import ndtr

    edge, sd = bound * math.sqrt(now), math.sqrt(now - before)
    if density is None:
        return float(ndtr((-edge - drift * now) / sd) + ndtr((-edge + drift * now) / sd))
    mean = grid + drift * (now - before)
    tails = ndtr((-edge - mean) / sd) + ndtr((mean - edge) / sd)
    return _area(grid, density * tails)


def _solve(grid: Floats, density: Floats | None, before: float, now: float, due: float) -> float:
    from scipy.optimize import brentq

    if _outside(grid, density, before, now, REACH) >= due:
        return REACH
    return float(brentq(lambda bound: _outside(grid, density, before, now, bound) - due, 0.0, REACH, xtol=1e-10))


def _step(grid: Floats, density: Floats | None, before: float, now: float, bound: float, drift: float = 0.0) -> tuple[Floats, Floats]:
    """Density of the score among tests that go on after this look."""
    edge, sd = bound * math.sqrt(now), math.sqrt(now - before)
    width = min(edge, abs(drift) * now + REACH * math.sqrt(now))
    fresh = np.linspace(-width, width, STEPS)
    norm = 1 / (sd * math.sqrt(2 * math.pi))
    if density is None:
        return fresh, norm * np.exp(-0.5 * ((fresh - drift * now) / sd) ** 2)
    gap = (fresh[:, None] - grid[None, :] - drift * (now - before)) / sd
    weights = _simpson(grid) * density
    return fresh, np.asarray(norm * np.exp(-0.5 * gap**2) @ weights, dtype=np.float64)


def _simpson(grid: Floats) -> Floats:
    weights = np.ones(grid.size)
    weights[1:-1:2], weights[2:-1:2] = 4.0, 2.0
    return np.asarray(weights * (grid[1] - grid[0]) / 3, dtype=np.float64)


def _area(grid: Floats, values: Floats) -> float:
    return float(_simpson(grid) @ values)
