"""Baselines of a facility's energy: models with known change points, savings by hand, intervals that hold what they say."""

import json
import math
from datetime import date, timedelta

import numpy as np
import pytest

from storeloom.workers.forecast.measurement import Baseline, Day, MeasurementFault, cusum, fit, guideline_14_uncertainty, on_earth, savings

FIRST = date(2025, 1, 1)


def year(days=365, first=FIRST, seed=0, sigma=0.0, rho=0.0, cooling=20.0, heating=8.0, closed=True, saved=0.0):
    """Days of 400 kWh (closed Sundays 150), 20 kWh/K over 18 C, 8 kWh/K under 10 C, with errors that carry over by `rho`."""
    rng, error, found = np.random.default_rng(seed), 0.0, []
    for number in range(days):
        day = first + timedelta(days=number)
        temp = 15 - 13 * math.cos(2 * math.pi * (day.timetuple().tm_yday - 15) / 365) + rng.normal(0, 3)
        error = rho * error + math.sqrt(1 - rho**2) * rng.normal(0, sigma)
        shut = closed and day.weekday() == 6
        kwh = (150 if shut else 400) + cooling * max(0, temp - 18) + heating * max(0, 10 - temp) + error
        found.append(Day(day, max(0.0, kwh * (1 - saved)), temp, shut))
    return found


def test_five_parameters_and_two_bases_are_found():
    model = fit(year())
    assert (model.base_kwh, model.closed_base_kwh) == pytest.approx((400, 150))
    assert (model.cooling_from_c, model.heating_from_c) == (18.0, 10.0)
    assert (model.cooling_kwh_per_k, model.heating_kwh_per_k) == pytest.approx((20, 8))
    assert model.parameters == 6
    assert model.predicted(28.0) == pytest.approx(600)
    assert model.predicted(5.0, closed=True) == pytest.approx(190)
    assert model.cv_rmse_pct == pytest.approx(0, abs=1e-6) and model.r2 == pytest.approx(1)


def test_a_slope_that_the_days_do_not_call_for_is_left_out():
    only = fit(year(sigma=15, heating=0.0))
    assert only.heating_from_c is None and only.heating_kwh_per_k == 0 and only.cooling_kwh_per_k == pytest.approx(20, rel=0.05)
    none = fit(year(sigma=15, cooling=0.0, heating=0.0))
    assert (none.cooling_from_c, none.heating_from_c, none.parameters) == (None, None, 2)
    against = fit(year(cooling=-5.0, heating=0.0))
    assert against.cooling_from_c is None, "using less when it is hot is no cooling"


def test_a_month_that_saved_sixty_a_day():
    model = fit(year(closed=False))
    days = [Day(date(2026, 7, 1) + timedelta(days=number), 540.0, 28.0) for number in range(30)]
    found = savings(model, days)
    assert found.saved_kwh == pytest.approx(1800) and found.adjusted_kwh == pytest.approx(18000) and found.actual_kwh == 16200
    assert found.fraction == pytest.approx(0.1) and found.proven
    assert found.days[0] == (date(2026, 7, 1), pytest.approx(600), 540.0, pytest.approx(60))


def test_non_routine_adjustments_and_days_that_cannot_be_told():
    model = fit(year(closed=False))
    days = [Day(date(2026, 7, 1), 540.0, 28.0), Day(date(2026, 7, 2), 100.0, 28.0, closed=True), Day(date(2026, 7, 3), 540.0, 45.0)]
    found = savings(model, days, non_routine={date(2026, 7, 1): 25.0})
    assert found.left_out == (date(2026, 7, 2),), "the baseline had no closed day"
    assert found.foreign == (date(2026, 7, 3),) and not model.within(45.0)
    assert found.days[0][3] == pytest.approx(85)
    nothing = savings(model, [])
    assert (nothing.saved_kwh, nothing.proven, nothing.uncertainty) == (0, False, math.inf)


@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_ninety_per_cent_intervals_hold_nine_in_ten(rho):
    """Nothing was saved; the interval of two months is to hold 0 (30 buildings: 90 % +- 2 x 5.5 points)."""
    held = 0
    for seed in range(30):
        days = year(425, seed=seed, sigma=30, rho=rho, closed=False)
        found = savings(fit(days[:365]), days[365:])
        held += found.low_kwh <= 0 <= found.high_kwh
    assert 0.80 <= held / 30 <= 1.0


def test_one_day_and_its_interval():
    days = year(500, sigma=30, seed=3)
    model = fit(days[:365])
    inside = [low <= one.kwh <= high for one in days[365:] for low, high in [model.interval(one.temp_c, one.closed)]]
    assert 0.83 <= np.mean(inside) <= 0.97
    low, high = model.interval(20.0)
    assert high - low == pytest.approx(2 * 1.65 * 30, rel=0.1)
    assert fit(year(closed=False)).interval(20.0, closed=True) is None


