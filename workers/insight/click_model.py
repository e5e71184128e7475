"""Which of the products shown are clicked: a logistic regression on few features, fitted by Newton's method with a small ridge.

Trained on the older part of the impressions and judged on the newer by log-loss, so that a worse model never replaces a better one
(Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 2009, 4.4.1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

TRAIN_SHARE = 0.8
LEAST_ROWS = 50
RIDGE, STEPS = 1.0, 30
Model = dict[str, Any]
"""`mean` and `scale` of each feature, `weights` (intercept first)."""


def split(rows: Sequence[Sequence[float]]) -> tuple[Sequence[Sequence[float]], Sequence[Sequence[float]]]:
    """Older and newer impressions; rows are in order of time."""
    edge = math.floor(TRAIN_SHARE * len(rows))
    return rows[:edge], rows[edge:]


def fit(rows: Sequence[Sequence[float]]) -> Model | None:
    """A model of rows (features, then 1 if clicked, else 0); None with too few, or where all or none were clicked."""
    table = np.asarray(rows, dtype=np.float64)
    if len(rows) < LEAST_ROWS or len(np.unique(table[:, -1])) < 2:
        return None
    x, y = table[:, :-1], table[:, -1]
    mean, scale = x.mean(axis=0), x.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    design = np.hstack([np.ones((len(x), 1)), (x - mean) / scale])
    weights, ridge = np.zeros(design.shape[1]), np.diag([0.0, *[RIDGE] * x.shape[1]])
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        step = np.linalg.solve(design.T @ (design * (p * (1 - p))[:, None]) + ridge, design.T @ (y - p) - ridge @ weights)
        weights = weights + step
        if float(np.abs(step).max()) < 1e-9:
            break
    return {"mean": mean.round(9).tolist(), "scale": scale.round(9).tolist(), "weights": weights.round(9).tolist()}


def chance(model: Model, features: Sequence[float]) -> float:
    """The chance of a click."""
    parts = zip(model["weights"][1:], features, model["mean"], model["scale"], strict=True)
    logit = model["weights"][0] + sum(weight * (value - mean) / scale for weight, value, mean, scale in parts)
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))


def log_loss(model: Model, rows: Sequence[Sequence[float]]) -> float:
    """Mean negative log-likelihood of rows; infinite for none."""
    if not rows:
        return math.inf
    total = 0.0
    for row in rows:
        p = chance(model, row[:-1])
        total -= math.log(p if row[-1] else 1 - p)
    return total / len(rows)
