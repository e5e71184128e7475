"""Churn: what is known on a morning and what is not, figures by hand, the judgement against direct counting, drivers that are planted."""

import math
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from storeloom.workers.insight import bgnbd, churn
from storeloom.workers.insight.faults import InsightFault
from storeloom.workers.insight.purchases import read
from tests.workers.insight.customers import START, lines, shoppers


def test_features_see_nothing_of_the_day_or_later():
    bought = read(
        lines(
            ("a", "r1", 0, "milk", 1, 2),
            ("a", "r2", 20, "bread", 1, 4),
            ("a", "r3", 40, "milk", 1, 6),
            ("a", "r4", 60, "wine", 1, 99),
        )
    )
    row = churn.features(bought, START + timedelta(days=60)).row(0, named=True)
    assert (row["recency_days"], row["frequency"], row["tenure_days"], row["monetary"], row["breadth"]) == (20, 3, 60, 4, 2)
    assert row["lateness"] == 1.0, "20 days since the last, a gap of 20 days"
    assert row["recent_share"] == pytest.approx(1 / 3)
    assert row["trend"] == pytest.approx(math.log(2) - math.log(2)), "one purchase in each four weeks"
    members = pl.DataFrame({"member": ["a", "z"]})
    assert churn.churned(bought, members, START + timedelta(days=40), 20).tolist() == [0, 1]
    assert churn.churned(bought, members, START + timedelta(days=41), 19).tolist() == [1, 1]
    with pytest.raises(InsightFault, match="needed: 28"):
        churn.churned(bought, members, START + timedelta(days=41), 28)


def test_a_judgement_is_what_counting_gives():
    chances, left = np.array([0.1, 0.2, 0.2, 0.8]), np.array([0, 0, 1, 1])
    judged = churn.judge(chances, left, draws=50, bins=2)
    # pairs (left, stayed): (.2,.1) won, (.2,.2) half, (.8,.1) and (.8,.2) won
    assert judged.auc[0] == pytest.approx(3.5 / 4)
    assert judged.brier[0] == pytest.approx((0.01 + 0.04 + 0.64 + 0.04) / 4)
    assert judged.skill[0] == pytest.approx(1 - 0.1825 / 0.25)
    assert judged.curve.select("members", "predicted", "observed").rows() == [(2, pytest.approx(0.15), 0.0), (2, pytest.approx(0.5), 1.0)]
    assert judged.calibration_gap == pytest.approx((0.15 + 0.5) / 2)


def test_intervals_draw_members_with_all_their_days():
    rng = np.random.default_rng(0)
    chances = rng.random(200)
    left = (rng.random(200) < chances).astype(float)
    alone = churn.judge(chances, left, draws=800)
    thrice = churn.judge(np.tile(chances, 3), np.tile(left, 3), members=[str(n) for n in range(200)] * 3, draws=800)
    naive = churn.judge(np.tile(chances, 3), np.tile(left, 3), draws=800)
    width = {name: one.brier[2] - one.brier[1] for name, one in (("alone", alone), ("thrice", thrice), ("naive", naive))}
    assert width["thrice"] == pytest.approx(width["alone"], rel=0.1), "the same 200 members said three times are no more than 200"
    assert width["naive"] < 0.75 * width["alone"]


def test_true_chances_are_calibrated_and_constants_have_no_skill():
    rng = np.random.default_rng(1)
    chances = rng.random(4_000)
    left = (rng.random(4_000) < chances).astype(float)
    judged = churn.judge(chances, left, draws=50)
    assert judged.calibration_gap < 0.03
    assert all(
        low - 0.03 <= predicted <= high + 0.03 for predicted, low, high in judged.curve.select("predicted", "low", "high").iter_rows()
    )
    assert churn.judge(np.full(4_000, left.mean()), left, draws=50).skill[0] == pytest.approx(0.0, abs=1e-9)


@pytest.fixture(scope="module")
def bought():
    return shoppers(600, 200, seed=7)


def test_the_model_beats_the_base_rate_on_later_days(bought):
    first, then = START + timedelta(days=110), START + timedelta(days=165)
    learnt, table = churn.features(bought, first), churn.features(bought, then)
    model = churn.fit(learnt, churn.churned(bought, learnt, first, 28), draws=20, seed=2)
    judged = churn.judge(model.predict(table), churn.churned(bought, table, then, 28), draws=200)
    assert judged.skill[1] > 0.2 and judged.auc[1] > 0.75
    assert all(one.low <= one.odds_ratio <= one.high for one in model.drivers)
    strengths = [abs(math.log(one.odds_ratio)) for one in model.drivers]
    assert strengths == sorted(strengths, reverse=True)
    again = churn.fit(learnt, churn.churned(bought, learnt, first, 28), draws=20, seed=2)
    assert again.drivers == model.drivers


def test_a_planted_driver_comes_first_with_its_odds():
    rng = np.random.default_rng(8)
    table = pl.DataFrame({"member": [f"m{n}" for n in range(3_000)], **{name: rng.normal(size=3_000) for name in churn.DRIVERS}})
    table = table.with_columns(pl.col("recency_days").exp())  # log(1 + x) is what the model sees
    seen = np.log1p(table["recency_days"].to_numpy())
    left = rng.random(3_000) < 1 / (1 + np.exp(-1.5 * (seen - seen.mean()) / seen.std()))
    model = churn.fit(table, left.astype(float), draws=30)
    first, others = model.drivers[0], model.drivers[1:]
    assert first.name == "recency_days" and first.low <= math.exp(1.5) <= first.high
    assert sum(one.low <= 1 <= one.high for one in others) >= len(others) - 1


def test_no_purchase_under_bg_nbd_is_what_its_simulation_gives(bought):
    known = bgnbd.summarise(bought)
    model = bgnbd.fit(known, draws=0)
    made = bgnbd.simulate(model, known, 4.0, draws=1_500, seed=0).sum(axis=1)
    chances = churn.no_purchase(model, known, 28)
    assert chances.mean() == pytest.approx((made == 0).mean(), abs=0.01)
    assert np.max(np.abs(chances - (made == 0).mean(axis=0))) < 0.08


def test_what_cannot_be_learnt_is_refused(bought):
    table = churn.features(bought, START + timedelta(days=110))
    with pytest.raises(InsightFault, match="members who left, or who stayed"):
        churn.fit(table, np.zeros(table.height))
    with pytest.raises(InsightFault, match="allowed: 0 or 1, one for each member"):
        churn.fit(table, np.full(table.height, 0.5))
    with pytest.raises(InsightFault, match="Setting chances"):
        churn.judge([1.2, 0.1], [1, 0])
