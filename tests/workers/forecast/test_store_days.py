"""Forecasts of a store's days: holidays, outliers, sums."""

from datetime import date, timedelta
from math import exp, log

import pytest

from storeloom.workers.forecast.store_days import Marks, holiday_effect, outlook, profile, reconciled, shares, unlike

FIRST = date(2026, 3, 2)
ONE = (Marks(),)


def days(count, first=FIRST):
    return [first + timedelta(days=n) for n in range(count)]


def carried_on(totals, marks=None, to_come=ONE, chain=None, shrink=2, outlier_k=4):
    past = days(len(totals))
    ahead = days(len(to_come), past[-1] + timedelta(days=1))
    return outlook(past, totals, marks or [Marks()] * len(totals), ahead, to_come, chain=chain or {}, shrink=shrink, outlier_k=outlier_k)


def test_a_gap_is_spread_in_proportion_to_the_variances():
    total, parts = reconciled(100, {"A": 60, "B": 50}, 20, {"A": 4, "B": 16}, "wls")
    assert (total, parts) == (pytest.approx(105), {"A": pytest.approx(59), "B": pytest.approx(46)})
    assert reconciled(100, {"A": 60, "B": 50}, 20, {"A": 4, "B": 16}, "bottom_up") == (110, {"A": 60, "B": 50})
    assert reconciled(100, {"A": 60, "B": 50}, 20, {"A": 4, "B": 16}, "none") == (100, {"A": 60, "B": 50})


def test_a_part_below_nought_becomes_nought_and_the_gap_is_spread_again():
    total, parts = reconciled(10, {"A": 2, "B": 50}, 0, {"A": 20, "B": 20}, "wls")
    assert parts == {"A": 0.0, "B": pytest.approx(10)}
    assert total == pytest.approx(10)


def test_without_variances_all_share_the_gap_alike():
    assert reconciled(90, {"A": 60}, 0, {}, "wls") == (75, {"A": 75})


def test_a_holiday_counts_its_own_logs_and_the_chains():
    assert holiday_effect([0.6], 0.3, 2) == pytest.approx(0.4)
    assert 20000 * exp(holiday_effect([0.6], 0.3, 2)) == pytest.approx(29836, abs=1)
    assert holiday_effect([], 0.3, 0) == 0


def test_a_holiday_is_left_out_of_the_level_and_comes_back_on_its_day():
    totals = [20000.0] * 21
    totals[9] = 20000 * exp(0.6)
    marks = [Marks(("Lantern", 0)) if n == 9 else Marks() for n in range(21)]
    found = carried_on(totals, marks, (Marks(), Marks(("Lantern", 0))), {"Lantern": {0: 0.3}})
    assert found.medians == [pytest.approx(20000), pytest.approx(29836, abs=1)]


def test_weekdays_differ_and_an_absurd_day_is_not_learnt():
    totals = [100.0 if day.isoweekday() < 6 else 200.0 for day in days(28)]
    totals[12] = 5000
    found = carried_on(totals, to_come=(Marks(),) * 7)
    assert found.medians == [pytest.approx(100, rel=1e-3)] * 5 + [pytest.approx(200, rel=1e-3)] * 2


def test_a_series_that_sells_every_other_day_is_forecast_at_half_its_day():
    found = carried_on([10.0, 0.0] * 14)
    assert found.medians == [pytest.approx(5, rel=0.01)]


def test_warm_days_sell_more():
    totals = [100.0 if n % 3 else 150.0 for n in range(42)]
    marks = [Marks(weather=(20.0 if n % 3 else 30.0, 0.0)) for n in range(42)]
    warm, mild = carried_on(totals, marks, (Marks(weather=(30.0, 0.0)), Marks(weather=(20.0, 0.0)))).medians
    assert log(warm / mild) == pytest.approx(log(1.5), abs=0.06)


def test_nothing_known_brings_nothing():
    assert carried_on([0.0] * 8) is None


def test_profiles_are_mean_shares_and_are_rescaled_to_the_open_slots():
    known = profile([{18: 50, 20: 150}, {18: 3, 20: 1}, {}])
    assert known == {18: pytest.approx(0.5), 20: pytest.approx(0.5)}
    assert shares(known, [18, 19]) == {18: 1.0, 19: 0.0}
    assert shares(known, [30, 31]) == {30: 0.5, 31: 0.5}
    assert unlike({1: 1.0}, {2: 1.0}) == 2
