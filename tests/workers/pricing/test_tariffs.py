"""Mean prices of tariffs by bands, and the band of a moment."""

from datetime import datetime

import pytest

from storeloom.workers.pricing.tariffs import mean_price, row_at, turns


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


def test_the_band_of_a_moment():
    rows = [
        {"band": "peak", "from_time": "08:00", "to_time": "11:00", "price": 108, "weekdays": [1, 2, 3, 4, 5]},
        {"band": "valley", "from_time": "22:00", "to_time": "06:00", "price": 32, "weekdays": [5]},
        {"band": "all", "price": 68},
    ]
    moments = ("2026-03-06T08:00", "2026-03-06T11:00", "2026-03-07T08:30", "2026-03-06T22:00", "2026-03-07T05:59", "2026-03-08T05:59")
    assert [row_at(rows, datetime.fromisoformat(at))["band"] for at in moments] == ["peak", "all", "all", "valley", "valley", "all"]
    assert row_at(rows[:2], datetime(2026, 3, 6, 12)) is None
    assert turns(rows) == ["00:00", "06:00", "08:00", "11:00", "22:00"]
