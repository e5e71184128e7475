"""Product temperature and dew point against values worked by hand."""

import math

import pytest

from storeloom.workers.insight.thermal import dew_point_c, follow, share_between


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
