"""Night-flow thresholds against values worked by hand."""

import pytest

from storeloom.workers.insight.nightflow import daily_loss, least_hourly_use, night_threshold, register_at


def test_threshold():
    assert night_threshold([10] * 4 + [12] * 2 + [14] * 4, 3) == pytest.approx(12 + 3 * 1.4826 * 2)
    assert night_threshold([10] * 4 + [12] * 2 + [14] * 4, 1) == pytest.approx(12 + 1.4826 * 2)


def test_steady_nights_leave_a_margin_of_one():
    assert night_threshold([12.0] * 6, 3) == 13.0


def test_one_past_outlier_does_not_move_it():
    assert night_threshold([10, 12, 14, 10, 14, 500], 3) == night_threshold([10, 12, 14, 10, 14, 30], 3)


def test_loss():
    assert daily_loss([26, 27], 12) == pytest.approx(348)


def test_register():
    assert register_at((0, 100.0), (10, 104.0), 5) == 102.0
    assert register_at((3, 100.0), (3, 100.0), 3) == 100.0


def test_least_hourly_use():
    marks = [(0, (-1800, 0.0), (1800, 20.0)), (3600, (3600, 22.0), (3600, 22.0)), (7200, (7200, 30.0), (7200, 30.0))]
    assert least_hourly_use(marks, 3600) == pytest.approx(8)
    assert least_hourly_use(marks[:2], 3600) == pytest.approx(12)
    assert least_hourly_use(marks[:2], 1800) is None
    assert least_hourly_use([marks[0], (3600, None, (3600, 22.0))], 3600) is None
    assert least_hourly_use([marks[2], (10800, (10800, 1.0), (10800, 1.0))], 3600) is None
