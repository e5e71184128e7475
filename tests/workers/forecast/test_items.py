"""Item forecasts: patterns, TSB, smoothing with regressors, quantiles and the scores that decide between methods."""

from datetime import date

import numpy as np
import pytest
from scipy.stats import nbinom, poisson

from storeloom.workers.forecast.accuracy import bias, challenger_wins, naive_scale, seasonal_naive, tracking_signal, wape
from storeloom.workers.forecast.intermittent import Tsb, classify, negative_binomial_quantiles, overdispersion, tsb_states
from storeloom.workers.forecast.items import NAIVE, SMOOTHING, TSB, first_method, forecast_item
from storeloom.workers.forecast.regressors import DRIVERS, columns, grouped, with_promotions
from storeloom.workers.forecast.series import champion, extend, latest_known, signal, weekly_sales
from storeloom.workers.forecast.smoothing import bootstrap, smooth

FIVE = [0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 2]
SETTINGS = {"min_history": 14, "alpha": 0.2, "beta": 0.1, "adi_cut": 1.32, "cv2_cut": 0.49}


def test_five_demands_in_twenty_days_are_intermittent():
    pattern = classify(FIVE)
    assert (pattern.name, pattern.adi) == ("intermittent", 4.0)
    assert pattern.cv2 == pytest.approx(0.64 / 6.76)


@pytest.mark.parametrize(
    ("series", "name"),
    [
        ([5, 6, 5, 6], "smooth"),
        ([1, 20, 1, 2], "erratic"),
        ([0, 0, 1, 0, 30], "lumpy"),
        ([0, 0], "intermittent"),
        ([None, 4, None, 5], "smooth"),
    ],
)
def test_patterns(series, name):
    assert classify(series).name == name


def test_tsb_follows_sales_zeros_and_unknown_days():
    states = list(tsb_states([*FIVE, 4, 0, None], 0.2, 0.1, warm_up=20))
    assert states[0] == pytest.approx(Tsb(0.25, 2.6))
    assert states[1] == pytest.approx(Tsb(0.325, 2.88))
    assert states[2].mean == pytest.approx(0.8424)
    assert states[3] == states[2]


def test_tsb_takes_the_first_size_as_it_comes():
    assert list(tsb_states([0, 0, 6], 0.2, 0.1, warm_up=2))[-1] == pytest.approx(Tsb(0.1, 6))


@pytest.mark.parametrize(("mean", "ratio"), [(0.936, 2.5), (12.0, 1.8), (3.0, 1.0)])
def test_negative_binomial_quantiles_are_those_of_scipy(mean, ratio):
    shares = [0.1, 0.5, 0.9, 0.95]
    known = poisson(mean) if ratio == 1 else nbinom(mean / (ratio - 1), 1 / ratio)
    assert negative_binomial_quantiles(mean, ratio, shares) == [known.ppf(share) for share in shares]


def test_no_demand_has_quantiles_of_nil():
    assert negative_binomial_quantiles(0, 1, [0.5, 0.9]) == [0, 0]


def test_overdispersion_is_at_least_poisson():
    assert overdispersion([4, 4, 4, None]) == 1
    assert overdispersion([0, 0, 0, 8]) == pytest.approx(16 / 2)


def test_smoothing_repeats_a_weekly_pattern_and_skips_unknown_days():
    week = [10, 10, 10, 10, 12, 20, 18]
    series = [None if day in (9, 17) else float(week[day % 7]) for day in range(42)]
    assert smooth(series, 9).mean == pytest.approx([*week, 10, 10], rel=1e-6)


def test_smoothing_follows_a_step():
    assert smooth([10.0] * 30 + [20.0] * 20, 7).mean == pytest.approx([20] * 7, rel=0.1)


def test_smoothing_learns_the_effect_of_a_regressor():
    days = np.arange(60)
    promoted = (days % 9 < 2).astype(float)
    found = smooth([30.0 if on else 10.0 for on in promoted[:56]], 4, promoted[:, None])
    assert found.mean == pytest.approx([30 if on else 10 for on in promoted[56:]], rel=0.05)


def test_bootstrap_is_the_same_each_time_and_not_below_nil():
    one, two = bootstrap([1.0, 5.0], [-3.0, 0.0, 3.0]), bootstrap([1.0, 5.0], [-3.0, 0.0, 3.0])
    assert (one == two).all() and one.min() == 0
    assert one[:, 1].mean() == pytest.approx(5, abs=0.4)


