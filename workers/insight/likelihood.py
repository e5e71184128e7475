"""Maximum likelihood of positive parameters with intervals: by the profile of the likelihood, and by the bootstrap over members.

Parameters are searched on the log scale within `exp(+-EDGE)`, from several fixed starts, with the gradient. Everything is deterministic
for a seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize
from scipy.stats import chi2

Floats = NDArray[np.float64]
Objective = Callable[[Floats, Floats], tuple[float, Floats]]
"""Log parameters and weights of the rows to the log-likelihood and its gradient by log parameter."""

EDGE = 12.0


@dataclass(frozen=True)
class Estimate:
    """The maximum: `log_params`, `log_likelihood`; `inside`: whether it lies off the edges of the search and the gradient vanishes."""

    log_params: Floats
    log_likelihood: float
    inside: bool


def maximise(objective: Objective, weights: Floats, starts: Sequence[Floats]) -> Estimate:
    """The best of the maxima found from `starts`."""
    found = [_climb(objective, weights, start) for start in starts]
    return max(found, key=lambda one: one.log_likelihood)


def bootstrap(objective: Objective, weights: Floats, best: Estimate, *, draws: int, seed: int) -> Floats:
    """`draws` x parameters (not logs): estimates from members drawn anew, each row as often as it then came up."""
    rng = np.random.default_rng(seed)
    total = round(float(weights.sum()))
    shares = weights / weights.sum()
    resampled = (rng.multinomial(total, shares).astype(np.float64) for _ in range(draws))
    found = np.array([_climb(objective, row, best.log_params).log_params for row in resampled], dtype=np.float64)
    return np.asarray(np.exp(found), dtype=np.float64).reshape(draws, -1)


def profile(objective: Objective, weights: Floats, best: Estimate, level: float) -> list[tuple[float, float]]:
    """Interval of each parameter by the likelihood ratio (Venzon and Moolgavkar, Applied Statistics 37, 1988); 0 or inf: it is open."""
    drop = float(chi2.ppf(level, 1)) / 2
    return [_profile_one(objective, weights, best, index, drop) for index in range(best.log_params.size)]


def _climb(objective: Objective, weights: Floats, start: Floats) -> Estimate:
    def down(point: Floats) -> tuple[float, Floats]:
        value, gradient = objective(point, weights)
        return -value / scale, -gradient / scale

    scale = float(weights.sum())
    bounds = [(-EDGE, EDGE)] * start.size
    found = minimize(down, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-13, "gtol": 1e-8, "maxiter": 500})
    point = np.asarray(found.x, dtype=np.float64)
    inside = bool(np.all(np.abs(point) < EDGE - 0.01) and float(np.max(np.abs(down(point)[1]))) < 1e-4)
    return Estimate(point, -float(found.fun) * scale, inside)


def _profile_one(objective: Objective, weights: Floats, best: Estimate, index: int, drop: float) -> tuple[float, float]:
    others = np.arange(best.log_params.size) != index

    def lack(at: float) -> float:
        def rest(point: Floats, given: Floats) -> tuple[float, Floats]:
            value, gradient = objective(np.insert(point, index, at), given)
            return value, gradient[others]

        return best.log_likelihood - _climb(rest, weights, best.log_params[others]).log_likelihood - drop

    middle = float(best.log_params[index])
    limits = []
    for sign, unknown in ((-1, 0.0), (1, math.inf)):
        step, outer = 0.1, middle
        while abs(outer + sign * step) < EDGE and lack(outer := outer + sign * step) < 0:
            step *= 2
        limits.append(math.exp(brentq(lack, *sorted((middle, outer)), xtol=1e-4)) if lack(outer) >= 0 else unknown)
    return limits[0], limits[1]
