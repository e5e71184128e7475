"""Monitors: what they find, by hand, and that they call noise as seldom as they were set for."""

from __future__ import annotations

import math

import numpy as np
import pytest

from storeloom.workers.insight import anomaly
from storeloom.workers.insight.faults import InsightFault


def test_robust_z_by_hand() -> None:
    # median 5, deviations 4 3 2 1 0 1 2 3 4 5 95: median 3; z of 100 = 95 / (1.4826 * 3)
    found = anomaly.outliers([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 100])
    assert found.table["expected"][0] == 6.0  # of 11 values the sixth
    assert found.table["z"][10] == pytest.approx(94 / (1.4826022185056018 * 3))
    assert found.table["outlier"].to_list() == [False] * 10 + [True]


def test_mostly_equal_values_still_show_the_one_that_is_not() -> None:
    assert anomaly.outliers([5.0] * 30 + [50.0]).table["outlier"].sum() == 1
    assert anomaly.outliers([0.0] * 30).table["outlier"].sum() == 0


@pytest.mark.parametrize("size", [12, 28, 100, 1000])
def test_single_values_of_noise_are_called_as_often_as_asked(size: int) -> None:
    runs = 60_000 // size
    called = sum(
        anomaly.outliers(np.random.default_rng((1, n)).normal(50, 9, size), false_alarm=0.01).table["outlier"].sum() for n in range(runs)
    )
    assert called / (runs * size) == pytest.approx(0.01, abs=0.003)


def test_a_season_hides_no_outlier_and_makes_none() -> None:
    rng = np.random.default_rng(0)
    days = np.arange(140)
    y = 100 + 0.2 * days + 30 * (days % 7 >= 5) + rng.normal(0, 3, 140)
    y[61] -= 25
    for method in ("profile", "stl"):
        found = anomaly.seasonal(y, method=method)
        assert found.table["outlier"].arg_true().to_list() == [61]
    assert not anomaly.outliers(y).table["outlier"][61]


@pytest.mark.parametrize(("method", "runs"), [("profile", 150), ("stl", 30)])
def test_seasonal_noise_is_called_as_often_as_asked(method: str, runs: int) -> None:
    season = 20 * np.sin(2 * np.pi * np.arange(84) / 7)
    noise = (np.random.default_rng((2, n)).normal(100, 5, 84) for n in range(runs))
    rate = np.mean([anomaly.seasonal(season + one, method=method, false_alarm=0.01).table["outlier"].mean() for one in noise])
    assert 0.003 <= rate <= 0.015


def test_run_lengths_are_the_published_ones() -> None:
    # Montgomery, Introduction to Statistical Quality Control, tables of the two-sided CUSUM with k = 0.5: h = 4: 168, h = 5: 465
    assert anomaly.run_length(0.5, 4.0) == pytest.approx(168, abs=1)
    assert anomaly.run_length(0.5, 5.0) == pytest.approx(465, abs=1)
    assert anomaly.run_length(0.5, anomaly.cusum_limit(1.0, 300.0)) == pytest.approx(300, rel=1e-3)


def test_a_change_of_level_is_found_dated_and_measured() -> None:
    y = np.random.default_rng(0).normal(10, 1, 90)
    y[40:] += 2
    found = anomaly.levels(y).shifts
    assert len(found) == 1
    assert found[0].up and 40 <= found[0].at <= 50 and 36 <= found[0].since <= 42
    assert (found[0].before, found[0].after) == (pytest.approx(10, abs=0.5), pytest.approx(12, abs=1.0))
    assert not anomaly.levels(20 - y).shifts[0].up
    assert anomaly.levels([7.0] * 20 + [9.0] * 5).shifts[0].since == 20


def test_levels_call_noise_as_seldom_as_asked_though_mean_and_spread_are_unknown() -> None:
    watched = called = 0
    for n in range(25):
        found = anomaly.levels(np.random.default_rng((3, n)).normal(-4, 7, 800), values_between=100)
        called += len(found.shifts)
        watched += 800 - 10 * (1 + len(found.shifts))
    assert 78 <= watched / called <= 130


def test_monitors_refuse_what_they_cannot_judge() -> None:
    for call in (
        lambda: anomaly.outliers([1.0, 2.0]),
        lambda: anomaly.outliers([math.nan] * 20),
        lambda: anomaly.seasonal(list(range(20)), period=10),
        lambda: anomaly.seasonal(list(range(40)), method="prophet"),
        lambda: anomaly.levels([1.0] * 30, values_between=3),
        lambda: anomaly.limit(20, 0.5),
    ):
        with pytest.raises(InsightFault):
            call()
