"""Matched members and uplift: by hand, against brute force, and where the truth was made."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from storeloom.workers.insight import matching, uplift
from storeloom.workers.insight.faults import InsightFault


def members(seed: int, hidden: float = 0.0) -> tuple[pl.DataFrame, np.ndarray, np.ndarray, np.ndarray]:
    """Covariates, who was treated, outcome (effect 1.5), outcome before; `hidden` moves both choice and outcomes and is in no column."""
    rng = np.random.default_rng(seed)
    x, u = rng.normal(size=(1200, 3)), rng.normal(size=1200)
    treated = (rng.random(1200) < 1 / (1 + np.exp(1.5 - x[:, 0] - 0.5 * x[:, 1] - hidden * u))).astype(float)
    base = 5 + 2 * x[:, 0] + x[:, 1] + 2 * hidden * u
    return pl.DataFrame(x, schema=["a", "b", "c"]), treated, base + 1.5 * treated + rng.normal(0, 2, 1200), base + rng.normal(0, 2, 1200)


def test_matching_takes_out_what_it_sees() -> None:
    covered = 0
    for seed in range(20):
        x, treated, y, before = members(seed)
        found = matching.matched(matching.pair(x, treated, caliper=0.05), y, before)
        covered += found.effect.covers(1.5)
    assert covered >= 17
    raw = y[treated > 0].mean() - y[treated == 0].mean()
    assert raw > 2.5 > found.effect.value
    assert found.pairs.balance["before"].abs().max() > 0.5
    assert found.pairs.worst.held and found.placebo is not None and found.checks[2].held


def test_a_hidden_reason_is_told_by_the_placebo() -> None:
    x, treated, y, before = members(1, hidden=1.0)
    found = matching.matched(matching.pair(x, treated), y, before)
    assert found.effect.low > 1.5
    assert not found.checks[2].held
    assert any("placebo" in one.text() for one in found.findings)


def test_pairs_are_the_nearest_ones_left_within_the_caliper() -> None:
    rng = np.random.default_rng(0)
    logit = rng.normal(size=300)
    got = (rng.random(300) < 0.3).astype(float)
    ones, others = matching._nearest(logit, got, 0.05, 7)
    free = set(np.flatnonzero(got == 0).tolist())
    expected = []
    for one in np.random.default_rng(7).permutation(np.flatnonzero(got > 0)):
        near = min(free, key=lambda k: abs(logit[k] - logit[one]))
        if abs(logit[near] - logit[one]) <= 0.05:
            free.remove(near)
            expected.append((int(one), near))
    assert list(zip(ones.tolist(), others.tolist(), strict=True)) == expected
    assert len(set(others.tolist())) == others.size


def test_standardised_differences_by_hand() -> None:
    # means 2 and 5, variances 1 and 4: (2 - 5) / sqrt(2.5)
    found, _ = matching._differences(np.array([[1.0], [2], [3], [3], [5], [7]]), np.array([0, 1, 2]), np.array([3, 4, 5]))
    assert found[0] == pytest.approx(-3 / math.sqrt(2.5))


def test_matching_refuses_what_it_cannot_pair() -> None:
    x, treated, _, _ = members(0)
    for bad_x, bad in ((x, treated * 2), (x, np.zeros(1200)), (x.head(5), treated), (x.with_columns(a=pl.lit(math.nan)), treated)):
        with pytest.raises(InsightFault):
            matching.pair(bad_x, bad)


def test_qini_by_hand() -> None:
    # from the top: treated 1; control 0 -> gain (1 - 0) * 2 / 4; treated 0, control 1 -> (0.5 - 0.5) * 4 / 4
    found = uplift.qini([4.0, 3.0, 2.0, 1.0], [1, 0, 1, 0], [1, 0, 0, 1], draws=50, points=4)
    # steps at shares 1/4 (no control yet: 0), 1/2: 0.5, 3/4: (0.5 - 0) * 3/4 = 0.375, 1: 0
    assert found.curve["gain"].to_list() == pytest.approx([0, 0, 0.5, 0.375, 0])
    assert found.auuc.value == pytest.approx((0 + 0.5 + 0.375) / 4)
    assert found.qini.value == pytest.approx(0.21875)
    tied = uplift.qini([1.0] * 4, [1, 0, 1, 0], [1, 0, 0, 1], draws=20)
    assert tied.qini.value == 0.0


@pytest.mark.parametrize("learner", ["t", "x"])
def test_learners_rank_members_and_qini_proves_it(learner: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 4))
    truth = np.maximum(x[:, 0], 0) * 2
    treated = (rng.random(2000) < 0.3).astype(float)
    y = x[:, 1] + truth * treated + rng.normal(size=2000)
    scores = uplift.learn(x, treated, y, learner=learner, folds=3)
    assert np.corrcoef(scores, truth)[0, 1] > 0.85
    assert np.array_equal(scores, uplift.learn(x, treated, y, learner=learner, folds=3))
    found = uplift.qini(scores, treated, y, draws=100)
    assert found.qini.low > 0.1 and found.auuc.value > found.qini.value
    assert not uplift.qini(-scores, treated, y, draws=100).qini.low > 0


def test_a_ranking_by_chance_has_no_qini() -> None:
    holds = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        treated = (rng.random(400) < 0.5).astype(float)
        holds += uplift.qini(rng.normal(size=400), treated, treated + rng.normal(size=400), draws=100).qini.covers(0.0)
    assert holds >= 34


def test_uplift_refuses_what_it_cannot_learn_from() -> None:
    x, treated, y = np.zeros((50, 2)), np.tile([0.0, 1.0], 25), np.zeros(50)
    for call in (
        lambda: uplift.learn(x, treated, y),
        lambda: uplift.learn(x, treated, y, learner="s"),
        lambda: uplift.learn(x[:5], treated, y),
        lambda: uplift.qini(y, np.ones(50), y),
    ):
        with pytest.raises(InsightFault):
            call()
