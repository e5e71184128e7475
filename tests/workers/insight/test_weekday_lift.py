from datetime import date, timedelta

import pytest

from storeloom.workers.insight.weekday_lift import growth

MONDAY = date(2026, 3, 2)


def sold(**by_weeks_ago):
    return {(MONDAY - timedelta(days=int(name[1:]))).isoformat(): units for name, units in by_weeks_ago.items()}


def test_a_day_against_its_weekday_in_four_weeks():
    units = {**sold(d7=20, d14=20, d21=20, d28=20, d35=900, d1=500), MONDAY.isoformat(): 24}
    found = growth(units, [MONDAY], 4, date(2026, 1, 1))
    assert (found.campaign, found.baseline) == (24, 20) and found.lift == pytest.approx(20)


def test_weeks_without_sales_count_and_weeks_without_records_do_not():
    units = {**sold(d7=30, d14=10), MONDAY.isoformat(): 20}
    assert growth(units, [MONDAY], 4, date(2026, 1, 1)).baseline == 10
    assert growth(units, [MONDAY], 4, MONDAY - timedelta(days=14)).baseline == 20
    assert growth(units, [MONDAY], 4, MONDAY - timedelta(days=6)) is None


def test_nothing_sold_before_has_no_lift_and_no_days_have_no_growth():
    assert growth({MONDAY.isoformat(): 5}, [MONDAY], 1, date(2026, 1, 1)).lift is None
    assert growth({}, [], 1, MONDAY) is None


def test_the_baseline_of_two_days_is_that_of_both_weekdays():
    units = {**sold(d7=10, d6=30), MONDAY.isoformat(): 20, "2026-03-03": 40}
    found = growth(units, [date(2026, 3, 3), MONDAY], 1, date(2026, 1, 1))
    assert (found.campaign, found.baseline) == (30, 20) and found.lift == pytest.approx(50)