def test_figures_of_guideline_14_by_hand():
    """365 independent days, CV(RMSE) 10 %, a year, 10 % saved: 1.649 x 1.3925 x 0.1 x sqrt((1 + 2/365) / 365) / 0.1."""
    model = fit(year(sigma=30))
    plain = Baseline.from_dict(model.as_dict() | {"rho": 0.0, "cv_rmse_pct": 10.0})
    factor = -0.00024 * (365 / 30.4375) ** 2 + 0.03535 * 365 / 30.4375 + 1.00286
    assert guideline_14_uncertainty(plain, 365, 0.1) == pytest.approx(1.6491 * factor * math.sqrt((1 + 2 / 365) / 365), rel=1e-4)
    assert guideline_14_uncertainty(plain, 365, 0.0) == math.inf
    like = Baseline.from_dict(model.as_dict() | {"rho": 0.5, "cv_rmse_pct": 10.0})
    assert guideline_14_uncertainty(like, 365, 0.1) == pytest.approx(math.sqrt(3) * guideline_14_uncertainty(plain, 365, 0.1), rel=0.02)


def test_regression_and_guideline_agree_over_a_year():
    days = year(730, sigma=30, rho=0.4, saved=0.0)
    model = fit(days[:365])
    found = savings(model, [Day(one.day, 0.9 * one.kwh, one.temp_c, one.closed) for one in days[365:]])
    assert found.fraction == pytest.approx(0.1, abs=0.02) and found.proven
    assert found.uncertainty == pytest.approx(guideline_14_uncertainty(model, 365, found.fraction), rel=0.15)


def test_a_model_is_accepted_by_its_errors_on_days_it_was_not_fitted_on():
    steady = fit(year(sigma=30))
    assert steady.accepted() == () and abs(steady.nmbe_pct) < 1e-6
    rough = fit(year(sigma=180, closed=False))
    assert [one.args["figure"] for one in rough.accepted(bias_max_pct=5)] == ["CV(RMSE)"]
    grown = [Day(one.day, one.kwh + (300 if number >= 245 else 0), one.temp_c) for number, one in enumerate(year(closed=False, sigma=20))]
    broken = fit(grown)
    assert abs(broken.nmbe_pct) < 1e-6 and "NMBE" in [one.args["figure"] for one in broken.accepted()], "bias shows on days left out"
    assert broken.held_cv_rmse_pct > broken.cv_rmse_pct


def test_drift_sums_up_to_the_fifth_day():
    total, sums, rang = 0.0, [], []
    for _ in range(5):
        total, alarm = cusum(total, 25.0, 15.0)
        sums.append(total)
        rang.append(alarm)
    assert sums == [17.5, 35.0, 52.5, 70.0, 87.5]
    assert rang == [False] * 4 + [True]
    assert cusum(10.0, -50.0, 15.0) == (0.0, False)


def test_a_model_survives_json():
    model = fit(year(sigma=20))
    again = Baseline.from_dict(json.loads(json.dumps(model.as_dict())))
    assert again == model and again.interval(30.0) == model.interval(30.0)


def test_all_that_is_wrong_is_told():
    days = year(20)
    days[3] = days[3]._replace(kwh=-1.0)
    days[4] = days[4]._replace(temp_c=999.0)
    days[5] = days[5]._replace(day=days[6].day)
    days[7] = days[7]._replace(kwh=math.nan)
    with pytest.raises(MeasurementFault) as told:
        fit(days)
    assert [one.code for one in told.value.findings] == ["SL-ENM-01", "SL-ENM-02", "SL-ENM-02", "SL-ENM-03"]
    assert told.value.findings[1].args["count"] == 2
    for wrong, code in (("kwh", "SL-ENM-04"), ("closed", "SL-ENM-05")):
        with pytest.raises(MeasurementFault) as told:
            fit([one._replace(**{wrong: 0.0 if wrong == "kwh" else True}) for one in year(60)])
        assert [one.code for one in told.value.findings] == [code]
    with pytest.raises(MeasurementFault):
        savings(fit(year()), days)
    with pytest.raises(ValueError, match="0 K"):
        fit(year(), step_k=0)


def test_the_order_of_days_does_not_matter_and_all_alike_is_no_trouble():
    days = year(sigma=20)
    assert fit(days[::-1]) == fit(days)
    same = fit([Day(FIRST + timedelta(days=number), 100.0, 20.0) for number in range(40)])
    assert (same.base_kwh, same.cooling_from_c, same.heating_from_c, same.sigma_kwh) == (
        pytest.approx(100),
        None,
        None,
        pytest.approx(0, abs=1e-9),
    )


@pytest.mark.parametrize(("temp", "expected"), [(-90, True), (-90.1, False), (60, True), (60.1, False), (85, False), (-127, False)])
def test_temperatures_of_weather(temp, expected):
    assert on_earth(temp) is expected
