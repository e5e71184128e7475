"""Energy of the day ahead: weather, hours and holidays with known effects, quarter-hours, and real buildings against last week."""

from datetime import date, datetime, time, timedelta

import numpy as np
import polars as pl
import pytest

from storeloom.workers.forecast.backtest import backtest
from storeloom.workers.forecast.chain import means
from storeloom.workers.forecast.drivers import build
from storeloom.workers.forecast.energy_drivers import day_ahead, opening
from storeloom.workers.forecast.grid import make
from storeloom.workers.forecast.panel import Panel
from storeloom.workers.forecast.panel import build as panel_of_rows
from tests.conftest import DATA

FIRST = datetime(2025, 5, 5)
ENERGY = DATA / "energy" / "bdg2_hourly_sample.csv"


def store(days, seed=0, step_h=1.0, closed=()):
    """40 kW when open (8 to 22), 10 kW else, 3 kW/K over 22 C when open; temperatures of days as they come."""
    rng = np.random.default_rng(seed)
    number = round(days * 24 / step_h)
    steps = [FIRST + timedelta(hours=step_h * one) for one in range(number)]
    daily = 22 + 6 * np.sin(np.cumsum(rng.normal(0, 0.5, days)))
    temp = np.array([daily[(one - FIRST).days] + 5 * np.sin((one.hour - 9) / 24 * 2 * np.pi) for one in steps])
    is_open = np.array([8 <= one.hour < 22 and one.date() not in closed for one in steps])
    kwh = (10 + is_open * (30 + 3 * np.maximum(0, temp - 22)) + rng.normal(0, 1, number)) * step_h
    return steps, np.maximum(0, kwh), temp


def panel_of(steps, kwh, freq="1h"):
    return Panel(
        pl.DataFrame({"unique_id": ["meter"] * len(kwh), "ds": pl.Series(steps[: len(kwh)], dtype=pl.Datetime("us")), "y": kwh}), freq
    )


def weather(steps, temp):
    issued = [one.replace(hour=0, minute=0) - timedelta(hours=6) for one in steps]
    return pl.DataFrame({"ds": steps, "temp_c": temp, "issued": issued})


def test_weather_that_is_forecast_tells_cooling():
    steps, kwh, temp = store(150)
    panel = panel_of(steps, kwh)
    errors = {}
    for name, drivers in (("with", build(panel, 0, weather=weather(steps, temp))), ("without", None)):
        scores = backtest(panel, 24, 21, ("day_ahead", "seasonal_naive"), drivers=drivers, calibration=0)
        errors[name] = scores.of("day_ahead", "mae")
        naive = scores.of("seasonal_naive", "mae")
    assert errors["with"] < 0.6 * errors["without"] < errors["without"] < naive


def test_a_day_without_trade_is_told_by_opening_hours():
    shut = {date(2025, 6, day) for day in (1, 19)} | {date(2025, 7, 14), date(2025, 8, 20), date(2025, 9, 1)}
    steps, kwh, _ = store(120, closed=shut)
    last = (date(2025, 9, 1) - FIRST.date()).days * 24
    panel = panel_of(steps, kwh[:last])
    drivers = opening(panel, 24, {day: (time(8), time(22)) for day in range(7)}, frozenset(shut))
    told, blind = (means(panel, 24, ("day_ahead",), drivers=one)["day_ahead"].to_numpy() for one in (drivers, None))
    actual = kwh[last : last + 24]
    assert np.abs(told - actual).mean() < 0.25 * np.abs(blind - actual).mean()
    assert drivers["open"][8:23].to_list() == [1.0] * 14 + [0.0] and drivers.height == last + 24


def test_quarter_hours():
    steps, kwh, _ = store(45, step_h=0.25)
    panel = panel_of(steps, kwh[:-96], "15m")
    told = day_ahead(make(panel, 96), 96, 0)[0]
    assert told.shape == (96,)
    assert np.abs(told - kwh[-96:]).mean() < 0.8 * np.abs(kwh[-7 * 96 - 96 : -7 * 96] - kwh[-96:]).mean()


def test_what_it_cannot_tell():
    steps, kwh, _ = store(40)
    panel = panel_of(steps, kwh)
    assert np.isnan(day_ahead(make(panel, 48), 48, 0)).all(), "more than a day"
    assert np.isnan(day_ahead(make(panel_of(steps, kwh[: 20 * 24]), 24), 24, 0)).all(), "three weeks"
    assert np.isnan(day_ahead(make(panel_of(steps, 0 * kwh), 24), 24, 0)).all(), "a meter that never moved"
    assert day_ahead(make(panel_of(steps, 0 * kwh + 5), 24), 24, 0) == pytest.approx(5.0)
    gaps = kwh.copy()
    gaps[500:510] = np.nan
    frame = panel_of(steps, gaps).frame.with_columns(pl.col("y").fill_nan(None))
    assert np.isfinite(day_ahead(make(Panel(frame, "1h"), 6), 6, 0)).all()


def test_two_buildings_against_the_same_hour_last_week():
    if not ENERGY.is_file():
        pytest.skip("the energy data is absent")
    wide = pl.read_csv(ENERGY, try_parse_dates=True)
    long = wide.unpivot(index="timestamp", variable_name="unique_id", value_name="y").rename({"timestamp": "ds"})
    panel = panel_of_rows(long.filter(pl.col("ds") < long["ds"].dt.truncate("1d").max()), "1h", gaps=None)
    scores = backtest(panel, 24, 28, ("day_ahead", "seasonal_naive"), calibration=0)
    assert scores.of("day_ahead", "mae") < 0.75 * scores.of("seasonal_naive", "mae")
