"""What weather does to sales."""

from datetime import date, timedelta
from math import exp

import pytest

from storeloom.workers.forecast.weather_response import enter, factor, fit, of_day, rain_class, response

BENDS, LIMITS = [0, 10, 18, 24, 30], [1, 10, 25]
DAYS = [date(2026, 6, 1) + timedelta(days=n) for n in range(42)]


def learnt(logs, weather, ridge=0.0):
    return fit(DAYS, logs, weather, BENDS, LIMITS, ridge)


def test_six_per_cent_a_degree_is_learnt_and_carried_on():
    weather = [(25.0 + n % 9, 0.0) for n in range(42)]
    effects, r2 = learnt([0.06 * (felt - 29) for felt, _ in weather], weather)
    assert r2 == pytest.approx(1)
    gain = response(effects, (34, 0), BENDS, LIMITS) - response(effects, (29, 0), BENDS, LIMITS)
    assert gain == pytest.approx(0.30)
    assert (factor(gain, 1, 0.5, 2.5), factor(gain, 0.5, 0.5, 2.5)) == (pytest.approx(1.350, abs=1e-3), pytest.approx(1.162, abs=1e-3))


def test_bounds_and_no_trust():
    assert factor(0.9, 1, 0.5, 2.5) == pytest.approx(exp(0.9))
    assert (factor(2, 1, 0.5, 2.5), factor(-2, 1, 0.5, 2.5), factor(0.9, 0, 1.2, 2.5)) == (2.5, 0.5, 1.0)


def test_rain_steps_and_the_weekday_is_removed():
    assert [rain_class(mm, LIMITS) for mm in (0, 1, 9.9, 10, 25)] == [0, 1, 1, 2, 3]
    weather = [(20.0, 12.0 if n % 4 == 0 else 0.0) for n in range(42)]
    logs = [(-0.2 if rain else 0.0) + (0.5 if day.weekday() == 5 else 0.0) for (_, rain), day in zip(weather, DAYS, strict=True)]
    effects, r2 = learnt(logs, weather)
    assert response(effects, (20, 12), BENDS, LIMITS) - response(effects, (20, 0), BENDS, LIMITS) == pytest.approx(-0.2)
    assert r2 == pytest.approx(1)


def test_ridge_shrinks_and_no_variance_explains_nothing():
    weather = [(25.0 + n % 9, 0.0) for n in range(42)]
    logs = [0.06 * felt for felt, _ in weather]
    free, held = (learnt(logs, weather, ridge)[0] for ridge in (0.0, 50.0))
    assert abs(sum(held)) < abs(sum(free))
    assert learnt([0.0] * 42, weather)[1] == 0


def test_parts_of_a_day():
    book = {}
    enter(book, "d", "am", [20, 1, None], "2026-06-01T00:00:00Z")
    enter(book, "d", "pm", [30, 2, "typhoon"], "2026-06-01T02:00:00Z")
    enter(book, "d", "am", [10, 0, None], "2026-05-31T00:00:00Z")
    assert of_day(book["d"]) == (25, 3, "typhoon", "2026-06-01T00:00:00Z")
