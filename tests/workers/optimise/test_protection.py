"""The demand of the protection interval: independent days, days that go together, days drawn from a process with memory; bad forecasts."""

import math
from datetime import date, timedelta
from statistics import NormalDist

import numpy as np
import polars as pl
import pytest

from storeloom.workers.forecast.chain import Forecasts
from storeloom.workers.optimise.order_up_to import Review
from storeloom.workers.optimise.protection import protection
from storeloom.workers.optimise.stock_input import OrderFault

SHARES = (0.025, 0.1, 0.5, 0.9, 0.975)
NAMES = ["q2.5", "q10", "q50", "q90", "q97.5"]
Z = [NormalDist().inv_cdf(share) for share in SHARES]


def forecasts(days, sums):
    """`days`: item to [(mean, sd)], `sums`: item to the deviation of the sum; all normal."""
    rows, totals = [], []
    for item, own in days.items():
        for n, (mean, sd) in enumerate(own):
            rows.append((item, date(2026, 3, 2) + timedelta(days=n), mean, *(mean + z * sd for z in Z)))
        mean = sum(one for one, _ in own)
        totals.append((item, mean, *(mean + z * sums[item] for z in Z)))
    frame = pl.DataFrame(rows, schema=["unique_id", "ds", "mean", *NAMES], orient="row")
    return Forecasts(frame, pl.DataFrame(totals, schema=["unique_id", "mean", *NAMES], orient="row"), pl.DataFrame())


def row(outlook, item="a"):
    return outlook.table.row(by_predicate=pl.col("unique_id") == item, named=True)


def test_independent_days_add_their_variances():
    found = row(protection(forecasts({"a": [(10, 2)] * 9}, {"a": 6.0}), Review(3, 1)))
    assert (found["mean"], found["rho"]) == (40, pytest.approx(0, abs=1e-9))
    assert found["sd"] == pytest.approx(4.0) and found["lead_sd"] == pytest.approx(2.0) and found["review_mean"] == pytest.approx(30)
    assert found["q97.5"] == pytest.approx(40 + 1.96 * 4, abs=0.01)


def test_days_that_go_together_add_their_deviations():
    found = row(protection(forecasts({"a": [(10, 1), (20, 2), (10, 1), (10, 1)]}, {"a": 5.0}), Review(2, 1)))
    assert found["rho"] == pytest.approx(1) and found["sd"] == pytest.approx(4) and found["q50"] == pytest.approx(40)


def test_the_whole_horizon_is_the_forecasters_own_sum():
    told = forecasts({"a": [(10, 2), (12, 3), (8, 2), (10, 2)], "b": [(1, 1)] * 4}, {"a": 6.5, "b": 1.0})
    outlook = protection(told, Review(4))
    assert row(outlook)["sd"] == pytest.approx(6.5) and row(outlook)["q90"] == pytest.approx(40 + 6.5 * Z[3])
    assert row(outlook, "b")["rho"] == pytest.approx(-0.25) and row(outlook, "b")["sd"] == pytest.approx(1.0)
    one = row(protection(told, Review(1), after=1))
    assert (one["mean"], one["sd"]) == (12, pytest.approx(3)) and one["q10"] == pytest.approx(12 - 3 * 1.2816, abs=0.01)


def test_a_process_with_memory():
    """AR(1) errors, phi 0.6: the one correlation of all pairs is within 15 % of the true deviation of 4 of 10 days; independence
    is more than a quarter too low."""
    phi, rng = 0.6, np.random.default_rng(0)
    noise, errors = rng.normal(size=(200_000, 11)), np.zeros((200_000, 11))
    for n in range(1, 11):
        errors[:, n] = phi * errors[:, n - 1] + noise[:, n]
    away = errors[:, 1:]
    told = forecasts({"a": [(50, float(sd)) for sd in away.std(axis=0)]}, {"a": float(away.sum(axis=1).std())})
    true = float(away[:, 3:7].sum(axis=1).std())
    assert row(protection(told, Review(3, 1), after=3))["sd"] == pytest.approx(true, rel=0.15)
    assert math.sqrt(float((away[:, 3:7].std(axis=0) ** 2).sum())) < 0.75 * true


def test_a_lead_time_of_chance_adds_its_own_variance():
    told = forecasts({"a": [(10, 0.001)] * 6}, {"a": 0.001})
    found = row(protection(told, Review(1, {1: 0.5, 3: 0.5})))
    assert found["mean"] == pytest.approx(30) and found["sd"] == pytest.approx(10, abs=0.01)


def test_levels():
    outlook = protection(forecasts({"a": [(100, 10)] * 4}, {"a": 20.0}), Review(3, 1))
    assert outlook.levels("alpha", 0.9)["a"] == pytest.approx(400 + 1.2816 * 20, abs=0.01)
    beta = outlook.levels("beta", 0.98)["a"]
    loss = lambda z: NormalDist().pdf(z) - z * (1 - NormalDist().cdf(z))  # noqa: E731
    assert 20 * loss((beta - 400) / 20) == pytest.approx(0.02 * 300, rel=0.05)
    assert outlook.demand()["a"].quantile(0.975) == pytest.approx(400 + 1.96 * 20, abs=0.01)
    cases = protection(forecasts({"a": [(100, 10)] * 4}, {"a": 20.0}), Review(3, 1, case=24)).levels("beta", 0.98)["a"]
    assert beta - 24 < cases < beta


def test_what_never_sells_is_not_ordered_and_rare_sales_spread_as_poisson():
    outlook = protection(forecasts({"a": [(0, 0)] * 4, "b": [(0.25, 0)] * 4}, {"a": 0.0, "b": 0.0}), Review(4))
    assert outlook.levels("beta", 0.95)["a"] == 0 and row(outlook, "b")["sd"] == pytest.approx(1.0)


def test_bad_forecasts_are_told_at_once():
    told = forecasts({"a": [(float("nan"), 1)] * 3}, {"a": 1.0})
    with pytest.raises(OrderFault) as fault:
        protection(told, Review(3, 1), after=-1)
    assert len(fault.value.findings) == 2
    with pytest.raises(OrderFault, match=r"horizon is 3; allowed: >= 4"):
        protection(told, Review(3, 1))
    with pytest.raises(OrderFault, match="forecasts without a value"):
        protection(told, Review(2, 1))
    with pytest.raises(OrderFault, match="service is gamma"):
        protection(forecasts({"a": [(1, 1)]}, {"a": 1.0}), Review(1)).levels("gamma", 0.9)
