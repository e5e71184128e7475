"""Night-flow thresholds against values worked by hand."""

import pytest

from storeloom.workers.insight.nightflow import daily_loss, night_threshold, register_at


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