def test_an_item_is_forecast_by_three_methods():
    series = [0, 0, 0, 0, 0, 9, 0] * 5
    found = forecast_item(series, 7, **SETTINGS)
    assert first_method(found.pattern) == TSB
    assert found.means[NAIVE] == series[:7]
    assert found.means[SMOOTHING] == pytest.approx(series[:7], abs=1e-6)
    assert len(set(found.means[TSB])) == 1
    assert found.quantiles(TSB, [0.5, 0.99])[0][0] == 0


def test_quantiles_of_smooth_items_come_from_residuals():
    found = forecast_item([8.0, 12.0] * 30, 3, **SETTINGS)
    for method in (SMOOTHING, TSB, NAIVE):
        low, high = found.quantiles(method, [0.05, 0.95])[0]
        assert 3 < low < high < 17


def test_seasonal_naive_takes_the_last_known_same_weekday():
    series = [1, 2, 3, 4, 5, 6, 7, 8, None, 10]
    assert [seasonal_naive(series, ahead) for ahead in (1, 4, 5, 6, 8)] == [4, 7, 8, 2, 4]
    assert seasonal_naive([None] * 7, 1) is None


def test_scores():
    assert naive_scale([1, 2, 3, 4, 5, 6, 7, 3, None, 3]) == 1
    assert tracking_signal([4.5, 4.5, 4.5, 4.5, -3.0, 3.0]) == pytest.approx(18 / 4)
    assert tracking_signal([0, 0]) == 0
    assert (wape([10, 10], [12, 9]), bias([10, 10], [12, 9])) == (15, 5)
    assert wape([0], [1]) is None


def test_a_challenger_needs_the_whole_gain():
    assert not challenger_wins(0.90, 0.89, 0.02)
    assert not challenger_wins(1.0, 0.98, 0.02)
    assert challenger_wins(0.90, 0.88, 0.02)


def test_the_champion_stays_until_enough_days_are_scored():
    row = {"actual": 10, "published": 4, "a": 4, "b": 9}
    assert champion("a", [row] * 27, ("a", "b"), 0.02, 28) == "a"
    assert champion("a", [row] * 28, ("a", "b"), 0.02, 28) == "b"
    assert signal([row] * 27, 28) == 0
    assert signal([row] * 28, 28) == 28


def test_a_series_takes_late_news_and_forgets_what_is_too_old():
    item = {"first": "2026-03-02", "units": [1.0, None]}
    news = {"2026-03-01": {"units": 4, "out": False}, "2026-03-03": {"units": 2, "out": False}, "2026-03-05": {"units": 0, "out": True}}
    extend(item, news, date(2026, 3, 6), date(2026, 1, 1))
    assert item == {"first": "2026-03-01", "units": [4, 1, 2, 0, None, 0]}
    assert latest_known(item, 3) == "2026-03-03"
    extend(item, {}, date(2026, 3, 7), date(2026, 3, 4))
    assert item == {"first": "2026-03-04", "units": [0, None, 0, 0]}


def test_regressors_mark_days_and_group_their_effects():
    days = [date(2026, 3, day) for day in (1, 2, 3)]
    shared = columns(days, {"payday": [(date(2026, 2, 27), date(2026, 3, 1))]}, {days[1]: (30, 0), days[2]: (20, 0)})
    rows = with_promotions(shared, days[0], [(days[2], days[2]), (date(2026, 2, 1), date(2026, 2, 3))])
    assert not shared[:, -1].any()
    names = list(DRIVERS)
    assert [row[names.index("payday")] for row in rows] == [1, 0, 0]
    assert [row[names.index("temperature")] for row in rows] == [0, 1, -1]
    assert [row[names.index("on_promotion")] for row in rows] == [0, 0, 1]
    assert grouped([0.0] * (len(names) - 1) + [np.log(2)]) == {"promotion": 1}


def test_weekly_sales_count_known_days_of_the_last_weeks():
    assert weekly_sales([9, 9, 0, None, 2, -1, 4], 5) == 7 * 6 / 4
    assert weekly_sales([3, 0], 56) == 10.5
    assert weekly_sales([5, None, None], 2) == 0


def test_quantiles_of_litres_take_steps_together():
    shares = [0.1, 0.5, 0.9]
    known = nbinom(17_000 / 2499, 1 / 2500)
    found = negative_binomial_quantiles(17_000, 2500, shares)
    assert found == pytest.approx([known.ppf(share) for share in shares], rel=2e-3)
