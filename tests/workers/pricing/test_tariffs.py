"""Mean prices of tariffs by bands."""

import pytest

from storeloom.workers.pricing.tariffs import mean_price


def test_bands_are_weighed_by_their_hours():
    night = {"band": "valley", "from_time": "22:00", "to_time": "06:00", "price": 30, "per": "kWh"}
    rest = {"band": "peak", "from_time": "06:00", "to_time": "22:00", "price": 120}
    assert mean_price([night, rest]) == pytest.approx(90)
    assert mean_price([night, rest, {"band": "all", "price": 4000, "per": "kW"}]) == pytest.approx(90)


def test_days_of_the_week_count():
    week = {"price": 100, "weekdays": [1, 2, 3, 4, 5]}
    assert mean_price([week, {"price": 30, "weekdays": [6, 7]}]) == pytest.approx(80)


def test_one_price_and_none():
    assert mean_price([{"price": 80, "per": "kWh"}]) == 80
    assert mean_price([]) is None and mean_price([{"price": 5, "per": "m3"}]) is None
