"""BG/NBD and Gamma-Gamma: the published estimates of CDNOW, closed forms against simulation, gradients, intervals, the hold-out check."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from storeloom.workers.insight import bgnbd, lifetime
from storeloom.workers.insight.faults import InsightFault
from storeloom.workers.insight.purchases import read
from tests.workers.insight.customers import START, cdnow, lines, shoppers


@pytest.fixture(scope="module")
def visits():
    return bgnbd.fit(cdnow(), draws=40, seed=3)


def test_the_published_estimates_of_cdnow(visits):
    # Fader, Hardie and Lee (2005), table 2, and the customer of their example: 1.226 purchases in the next 39 weeks
    assert (visits.r, visits.alpha, visits.a, visits.b) == pytest.approx((0.243, 4.414, 0.793, 2.426), abs=1e-3)
    assert visits.log_likelihood == pytest.approx(-9582.4, abs=0.05)
    assert visits.members == 2357 and visits.identified
    one = pl.DataFrame({"x": [2.0, 0.0], "t_x": [30.43, 0.0], "T": [38.86, 38.86]})
    assert visits.expected(one, 39.0)[0] == pytest.approx(1.226, abs=1e-3)
    assert visits.p_alive(one)[0] == pytest.approx(0.7266, abs=1e-3)
    assert visits.p_alive(one)[1] == 1.0


def test_the_published_estimates_of_spend():
    spend = lifetime.fit_spend(cdnow(), draws=0)
    # Fader and Hardie (2013): p 6.25, q 3.74, gamma 15.44
    assert (spend.p, spend.q, spend.v) == pytest.approx((6.25, 3.74, 15.44), abs=0.02)
    assert spend.members == 946
    # their example: a customer with x 2, mean 22.35 expects 24.66; one without a repeat the mean of all
    means = spend.mean_amount(pl.DataFrame({"x": [2.0, 0.0], "monetary": [22.35, None]}))
    assert means == pytest.approx([24.66, spend.p * spend.v / (spend.q - 1)], abs=0.01)
    value, low, high = spend.correlation
    assert low < value < high and value == pytest.approx(0.114, abs=1e-3)


def test_profile_and_bootstrap_intervals_hold_the_estimate_and_agree(visits):
    profile, drawn = bgnbd.profile_intervals(cdnow()), visits.interval()
    for name in bgnbd.PARAMETERS:
        low, high = profile[name]
        assert low < getattr(visits, name) < high
        assert 0.5 < (drawn[name][1] - drawn[name][0]) / (high - low) < 2


def test_intervals_are_the_same_for_a_seed():
    one, two = (bgnbd.fit(cdnow(), draws=5, seed=9).draws for _ in range(2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, bgnbd.fit(cdnow(), draws=5, seed=8).draws)


@pytest.mark.parametrize("point", [(0.3, 1.2, -0.4, 0.9), (-1.0, 3.0, 1.0, -0.5)])
def test_gradients_are_those_of_the_likelihood(point):
    rows, weights = bgnbd._grouped(cdnow())
    check_gradient(bgnbd._objective(rows), np.array(point), weights)
    spent = cdnow().filter(pl.col("x") > 0)
    objective = lifetime._spend_objective(spent["x"].cast(pl.Float64).to_numpy(), spent["monetary"].to_numpy())
    check_gradient(objective, np.array(point[:3]), np.ones(spent.height))


def check_gradient(objective, point, weights):
    _, slope = objective(point, weights)
    for index in range(point.size):
        step = np.eye(point.size)[index] * 1e-5
        rise = (objective(point + step, weights)[0] - objective(point - step, weights)[0]) / 2e-5
        assert slope[index] == pytest.approx(rise, rel=1e-4, abs=1e-2)


@pytest.mark.parametrize("a", [0.4, 1.0, 3.0])
def test_the_closed_form_is_the_mean_of_the_simulation(a):
    model = bgnbd.BgNbd(0.8, 6.0, a, 2.5, 0.0, 0, True, np.empty((0, 4)))
    known = pl.DataFrame({"x": [0.0, 1.0, 9.0], "t_x": [0.0, 4.0, 28.0], "T": [30.0, 30.0, 30.0]})
    made = bgnbd.simulate(model, known, 26.0, steps=2, draws=8_000, seed=1).sum(axis=1)
    assert model.expected(known, 26.0) == pytest.approx(made.mean(axis=0), rel=0.08)
    assert model.expected_new(26.0) == pytest.approx(
        model.expected(pl.DataFrame({"x": [0.0], "t_x": [0.0], "T": [0.0]}), 26.0)[0], rel=1e-6
    )


def test_extremes_stay_finite_and_both_ways_agree():
    known = pl.DataFrame({"x": [0.0, 1.0, 50.0, 2000.0], "t_x": [0.0, 1.0, 50.0, 51.9], "T": [52.0] * 4})
    for params in ((1.4, 3.7, 0.03, 9.2), (1.5, 3.8, 0.006, 0.7), (1.0, 1.0, 2.0, 3.0), (2.0, 5.0, 900.0, 3000.0), (2.0, 5.0, 1e-4, 3e3)):
        model = bgnbd.BgNbd(*params, 0.0, 0, True, np.empty((0, 4)))
        for weeks in (4.0, 52.0, 520.0):
            x, _, age = bgnbd.columns(known)
            averaged = bgnbd._averaged(params, x, age, weeks) * model.p_alive(known)
            assert model.expected(known, weeks) == pytest.approx(averaged, rel=0.02)
            assert (model.expected(known, weeks) <= (params[0] + x) / (params[1] + age) * weeks + 1e-9).all(), (
                "no more than if none stopped"
            )
    assert (model.expected(known, 0.0) == 0).all()


def test_simulated_members_give_their_parameters_back():
    rng = np.random.default_rng(5)
    rows = []
    for _ in range(3_000):
        rate, stop, age = rng.gamma(0.8, 1 / 5.0), rng.beta(1.0, 4.0), 50.0
        time, x = 0.0, 0
        while (gap := rng.exponential(1 / rate)) + time <= age:
            time, x = time + gap, x + 1
            if rng.random() < stop:
                break
        rows.append((float(x), time, age))
    known = pl.DataFrame(rows, schema=["x", "t_x", "T"], orient="row")
    for name, true in {"r": 0.8, "alpha": 5.0, "a": 1.0, "b": 4.0}.items():
        low, high = bgnbd.profile_intervals(known, 0.99)[name] if name == "r" else bgnbd.fit(known, draws=30).interval(0.99)[name]
        assert low <= true <= high, name


def test_summaries_count_days_since_the_first_purchase():
    bought = read(
        lines(
            ("a", "r1", 0, "milk", 1, 2),
            ("a", "r2", 7, "milk", 1, 4),
            ("a", "r3", 7, "milk", 1, 4),  # the same day: one purchase of 8
            ("a", "r4", 14, "milk", 1, 6),
            ("b", "r5", 14, "milk", 1, 5),
        ),
        until=START + timedelta(days=21),
    )
    assert bgnbd.summarise(bought).rows() == [("a", START, 2.0, 2.0, 3.0, 7.0), ("b", START + timedelta(days=14), 0.0, 0.0, 1.0, None)]
    assert bgnbd.watched_from(bought, START + timedelta(days=1))["member"].to_list() == ["b"]


def test_the_hold_out_covers_what_came():
    bought = shoppers(500, 240, seed=2)
    found = lifetime.hold_out(bought, START + timedelta(days=160), draws=30)
    assert found.total["low"] <= found.total["actual"] <= found.total["high"]
    assert found.total["actual"] == found.members["actual"].sum() == found.classes["actual"].sum() == found.cohorts["actual"].sum()
    assert found.total["expected"] == pytest.approx(found.members["expected"].sum())
    assert found.covered >= 0.6
    ratios = dict(found.errors.select("rule", "model_to_it").iter_rows())
    assert ratios["expected"] == 1.0 and ratios["own_rate"] < 1 and ratios["last_period"] < 1


def test_a_value_is_purchases_times_amount_and_falls_with_the_discount():
    bought = shoppers(200, 120, seed=6)
    known = bgnbd.summarise(bought)
    visits, spend = bgnbd.fit(known, draws=10), lifetime.fit_spend(known, draws=10)
    plain = lifetime.value(visits, spend, known, weeks=26, draws=50)
    assert plain["value"].to_numpy() == pytest.approx((plain["purchases"] * plain["mean_amount"]).to_numpy())
    assert (plain["low"] <= plain["high"]).all()
    later = lifetime.value(visits, spend, known, weeks=26, discount=0.2, margin=0.25, draws=50)
    assert 0.2 * plain["value"].sum() < later["value"].sum() < 0.25 * plain["value"].sum()


def test_what_cannot_be_estimated_is_refused():
    with pytest.raises(InsightFault, match="There are 1 members"):
        bgnbd.fit(pl.DataFrame({"x": [1.0], "t_x": [1.0], "T": [2.0]}))
    once = pl.DataFrame({"x": [0.0] * 99, "t_x": [0.0] * 99, "T": [9.0] * 99})
    with pytest.raises(InsightFault, match="0 members who bought again; needed: 10"):
        bgnbd.fit(once)
    with pytest.raises(InsightFault, match="x, t_x, T holds impossible values in 1 rows"):
        bgnbd.fit(pl.DataFrame({"x": [1.0], "t_x": [3.0], "T": [2.0]}))
    with pytest.raises(InsightFault, match="days to hold out"):
        lifetime.hold_out(shoppers(60, 60, seed=1), START + timedelta(days=58))
