from datetime import datetime, timedelta

import pytest

from storeloom.workers.optimise.dispatch import Battery, Hour, clear_share, hourly_load, plan, projected, to_shed

BATTERY = Battery(100, 50, 0.9)


def day(valley=30, flat=60, peak=120, load=60.0):
    prices = [valley] * 8 + [flat] * 8 + [peak] * 4 + [flat] * 4
    return [Hour(price, load) for price in prices]


def test_the_battery_moves_its_fill_from_valley_to_peak():
    found = plan(day(flat=120), BATTERY, 200)
    assert found.charging == pytest.approx(3333.33, abs=0.01)
    assert found.saved == pytest.approx(12000)
    assert found.gain == pytest.approx(8666.67, abs=0.01)
    assert sum(one.charge_kwh for one in found.actions) == pytest.approx(111.111, abs=1e-3)
    assert [round(one.charge_kwh, 3) for one in found.actions[:4]] == [50, 50, 11.111, 0], "the earliest of equal days"
    assert max(one.stored_kwh for one in found.actions) <= 100


def test_no_cycle_that_gains_nothing():
    found = plan([Hour(60, 60)] * 24, BATTERY, 200)
    assert found.gain == 0
    assert sum(one.charge_kwh for one in found.actions) == 0


def test_no_more_is_given_than_the_store_uses_nor_drawn_than_the_target():
    found = plan(day(load=20), BATTERY, 45)
    assert max(one.discharge_kwh for one in found.actions) <= 20
    assert max(one.grid_kwh for one in found.actions) == pytest.approx(45)


def test_where_the_load_is_over_the_target_the_battery_helps_as_far_as_it_can():
    hours = [Hour(60, 10)] * 12 + [Hour(60, 130)] + [Hour(60, 260)] + [Hour(60, 10)] * 10
    found = plan(hours, BATTERY, 100)
    assert found.actions[12].grid_kwh == pytest.approx(100)
    assert found.actions[13].grid_kwh == pytest.approx(210)


def test_the_sun_is_used_first_and_what_is_left_is_stored():
    hours = [Hour(60, 10, 40)] + [Hour(60, 20)] * 2
    found = plan(hours, BATTERY, 200)
    assert found.actions[0].grid_kwh == 0
    assert found.actions[0].charge_kwh == pytest.approx(30)
    assert sum(one.discharge_kwh for one in found.actions) == pytest.approx(27)
    assert found.charging == 0


def test_demand_of_a_window():
    assert projected(33, 230, 15, 6) == pytest.approx(224)
    assert to_shed(224, 200, 15, 6) == pytest.approx(60)
    assert to_shed(190, 200, 15, 6) == 0


def test_clouds_let_a_quarter_through():
    assert (clear_share(0), clear_share(100)) == (1, 0.25)
    assert clear_share(50) == pytest.approx(0.929, abs=1e-3)


def test_a_day_that_is_told_has_the_usual_shape_and_a_shorter_forecast_goes_before():
    noon = datetime(2026, 3, 2, 12)
    hours = [noon + timedelta(hours=number) for number in range(4)]
    usual = dict(zip(hours, (10.0, 20.0, 30.0, 40.0), strict=True))
    day = (noon, noon + timedelta(hours=4), 200.0)
    assert list(hourly_load(usual, [day]).values()) == [20, 40, 60, 80]
    assert list(hourly_load(usual, [(hours[1], hours[2], 5.0), day]).values()) == [20, 5, 60, 80]
    assert list(hourly_load(usual, [(hours[3], hours[3] + timedelta(hours=1), 7.0)]).values()) == [10, 20, 30, 7]


def test_without_a_usual_day_what_is_told_is_even_and_nothing_told_is_nothing_known():
    noon = datetime(2026, 3, 2, 12)
    hours = [noon + timedelta(hours=number) for number in range(2)]
    unknown = dict.fromkeys(hours)
    assert list(hourly_load(unknown, [(noon, noon + timedelta(hours=2), 50.0)]).values()) == [25, 25]
    assert hourly_load(unknown, []) is None
    assert list(hourly_load({hours[0]: 3.0, hours[1]: None}, [(hours[1], hours[1] + timedelta(hours=1), 9.0)]).values()) == [3, 9]
