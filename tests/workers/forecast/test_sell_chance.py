"""Chances of a sale."""

import pytest

from storeloom.workers.forecast.sell_chance import from_moments, from_quantiles


def test_between_quantiles_it_is_linear_and_beyond_them_nothing_is_made_up():
    points = {"0.1": 2, "0.5": 6, "0.9": 10}
    assert from_quantiles(points, 1) == pytest.approx(0.9)
    assert from_quantiles(points, 4) == pytest.approx(0.7)
    assert from_quantiles(points, 6) == pytest.approx(0.5)
    assert from_quantiles(points, 10) == 0
    assert from_quantiles({"0.1": 6, "0.5": 6, "0.9": 6}, 5) == pytest.approx(0.9)
    assert from_quantiles({"0.3": 5, "0.5": 5}, 4) == pytest.approx(0.7)


def test_of_a_normal_demand():
    assert from_moments(10, 4, 9.5) == pytest.approx(0.5)
    assert from_moments(10, 0, 9) == 1
    assert from_moments(10, 0, 10) == 0
