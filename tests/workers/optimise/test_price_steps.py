import math
from datetime import date, timedelta

import pytest

from storeloom.workers.optimise.price_steps import believed, best, estimate, grid_prices, profit, promoted_effect

AT_1000 = {"present": 1000, "cost": 600, "daily": 100, "elasticity": -2.24}


def test_data_and_prior_are_weighed_by_their_precision():
    assert believed((-2.4, 0.4), -1.6, 0.8) == pytest.approx(-2.24)
    assert believed(None, -1.6, 0.8) == -1.6
    assert believed((-9.0, 0.001), -1.6, 3) == -6.0


@pytest.mark.parametrize(("price", "value"), [(1000, 40000), (1050, 40341), (1080, 40399), (1100, 40388)])
def test_profit_a_day(price, value):
    assert profit(price, **AT_1000) == pytest.approx(value, abs=0.6)


def test_the_best_price_on_the_grid():
    assert best(grid_prices(1000, 10, 10, 648, math.inf), **AT_1000)[0] == 1080
    assert best(grid_prices(1000, 10, 5, 648, math.inf), **AT_1000)[0] == 1050
    assert best([], **AT_1000) == (1000, 40000)


def test_ties_go_to_the_smaller_change():
    assert best([900, 990], present=1000, cost=600, daily=0, elasticity=-2)[0] == 1000


def test_the_grid_keeps_the_limits():
    assert grid_prices(1000, 50, 10, 960, 1060) == [1000, 1050]


def test_the_elasticity_is_found_beside_weekday_and_trend():
    start = date(2026, 1, 5)
    days = [(start + timedelta(days=n), 50 * 1.01**n * (1.5 if n % 7 > 4 else 1) * (price / 1000) ** -2, price)
            for n, price in enumerate([1000, 900, 1100, 950] * 7)]  # fmt: skip
    slope, error = estimate(days)
    assert slope == pytest.approx(-2) and error < 0.01
    assert estimate(days[:1]) is None
    assert estimate([(day, units, 1000) for day, units, _ in days]) is None


def test_what_a_promotion_adds_is_told_apart_from_its_price():
    start = date(2026, 1, 5)
    days = [(start + timedelta(days=n), 50 * (1.5 if n % 5 == 0 else 1) * (price / 1000) ** -2, price)
            for n, price in enumerate([1000, 900, 1100, 950] * 7)]  # fmt: skip
    effect, error = promoted_effect([day for n, day in enumerate(days) if n % 5], days[::5])
    assert (math.exp(effect), error) == (pytest.approx(1.5), 1e-3)


def test_a_promotion_that_always_came_with_its_price_or_was_rare_tells_nothing():
    start = date(2026, 1, 5)
    days = [(start + timedelta(days=n), 60.0 + n % 3, 800.0 if n % 5 == 0 else 1000.0) for n in range(28)]
    assert promoted_effect([day for n, day in enumerate(days) if n % 5], days[::5]) is None
    assert promoted_effect(days[3:], days[:3]) is None
