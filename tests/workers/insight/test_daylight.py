"""Dimming steps and learned gain against values worked by hand."""

import pytest

from storeloom.workers.insight.daylight import learned_gain, next_level


def test_steps_to_the_target():
    levels = [90.0]
    for lux in (680, 620, 560, 500):
        levels.append(next_level(levels[-1], lux, 500, 6, 5, 10))
    assert levels == [90, 80, 70, 60, 60]


@pytest.mark.parametrize(("lux", "expected"), [(520, 60), (525, 60), (530, 55), (475, 60), (440, 70), (530.1, 60 - 30.1 / 6)])
def test_dead_band(lux, expected):
    assert next_level(60, lux, 500, 6, 5, 10) == pytest.approx(expected)


def test_level_stays_between_10_and_100():
    assert next_level(95, 100, 500, 6, 5, 10) == 100
    assert next_level(12, 2000, 500, 6, 5, 10) == 10


def test_gain_follows_the_lamp_not_the_clouds():
    assert learned_gain(6, -10, -60) == 6
    assert learned_gain(6, -10, -80) == pytest.approx(6.2)
    assert learned_gain(6, -10, -30) == pytest.approx(5.7)
    assert learned_gain(6, -10, -120) == pytest.approx(6.6)
    assert learned_gain(6, -10, -121) == 6
    assert learned_gain(6, -10, -29) == 6
    assert learned_gain(6, -10, 60) == 6
    assert learned_gain(6, 0, 60) == 6
