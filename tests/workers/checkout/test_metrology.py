from datetime import UTC, datetime, timedelta

import pytest

from storeloom.workers.checkout.metrology import limit_g, median_of, new_zeros, note_zero, passes, settled_zeros, slope, time_to


def test_limits_in_service_of_class_three():
    assert [limit_g(load, 5) for load in (100, 2500, 2505, 10000, 10005, 60000)] == [5, 5, 10, 10, 15, 15]
    assert passes(5000, 5008, 5)
    assert passes(5000, 5010, 5)
    assert not passes(5000, 5012, 5)
    assert not passes(2500, 2506, 5)


def test_medians_of_counted_values():
    assert median_of({}) is None
    assert median_of({"0.5": 3, "-0.2": 1}) == 0.5
    assert median_of({"1.0": 2, "2.0": 2}) == 1.5


def test_the_slope_takes_no_notice_of_a_stray_day():
    assert slope([(0, 0.2), (1, 0.5), (2, 0.8), (3, 1.1), (4, 1.4)]) == pytest.approx(0.3)
    assert slope([(0, 0.0), (1, 1.0), (2, 2.0), (3, 30.0), (4, 4.0), (5, 5.0)]) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="different x"):
        slope([(1, 0), (1, 2)])


def test_the_time_to_a_limit_on_either_side():
    assert time_to(1.4, 0.3, 2.5) == pytest.approx(3.6667, abs=1e-4)
    assert time_to(-1.5, -0.5, 2.5) == 2
    assert time_to(-1.5, 0.5, 2.5) == 8
    assert time_to(2.6, -1, 2.5) == 0
    assert time_to(1, 0, 2.5) is None


def test_an_empty_pan_tells_of_the_zero_a_minute_away_from_any_load():
    ten = datetime(2026, 3, 2, 10, tzinfo=UTC)
    zeros = new_zeros()
    readings = [(0, 0.5, True), (0.5, 0.6, True), (30, 0.7, True), (40, 0.8, False), (100, 250, True), (160, 0.9, True), (161, 1.0, True)]
    for second, weight, stable in readings:
        note_zero(zeros, ten + timedelta(seconds=second), weight, stable=stable, empty_g=10)
    assert settled_zeros(zeros, ten + timedelta(seconds=101)) == [(ten, 0.5), (ten + timedelta(seconds=30), 0.7)]
    assert settled_zeros(zeros, ten + timedelta(seconds=162)) == [(ten + timedelta(seconds=161), 1.0)]


def test_a_load_strikes_out_what_was_read_within_the_minute_before_it():
    ten = datetime(2026, 3, 2, 10, tzinfo=UTC)
    zeros = new_zeros()
    note_zero(zeros, ten, 0.5, stable=True, empty_g=10)
    note_zero(zeros, ten + timedelta(seconds=1), 0.6, stable=True, empty_g=10)
    note_zero(zeros, ten + timedelta(seconds=61), -10, stable=True, empty_g=10)
    assert settled_zeros(zeros, ten + timedelta(hours=1)) == [(ten, 0.5)]
