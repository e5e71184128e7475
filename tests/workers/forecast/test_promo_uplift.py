"""How far a promotion lifts demand."""

import pytest

from storeloom.workers.forecast.promo_uplift import base_rate, damped, elasticity, estimate, order_units, price_ratio, uplift


def test_price_display_and_own_past_make_the_uplift():
    elastic = elasticity([-3.0, -3.0], -2.0, 4)
    assert elastic == pytest.approx(-2.3333, abs=1e-4)
    assert uplift(0.8, elastic, 1) == pytest.approx(1.683, abs=1e-3)
    assert 7 * 10 * uplift(0.8, elastic, 1.25) == pytest.approx(147.3, abs=0.05)


def test_uplift_keeps_within_bounds():
    assert uplift(0.2, -5, 1) == 20
    assert uplift(1.2, -2, 1) == 1


def test_a_past_promotion_shows_the_elasticity_that_it_was_made_with():
    assert estimate(uplift(0.8, -3, 1.25 * 1.2), 0.8, 1.25 * 1.2) == pytest.approx(-3)
    assert estimate(2, 1, 1) is None
    assert elasticity([], -2.0, 0) == -2.0


@pytest.mark.parametrize(
    ("kind", "value", "qty", "ratio"),
    [("percent", 20, None, 0.8), ("amount", 200, None, 0.8), ("fixed", 700, None, 0.7), ("nth", 50, 2, 0.75), ("multi_buy", 1500, 2, 0.75),
     ("display", 5, None, 1), ("percent", None, None, 1)],
)  # fmt: skip
def test_price_ratio(kind, value, qty, ratio):
    assert price_ratio(kind, value, 1000, qty) == pytest.approx(ratio)


def test_the_reading_is_damped():
    assert damped(50 / 42.08, 0.5) == pytest.approx(1.094, abs=1e-3)
    assert (order_units(92.37, 12), order_units(49.1, 12), order_units(-3, 12), order_units(24, 12)) == (96, 60, 0, 24)


def test_base_leaves_out_promoted_and_empty_days():
    assert base_rate({"a": 10, "b": 90}, {"b": 1}, ["a", "b", "c"]) == 5
    assert base_rate({}, {"a": 1}, ["a"]) is None
