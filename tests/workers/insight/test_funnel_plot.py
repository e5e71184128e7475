"""Funnel limits and the pooled z by hand: a common share of 10 % has limits of 10 % -+ 1.96 x 0.0075 at 1600 trials."""

import pytest

from storeloom.workers.insight import funnel_plot

COUNTS = {"k1": (120, 1600), "k2": (36, 400), "k3": (6, 150), "k4": (158, 1050)}


def test_units_stand_under_within_and_over_the_limits_of_their_size() -> None:
    found = funnel_plot.places(COUNTS, z=1.96, min_n=200)
    k1, k2, k4 = found["k1"], found["k2"], found["k4"]
    assert k1 and k2 and k4
    assert k1.pooled == pytest.approx(0.1)
    assert (k1.rate, k1.low, k1.under) == (pytest.approx(0.075), pytest.approx(0.0853), True)
    assert (k2.rate, k2.low, k2.under, k2.over) == (pytest.approx(0.09), pytest.approx(0.0706), False, False)
    assert (k4.over, k4.under) == (True, False)
    assert found["k3"] is None


def test_a_share_on_its_limit_is_within() -> None:
    found = funnel_plot.places({"a": (0, 100), "b": (0, 900)}, z=1.96, min_n=30)
    assert found["a"] == (0.0, 0.0, 0.0, 0.0, False, False)


def test_hits_beyond_the_trials_count_as_all_and_no_trials_are_not_placed() -> None:
    found = funnel_plot.places({"a": (300, 200), "b": (0, 0)}, z=1.96, min_n=0)
    assert found["a"] is not None and found["a"].rate == 1.0
    assert found["b"] is None


def test_the_first_weak_stage_among_its_own_kind() -> None:
    counts = {"k1": [1600, 120, 40, 10], "k4": [1600, 200, 100, 90], "q1": [1600, 20, 20, 20]}
    found = funnel_plot.stages(counts, {"k1": "kiosk", "k4": "kiosk", "q1": "code"}, z=1.96, min_n=30)
    assert [funnel_plot.first_under(found[unit]) for unit in counts] == [1, None, None]
    assert [found["k1"][stage].under for stage in (1, 2, 3) if found["k1"][stage]] == [True, True, True]
    assert found["q1"][2] is None


def test_the_rise_after_a_move_in_standard_errors() -> None:
    assert funnel_plot.pooled_z((120, 1600), (168, 1600)) == pytest.approx(0.030 / 0.010118, rel=1e-3)
    assert funnel_plot.pooled_z((168, 1600), (120, 1600)) == pytest.approx(-2.965, abs=1e-3)
    assert funnel_plot.pooled_z((1, 10), (0, 0)) == 0.0
    assert funnel_plot.pooled_z((10, 10), (10, 10)) == 0.0


def test_counts_below_nil_as_of_a_counter_that_was_corrected_are_none() -> None:
    assert (
        funnel_plot.places({"a": (-3, 40), "b": (4, 40)}, z=2, min_n=10)["a"]
        == funnel_plot.places({"a": (0, 40), "b": (4, 40)}, z=2, min_n=10)["a"]
    )
