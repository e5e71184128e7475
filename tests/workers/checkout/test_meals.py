"""Meal periods and allowances."""

from datetime import time

import pytest

from storeloom.workers.checkout.meals import is_served, periods_at, tenders

PERIODS = {"lunch": "10:30-14:00", "snack": "13:00-15:00", "night": "22:00-02:00", "late": "20:00-24:00"}


@pytest.mark.parametrize(
    ("clock", "on"),
    [
        (time(10, 29, 59), []),
        (time(10, 30), ["lunch"]),
        (time(13, 59, 59), ["lunch", "snack"]),
        (time(14), ["snack"]),
        (time(23, 59), ["night", "late"]),
        (time(0), ["night"]),
        (time(2), []),
    ],
)
def test_periods_are_half_open_and_may_pass_midnight(clock, on):
    assert periods_at(PERIODS, clock) == on


def test_dishes_of_any_current_period_are_served_and_all_outside():
    soup = {"gtin": "1", "meal_periods": ["lunch"]}
    assert is_served(soup, ["snack", "lunch"]) and is_served(soup, []) and not is_served(soup, ["snack"])
    assert is_served({"gtin": "2"}, ["snack"]) and is_served({"gtin": "2", "meal_periods": []}, ["snack"])


def test_the_allowance_is_a_tender_of_its_own():
    meal = {"method": "stored_value", "amount": 1000, "provider": "meal_allowance"}
    assert tenders(2300, 1000, "S1-1", "card") == [{"payment": "S1-1", "method": "card", "amount": 1300}, meal]
    assert tenders(1000, 1000, "S1-1", None) == [meal]
    assert tenders(2300, 0, "S1-1", "qr") == [{"payment": "S1-1", "method": "qr", "amount": 2300}]
