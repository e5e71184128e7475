"""A table of flows from its margins: iterative proportional fitting (Deming and Stephan, Annals of Mathematical Statistics 11, 1940).

The fitted table keeps the seed's odds ratios, and of all tables with these margins it is the nearest to the seed (least relative entropy).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Fitted:
    """`table` as rows of columns; `error` is the largest share by which a margin is missed, `rounds` how often both were fitted."""

    table: tuple[tuple[float, ...], ...]
    error: float
    rounds: int


def fit(seed: Sequence[Sequence[float]], rows: Sequence[float], columns: Sequence[float], *, tolerance: float, max_rounds: int) -> Fitted:
    """Fit a seed of weights of 0 or more to totals of 0 or more; the columns' are first scaled to the sum of the rows'.

    A total of a row or column without any weight cannot be met: its error stays, and the fit ends after `max_rounds`.
    """
    table = np.asarray(seed, np.float64).reshape(len(rows), len(columns))
    goal, other = np.asarray(rows, np.float64), np.asarray(columns, np.float64)
    if not (goal.sum() > 0 and other.sum() > 0):
        return Fitted(tuple(tuple(0.0 for _ in columns) for _ in rows), 0.0, 0)
    other = other * (goal.sum() / other.sum())
    error, done = np.inf, 0
    while error > tolerance and done < max_rounds:
        table = table * _factors(goal, table.sum(axis=1))[:, None]
        table = table * _factors(other, table.sum(axis=0))[None, :]
        error = max(_error(goal, table.sum(axis=1)), _error(other, table.sum(axis=0)))
        done += 1
    return Fitted(tuple(tuple(float(cell) for cell in row) for row in table), float(error), done)


def _factors(goal: Floats, got: Floats) -> Floats:
    return np.where(got > 0, goal / np.where(got > 0, got, 1.0), 0.0)


def _error(goal: Floats, got: Floats) -> float:
    wanted = goal > 0
    return float(np.max(np.abs(got[wanted] / goal[wanted] - 1), initial=0.0))
