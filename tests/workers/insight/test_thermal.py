"""Product temperature and dew point against values worked by hand."""

import math

import pytest

from storeloom.workers.insight.thermal import dew_point_c, follow, learned_rate, share_between, wanted_mode


def test_product_follows_air():
    assert follow(3, 9, 12 * 60, 1800) == pytest.approx(9 - 6 * math.exp(-0.4))
    assert round(follow(3, 9, 720, 1800), 2) == 4.98
    assert round(follow(3, 9, 780, 1800), 2) == 5.11


def test_steps_add_up_to_one_long_step():
    body = 3.0
    for _ in range(13):
        body = follow(body, 9, 60, 1800)
    assert body == pytest.approx(follow(3, 9, 780, 1800), rel=1e-12)


def test_dew_point():
    assert dew_point_c(20, 100) == pytest.approx(20)
    assert dew_point_c(25, 50) == pytest.approx(13.85, abs=0.03)
    assert dew_point_c(20, 60) == pytest.approx(12.0, abs=0.03)
    with pytest.raises(ValueError, match="humidity"):
        dew_point_c(20, 0)


def test_share_between():
    assert share_between(12, 7, 15) == 0.625
    assert share_between(3, 7, 15) == 0
    assert share_between(16, 7, 15) == 1


def test_a_thermostat_begins_beyond_the_band_and_never_does_both():
    assert wanted_mode(None, 26.5, 26, 20, 1.0) is None
    assert wanted_mode(None, 26.6, 26, 20, 1.0) == "cool"
    assert wanted_mode("cool", 25.5, 26, 20, 1.0) == "cool"
    assert wanted_mode("cool", 25.4, 26, 20, 1.0) is None
    assert wanted_mode(None, 19.4, 26, 20, 1.0) == "heat"
    assert wanted_mode("heat", 20.6, 26, 20, 1.0) is None
    assert wanted_mode("heat", 27, 26, 20, 1.0) == "cool"


def test_a_start_teaches_its_share_from_one_kelvin_on():
    assert learned_rate(9, 54, 5, 0.3) == pytest.approx(9.54)
    assert learned_rate(9, 54, 0.9, 0.3) == 9
