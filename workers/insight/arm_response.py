"""How likely members respond under each arm of a trial: the T-learner, one L2-regularised logistic model an arm, and its Qini.

Sources: Kuenzel, Sekhon, Bickel and Yu, PNAS 116 (2019) for the T-learner; `uplift` for the Qini coefficient. It learns from members
whose arm was drawn by chance; the Qini is of predictions made by models that did not see the member, for several arms of "any of them
against none" by the mean of their uplifts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storeloom.workers.insight import uplift
from storeloom.workers.insight.effects import Effect
from storeloom.workers.insight.habits import SKEWED

Floats = NDArray[np.float64]
FOLDS = 5
STRENGTH = 1.0
DRAWS = 200
FARTHEST = 5.0
TINY = 1e-9


@dataclass(frozen=True)
class Response:
    """`arms`, control first, with the models' weights on standardised features, intercepts first (arms x 1 + features)."""

    arms: tuple[str, ...]
    centre: Floats
    scale: Floats
    weights: Floats

    def chances(self, rows: Floats) -> Floats:
        """Chance of a response, rows x arms; a feature beyond `FARTHEST` standard deviations counts as so far off."""
        from scipy.special import expit

        z = np.clip((rows - self.centre) / self.scale, -FARTHEST, FARTHEST)
        return np.asarray(expit(self.weights[:, 0] + z @ self.weights[:, 1:].T), dtype=np.float64)


def matrix(rows: Sequence[dict[str, float]], names: Sequence[str]) -> Floats:
    """These features of each row, skewed ones on the log scale."""
    found = [[np.log1p(max(0.0, row[name])) if name in SKEWED else row[name] for name in names] for row in rows]
    return np.asarray(found, dtype=np.float64).reshape(len(rows), len(names))


def fit(rows: Floats, arm: Sequence[str], responded: Any, arms: Sequence[str]) -> Response:
    """One model an arm. An arm whose members all did alike has their smoothed rate for everybody: (hits + 1) / (n + 2)."""
    from sklearn.linear_model import LogisticRegression

    given, y = np.asarray(arm), np.asarray(responded, dtype=np.int64)
    centre, scale = rows.mean(axis=0), rows.std(axis=0)
    scale = np.where(scale > TINY, scale, 1.0)
    z = (rows - centre) / scale
    weights = np.zeros((len(arms), 1 + rows.shape[1]))
    for number, name in enumerate(arms):
        own = given == name
        hits, count = int(y[own].sum()), int(own.sum())
        if rows.shape[1] and 0 < hits < count:
            model = LogisticRegression(C=STRENGTH, max_iter=1000).fit(z[own], y[own])
            weights[number] = [model.intercept_[0], *model.coef_[0]]
        else:
            weights[number, 0] = np.log((hits + 1) / (count - hits + 1))
    return Response(tuple(arms), centre, scale, weights)


def qini(rows: Floats, arm: Sequence[str], responded: Any, arms: Sequence[str], seed: int = 0) -> Effect:
    """Qini coefficient of out-of-fold predictions, with its bootstrap interval; `arms[0]` is the control."""
    from sklearn.model_selection import KFold

    given, y = np.asarray(arm), np.asarray(responded, dtype=np.float64)
    scores = np.zeros(y.size)
    for train, test in KFold(FOLDS, shuffle=True, random_state=seed).split(rows):
        chances = fit(rows[train], given[train].tolist(), y[train], arms).chances(rows[test])
        scores[test] = chances[:, 1:].mean(axis=1) - chances[:, 0]
    return uplift.qini(scores, (given != arms[0]).astype(np.float64), y, draws=DRAWS, seed=seed).qini
