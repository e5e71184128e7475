"""Figures of reports: what the model, a month's savings and a raw comparison show."""

from datetime import date, timedelta

import pytest

from storeloom.workers.forecast.measurement import Day, Savings, fit
from storeloom.workers.forecast.savings_figures import MODEL_UNITS, day_rows, of_comparison, of_model, of_savings

FIRST = date(2026, 1, 1)


def days(*kwh, first=FIRST):
    return [Day(first + timedelta(days=n), one, 15.0) for n, one in enumerate(kwh)]


def saved():
    rows = tuple((FIRST + timedelta(days=n), 600.0, 540.0, 60.0) for n in range(30))
    return Savings(rows, (), (FIRST,), 18000.0, 16200.0, 1800.0, 1700.0, 1900.0, 0.9)


def test_a_month_of_sixty_kwh_a_day():
    figures = of_savings(saved(), 80, 0.58)
    assert figures["saved_kwh"] == (1800.0, "kWh") and figures["cost_saved"] == (144000, "minor")
    assert figures["co2_kg"] == (pytest.approx(1044), "kg") and figures["saved_pct"] == (pytest.approx(10), "%")
    assert (figures["low_kwh"], figures["cost_high"]) == ((1700.0, "kWh"), (152000, "minor"))
    assert (figures["days"], figures["foreign_days"]) == ((30, "d"), (1, "d"))


def test_days_one_by_one():
    assert day_rows(saved())[0] == {"day": "2026-01-01", "adjusted_kwh": 600.0, "actual_kwh": 540.0, "saved_kwh": 60.0}


def test_a_model_shows_what_it_has():
    temps = [10 + n * 7 % 20 for n in range(60)]
    model = fit([Day(FIRST + timedelta(days=n), 400 + 20 * max(0, temp - 18), temp) for n, temp in enumerate(temps)])
    figures = of_model(model.as_dict(), 60, True)
    assert figures["cooling_from_c"] == (18.0, "C") and figures["base_kwh"] == (pytest.approx(400), "kWh")
    assert set(MODEL_UNITS) - set(figures) == {"closed_base_kwh", "heating_from_c"}
    assert figures["accepted"] == (1, "")


def test_no_model_shows_the_days_alone():
    assert of_model(None, 12, False) == {"days": (12, "d"), "accepted": (0, "")}


def test_the_same_month_of_the_baseline_is_compared():
    baseline = days(100, 100) + days(200, 220, first=date(2026, 2, 1))
    figures = of_comparison(days(231, first=date(2027, 2, 3)), baseline)
    assert figures["baseline_kwh_a_day"] == (210, "kWh") and figures["change_pct"] == (pytest.approx(10), "%")


def test_without_that_month_all_of_the_baseline_is_compared():
    figures = of_comparison(days(90, first=date(2027, 3, 3)), days(100, 80))
    assert figures == {"actual_kwh_a_day": (90, "kWh"), "days": (1, "d"), "baseline_kwh_a_day": (90, "kWh"), "change_pct": (0, "%")}


@pytest.mark.parametrize("baseline", [[], days(0, 0)])
def test_nothing_to_compare_with(baseline):
    assert of_comparison(days(90), baseline) == {"actual_kwh_a_day": (90, "kWh"), "days": (1, "d")}
