"""Whom a campaign moves: uplift of each member by T- and X-learner, and the Qini curve that shows whether the ranking is worth anything.

T-learner: one model of the outcome for each arm; X-learner: models of the imputed effects, weighted by the propensity, better where one arm
is small (Kuenzel, Sekhon, Bickel and Yu, PNAS 116, 2019). Scores are out of fold, so that no member is judged by a model that saw it. Qini:
Radcliffe, Direct Marketing Analytics Journal, 2007; area under the uplift curve: Rzepakowski and Jaroszewicz, KAIS 32, 2012. Meant for
data of a test, where members were drawn; elsewhere use `matching` first. A Qini coefficient whose interval holds 0 says: send to all or
none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from storeloom.workers.insight.effects import Effect, Floats, numbers, require_level, same_length
from storeloom.workers.insight.faults import complain, needed, require_setting, wrong
from storeloom.workers.insight.proportions import LEVEL

LEAST = 30
Model = Callable[[], Any]
"""Makes an unfitted scikit-learn regressor."""


@dataclass(frozen=True)
class Ranking:
    """`curve`: share (of members treated first), gain (outcome won, a member of all), chance (the same at random); `qini`: area between
    curve and chance; `auuc`: area under the curve. Intervals by the bootstrap over members."""

    curve: pl.DataFrame
    qini: Effect
    auuc: Effect


def learn(
    covariates: Any, treated: Any, outcome: Any, *, learner: str = "x", model: Model | None = None, folds: int = 5, seed: int = 0
) -> Floats:
    """Out-of-fold uplift of each row of `covariates` (rows x features) in the outcome's unit; `treated` 0 or 1.

    `model` makes the base learner (default: boosted trees with strong shrinkage).
    """
    from sklearn.model_selection import StratifiedKFold

    require_setting("learner", learner, "t, x", learner in ("t", "x"))
    require_setting("folds", folds, "2..20", 2 <= folds <= 20)
    got, y = _checked(treated, outcome)
    x = np.asarray(covariates, dtype=np.float64)
    bad = int(np.sum(~np.isfinite(x))) if x.ndim == 2 and len(x) == y.size else x.size
    complain(
        wrong("covariates", "gaps, infinite values or another length", "空值、非有限数值或长度不一", bad, "rows x features", "行 x 特征")
    )
    fresh = model or (lambda: _trees(seed))
    out = np.empty(y.size)
    for train, test in StratifiedKFold(folds, shuffle=True, random_state=seed).split(x, got):
        out[test] = _uplift(learner, fresh, x[train], got[train], y[train], x[test])
    return out


def qini(scores: Any, treated: Any, outcome: Any, *, draws: int = 500, seed: int = 0, level: float = LEVEL, points: int = 20) -> Ranking:
    """How much treating those with the highest `scores` first wins over treating the same number at random.

    The gain of the first k: their treated outcomes less their untreated ones brought to the same number. Ties count as one step.
    """
    require_level(level)
    got, y = _checked(treated, outcome)
    s, found = numbers("scores", scores)
    complain(found + same_length(scores=s, outcome=y))
    share, gain = _curve(s, got, y, np.ones(y.size))
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(draws):
        counts = np.bincount(rng.integers(0, y.size, y.size), minlength=y.size).astype(np.float64)
        if counts[got > 0].sum() and counts[got == 0].sum():
            drawn.append(_areas(*_curve(s, got, y, counts)))
    both = np.array(drawn)
    auuc, coefficient = _areas(share, gain)
    grid = np.linspace(0, 1, points + 1)
    curve = pl.DataFrame({"share": grid, "gain": np.interp(grid, share, gain), "chance": grid * gain[-1]})
    return Ranking(curve, _percentile(coefficient, both[:, 1], level), _percentile(auuc, both[:, 0], level))


def _checked(treated: Any, outcome: Any) -> tuple[Floats, Floats]:
    got, found = numbers("treated", treated)
    y, more = numbers("outcome", outcome)
    found += more + same_length(treated=got, outcome=y)
    found += wrong("treated", "values other than 0 and 1", "0 与 1 以外的值", int(np.sum((got != 0) & (got != 1))), "0, 1", "0、1")
    found += needed("treated members", "触达会员", int(np.sum(got == 1)), 1)
    complain(found + needed("members not treated", "未触达会员", int(np.sum(got == 0)), 1))
    return got, y


def _trees(seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(learning_rate=0.05, max_iter=80, max_leaf_nodes=8, min_samples_leaf=30, random_state=seed)


def _uplift(learner: str, fresh: Model, x: Floats, got: Floats, y: Floats, at: Floats) -> Floats:
    one, other = got > 0, got == 0
    complain(needed("members of the smaller arm in a fold", "单折中较小组会员", int(min(one.sum(), other.sum())), LEAST))
    with_it, without = fresh().fit(x[one], y[one]), fresh().fit(x[other], y[other])
    if learner == "t":
        return np.asarray(with_it.predict(at) - without.predict(at), dtype=np.float64)
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    of_treated = fresh().fit(x[one], y[one] - without.predict(x[one]))
    of_others = fresh().fit(x[other], with_it.predict(x[other]) - y[other])
    share = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000)).fit(x, got).predict_proba(at)[:, 1]
    return np.asarray(share * of_others.predict(at) + (1 - share) * of_treated.predict(at), dtype=np.float64)


def _curve(scores: Floats, got: Floats, y: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """Share of members and gain a member at each distinct score from the top; rows count `counts` times."""
    order: NDArray[np.intp] = np.argsort(-scores, kind="stable")
    s, t, n, v = scores[order], got[order], counts[order], y[order]
    treated, others = np.cumsum(n * t), np.cumsum(n * (1 - t))
    won, base = np.cumsum(n * t * v), np.cumsum(n * (1 - t) * v)
    ends = np.append(np.flatnonzero(np.diff(s)), s.size - 1)
    mean_other = np.divide(base, others, out=np.zeros_like(base), where=others > 0)
    mean_treated = np.divide(won, treated, out=np.zeros_like(won), where=treated > 0)
    known = (others > 0) & (treated > 0)
    seen = treated + others
    gain = np.where(known, (mean_treated - mean_other) * seen, 0.0) / seen[-1]
    return np.append(0.0, (seen / seen[-1])[ends]), np.append(0.0, gain[ends])


def _areas(share: Floats, gain: Floats) -> tuple[float, float]:
    under = float(np.trapezoid(gain, share))
    return under, under - float(gain[-1]) / 2


def _percentile(value: float, drawn: Floats, level: float) -> Effect:
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    below = float(np.mean(drawn <= 0))
    return Effect(value, float(low), float(high), min(1.0, 2 * (min(below, 1 - below) * drawn.size + 1) / (drawn.size + 1)), level)
