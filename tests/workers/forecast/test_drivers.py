"""Drivers: tables checked as a whole, weather as it was forecast then, known effects found again, the chain with and without."""

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from storeloom.workers.forecast.backtest import backtest
from storeloom.workers.forecast.calendars import calendar
from storeloom.workers.forecast.chain import forecast
from storeloom.workers.forecast.drivers import build, weather_of
from storeloom.workers.forecast.effects import learn
from storeloom.workers.forecast.grid import make
from storeloom.workers.forecast.panel import Panel, PanelFault
from storeloom.workers.forecast.vintages import Vintage
from tests.workers.forecast.series import FIRST, WEEKDAYS, panel_of

DAYS, AHEAD = 280, 14
QUICK = ("seasonal_naive", "window_average", "rates", "driven_rates", "driven_average")


def axis(days=DAYS + AHEAD):
    return [FIRST + timedelta(days=day) for day in range(days)]


def promoted(series, seed=0, lift=2.0, share=0.15, mean=8.0):
    """Poisson sales with weeks of promotion that multiply demand, and the table of promotions, ahead too."""
    rng = np.random.default_rng(seed)
    on = np.repeat(rng.random((series, (DAYS + AHEAD) // 7)) < share, 7, axis=1)
    means = mean * WEEKDAYS[np.arange(DAYS + AHEAD) % 7] * np.where(on, lift, 1.0)
    values = rng.poisson(means).astype(float)
    rows = [(f"s{row:03d}", day, 0.3) for row in range(series) for day, one in zip(axis(), on[row], strict=True) if one]
    table = pl.DataFrame(rows, schema={"unique_id": pl.String, "ds": pl.Date, "depth": pl.Float64}, orient="row")
    return values, on, table


def test_the_lift_of_promotions_is_found_again():
    values, on, table = promoted(30)
    panel = panel_of(values[:, :DAYS])
    grid = make(panel, AHEAD, build(panel, AHEAD, promotions=table))
    found = learn(grid).multipliers(grid)
    assert found.shape == (30, DAYS + AHEAD)
    assert found[on].mean() == pytest.approx(2.0, rel=0.05)
    assert (found[~on] == 1).all()


def test_a_product_with_two_promotions_borrows_from_its_category():
    """Twenty products of one category triple, twenty of another do not move; each kind has one with a single week of promotion."""
    strong, weak = promoted(20, lift=3.0), promoted(20, seed=1, lift=1.0)
    values, on = np.vstack([strong[0], weak[0]]), np.vstack([strong[1], weak[1]])
    rng = np.random.default_rng(5)
    for row, lift in ((0, 3.0), (20, 1.0)):
        on[row] = False
        on[row, 70:77] = True
        values[row] = rng.poisson(0.3 * WEEKDAYS[np.arange(DAYS + AHEAD) % 7] * np.where(on[row], lift, 1.0))
    rows = [(f"s{row:03d}", day, 1.0) for row in range(40) for day, one in zip(axis(), on[row], strict=True) if one]
    table = pl.DataFrame(rows, schema={"unique_id": pl.String, "ds": pl.Date, "display": pl.Float64}, orient="row")
    panel = panel_of(values[:, :DAYS])
    categories = {f"s{row:03d}": "soup" if row < 20 else "bread" for row in range(40)}
    together, apart = (learn(make(panel, 0, build(panel, 0, promotions=table, categories=one))) for one in (categories, None))
    assert np.exp(together.log[[0, 20], 0]) == pytest.approx([3.0, 1.0], rel=0.25)
    assert abs(apart.log[0, 0] - np.log(3)) > abs(together.log[0, 0] - np.log(3)), "without categories it is drawn to all"


def test_a_driver_that_never_moved_or_seldom_has_no_effect():
    values, _, _ = promoted(5, share=0.0)
    panel = panel_of(values[:, :DAYS])
    table = pl.DataFrame({"unique_id": ["s000", "s000", "s001"], "ds": [axis()[3], axis()[4], axis()[DAYS + 1]], "depth": [0.2] * 3})
    grid = make(panel, AHEAD, build(panel, AHEAD, promotions=table))
    assert (learn(grid).log == 0).all(), "two days tell nothing"
    assert (learn(make(panel, AHEAD, build(panel, AHEAD))).multipliers(make(panel, 0)) == 1).all()


def test_the_chain_takes_drivers_where_they_help_says_so_and_explains():
    values, on, table = promoted(30, lift=2.2)
    panel = panel_of(values[:, :DAYS])
    told = forecast(panel, AHEAD, drivers=build(panel, AHEAD, promotions=table), methods=QUICK)
    plain = forecast(panel, AHEAD, methods=QUICK[:3])
    means, without = (one.frame["mean"].to_numpy().reshape(30, AHEAD) for one in (told, plain))
    truth = 8 * WEEKDAYS[np.arange(DAYS, DAYS + AHEAD) % 7] * np.where(on[:, DAYS:], 2.2, 1.0)
    assert np.abs(means - truth).mean() < 0.4 * np.abs(without - truth).mean()
    assert told.chosen["method"].str.contains("driven").all()
    assert "; with drivers: 0." in told.chosen["why"][0] and "；考虑驱动因素：" in told.chosen["why_zh"][0]
    row, day = np.argwhere(on[:, DAYS:])[0]
    lifted = told.explained.row(int(row) * AHEAD + int(day), named=True)
    assert lifted["promotion"] == pytest.approx(1.2, abs=0.3)
    assert lifted["en"] == f"promotion {100 * lifted['promotion']:+.0f} %" and lifted["zh"].startswith("促销 +")
    quiet = told.explained.filter(pl.col("promotion").abs() < 1e-9)
    assert quiet.height == 30 * AHEAD - on[:, DAYS:].sum() and set(quiet["en"]) == {""}
    assert plain.explained is None


def test_a_driver_that_tells_nothing_is_not_taken():
    values, _, table = promoted(40, lift=1.0, seed=3)
    panel = panel_of(values[:, :DAYS])
    rng = np.random.default_rng(9)
    noise = table.with_columns(shine=pl.Series(rng.random(table.height)))
    told = forecast(panel, AHEAD, drivers=build(panel, AHEAD, promotions=noise), methods=QUICK)
    plain = forecast(panel, AHEAD, methods=QUICK[:3])
    assert told.frame["mean"].to_numpy() == pytest.approx(plain.frame["mean"].to_numpy(), rel=0.1)


def forecasts(days, truth, leads, error, seed=0, rain=None):
    """Weather forecasts issued in the evening `leads` days before, off by `error` times the lead; truth the day after."""
    rng = np.random.default_rng(seed)
    rows = []
    for number, day in enumerate(days):
        for lead in range(1, leads + 1):
            issued = datetime.combine(day, datetime.min.time()) - timedelta(days=lead) + timedelta(hours=18)
            rows.append((day, truth[number] + rng.normal(0, error * lead), 0.0 if rain is None else float(rain[number]), issued, False))
        rows.append(
            (
                day,
                truth[number],
                0.0 if rain is None else float(rain[number]),
                datetime.combine(day + timedelta(days=1), datetime.min.time()),
                True,
            )
        )
    schema = {"ds": pl.Date, "temp_c": pl.Float64, "rain_mm": pl.Float64, "issued": pl.Datetime("us"), "observed": pl.Boolean}
    return pl.DataFrame(rows, schema=schema, orient="row")


def test_an_origin_sees_only_what_had_been_forecast_by_then():
    days = axis(60)
    weather = forecasts(days, np.arange(60.0), 3, 0.0)
    lead = (pl.col("ds").cast(pl.Datetime("us")) - pl.col("issued")).dt.total_hours() // 24 + 1
    weather = weather.with_columns(temp_c=pl.when("observed").then(50.0).otherwise(lead.cast(pl.Float64)))
    panel = panel_of(np.ones((2, 50)))
    vintage = build(panel, 10, weather=weather).vintages["temp_c"]
    for origin in (30, 40, 50):
        assert vintage.at(origin)[origin : origin + 3].tolist() == [1.0, 2.0, 3.0], "each by the forecast of the eve of the origin"
        assert vintage.at(origin)[origin + 3 :] == pytest.approx([1.0] * (60 - origin - 3)), "then climate: what the last weeks brought"
        assert (vintage.at(origin)[:origin] == 1.0).all(), "never what was observed, where a forecast is kept"
        assert vintage.beyond(origin).tolist() == list(range(origin + 3, 60))
    grid = make(panel, 10, build(panel, 10, weather=weather))
    assert grid.until(40).drivers["temperature"][0, 40:43] == pytest.approx([(one - 15) / 10 for one in (1, 2, 3)])


def test_climate_is_that_of_the_season_once_a_year_is_known():
    past = np.concatenate([np.full(365, 5.0), np.full(100, 25.0)])
    past[95:110] = 11.0
    vintage = Vintage(np.full((465, 3), np.nan), past, 1)
    assert vintage.at(462)[464] == pytest.approx(np.mean([11.0] * 15 + [5.0] * 4 + [5.0] * 2), abs=1e-9)
    assert vintage.at(300)[310] == 5.0
    assert Vintage(np.full((4, 2), np.nan), np.full(4, np.nan), 1).at(2).tolist() == [0.0] * 4
    hours = Vintage(np.full((96, 2), np.nan), np.tile(np.arange(24.0), 4), 24)
    assert hours.at(48)[48:] == pytest.approx(np.tile(np.arange(24.0), 2)), "of hours, the same hour"


@pytest.fixture(scope="module")
def icy():
    """Ice cream: +35 % for each 10 C, -8 % for each unit of ln(1 + mm); forecasts err by 0.5 C a day of lead."""
    rng = np.random.default_rng(2)
    temp = 18 + np.cumsum(rng.normal(0, 3, DAYS + AHEAD)) * 0.3 + rng.normal(0, 4, DAYS + AHEAD)
    rain = np.where(rng.random(DAYS + AHEAD) < 0.3, rng.exponential(8, DAYS + AHEAD), 0.0)
    means = 20 * WEEKDAYS[np.arange(DAYS + AHEAD) % 7] * np.exp(0.3 * (temp - 15) / 10 - 0.083 * np.log1p(rain))
    values = rng.poisson(means * np.ones((12, 1))).astype(float)
    return values, means, temp, forecasts(axis(), temp, 14, 0.5, rain=rain)


def test_the_effect_of_weather_is_found_from_forecasts(icy):
    values, means, _, weather = icy
    panel = panel_of(values[:, :DAYS])
    drivers = build(panel, AHEAD, weather=weather)
    grid = make(panel, AHEAD, drivers)
    effects = learn(grid)
    found = dict(zip(effects.names, effects.log.mean(axis=0), strict=True))
    assert found["temperature"] == pytest.approx(0.3, abs=0.05)
    assert found["rain"] == pytest.approx(-0.083, abs=0.02)
    told = forecast(panel, AHEAD, drivers=drivers, methods=QUICK)
    plain = forecast(panel, AHEAD, methods=QUICK[:3])
    near, far = (np.abs(one.frame["mean"].to_numpy().reshape(12, AHEAD)[:, :7] - means[DAYS : DAYS + 7]).mean() for one in (told, plain))
    assert near < 0.75 * far
    wet = told.explained.filter(pl.col("rain") < -0.02)
    assert wet.height and "rain -" in wet["en"][0] and "降雨 -" in wet["zh"][0]


def test_weather_helps_in_the_backtest_less_the_worse_it_was_forecast(icy):
    values, _, temp, weather = icy
    panel = panel_of(values)
    rough = forecasts(axis(), temp, 7, 2.5, rain=np.zeros(DAYS + AHEAD))
    good, bad = (
        backtest(panel, 7, 3, ("rates", "driven_rates"), drivers=build(panel, 0, weather=one), calibration=0) for one in (weather, rough)
    )
    assert good.of("driven_rates", "wape") < 0.93 * good.of("rates", "wape")
    assert bad.of("driven_rates", "wape") > good.of("driven_rates", "wape")
    assert good.of("rates", "wape") == bad.of("rates", "wape")


def test_holidays_that_move_are_foretold():
    """Two years; the eve of each feast of the moon doubles. The third year's fall on other days."""
    first, days = date(2024, 1, 1), 700
    known = calendar("CN", first, first + timedelta(days=days + 60))
    run_up = (
        known.features()
        .select("before_mid_autumn", "before_dragon_boat", "before_spring_festival")
        .max_horizontal()
        .to_numpy()[: days + 60]
    )
    rng = np.random.default_rng(1)
    means = 30 * WEEKDAYS[np.arange(days + 60) % 7] * np.exp(0.7 * run_up)
    panel = panel_of(rng.poisson(means * np.ones((10, 1)))[:, :days].astype(float), first=first)
    drivers = build(panel, 60, calendar=known)
    told = forecast(panel, 60, drivers=drivers, methods=QUICK[1:4], origins=2)
    err = np.abs(told.frame["mean"].to_numpy().reshape(10, 60) - means[days:]).mean() / means[days:].mean()
    assert err < 0.10


def test_prices_are_carried_on_and_judged_by_the_usual_one():
    panel = panel_of(np.ones((2, 30)))
    rows = [("s000", axis()[day], 10.0) for day in (0, 5)] + [
        ("s000", axis()[20], 8.0),
        ("s000", axis()[25], 12.5),
        ("s000", axis()[31], 10.0),
    ]
    drivers = build(panel, 3, prices=pl.DataFrame(rows, schema=["unique_id", "ds", "price"], orient="row"))
    one = drivers.frame.filter(pl.col("unique_id") == "s000")
    assert one["price_cut"].to_list()[20:25] == pytest.approx([-np.log(0.8)] * 5) and one["price_cut"].sum() == pytest.approx(
        -5 * np.log(0.8)
    )
    assert one["price_rise"].to_list()[25:32] == pytest.approx([np.log(1.25)] * 6 + [0.0])
    assert (drivers.frame.filter(pl.col("unique_id") == "s001")["price_cut"] == 0).all()
    assert [(one.code, one.args["count"], one.args["step"]) for one in drivers.findings] == [("SL-DRV-05", 2, str(axis()[30]))]


def test_types_of_promotion_and_bare_marks():
    panel = panel_of(np.ones((1, 20)))
    table = pl.DataFrame({"unique_id": ["s000"] * 2, "ds": axis()[3:5], "type": ["bundle", "coupon"]})
    assert dict(build(panel, 0, promotions=table).groups) == {"promotion_type_bundle": "promotion", "promotion_type_coupon": "promotion"}
    bare = build(panel, 0, promotions=table.drop("type"))
    assert bare.frame["promotion_on"].to_list()[2:6] == [0.0, 1.0, 1.0, 0.0]


def test_all_that_is_wrong_is_told_at_once():
    panel = panel_of(np.ones((2, 30)))
    day = axis()[3]
    prices = pl.DataFrame({"unique_id": ["s000", "s000", None], "ds": [day, day, day], "price": [0.0, 2.0, 3.0]})
    promotions = pl.DataFrame({"unique_id": ["s000"], "ds": [day], "depth": [1.4]})
    weather = pl.DataFrame({"ds": [day] * 2, "temp_c": [70.0, None], "issued": [datetime(2025, 1, 1), datetime(2025, 1, 2)]})
    with pytest.raises(PanelFault) as told:
        build(panel, 2, prices=prices, promotions=promotions, weather=weather)
    assert [(one.code, one.args["table"]) for one in told.value.findings] == [
        ("SL-DRV-02", "promotions"),
        ("SL-DRV-06", "prices"),
        ("SL-DRV-02", "prices"),
        ("SL-DRV-03", "prices"),
        ("SL-DRV-02", "weather"),
    ]
    assert told.value.findings[-1].args["count"] == 2
    with pytest.raises(PanelFault) as told:
        build(panel, 2, prices=promotions)
    assert [one.code for one in told.value.findings] == ["SL-DRV-01"]


def test_unknown_series_and_days_that_are_missing_ahead_are_told():
    panel = panel_of(np.ones((1, 30)))
    stray = pl.DataFrame({"unique_id": ["x1", "s000"], "ds": [axis()[2]] * 2, "depth": [0.1, 0.2]})
    weather = forecasts(axis(32), np.full(32, 20.0), 2, 0.0)
    short = calendar("CN", FIRST, axis()[30])
    drivers = build(panel, 4, promotions=stray, weather=weather, calendar=short)
    found = {(one.code, one.args["table"]): one for one in drivers.findings}
    assert found["SL-DRV-04", "promotions"].args["series"] == "x1"
    assert found["SL-DRV-05", "calendar"].args["count"] == 3
    assert found["SL-DRV-05", "weather"].args["count"] == 2 and "climate" in found["SL-DRV-05", "weather"].text()


def test_facts_of_the_weather_become_days_of_the_store():
    rows = [
        {"from": f"2026-03-01T{hour:02d}:00:00Z", "to": "-", "temp_c": temp, "rain_mm": 1.0, "issued": "2026-03-01T10:00:00Z"}
        for hour, temp in ((14, 10.0), (15, 14.0), (16, 20.0), (17, 24.0))
    ]
    rows.append({"from": "2026-03-01T17:00:00Z", "to": "-", "temp_c": 21.0, "issued": "2026-03-01T18:00:00Z", "observed": True})
    table = weather_of(rows, "Asia/Shanghai")
    assert table.rows() == [
        (date(2026, 3, 1), 12.0, 2.0, datetime(2026, 3, 1, 18), False),
        (date(2026, 3, 2), 22.0, 2.0, datetime(2026, 3, 1, 18), False),
        (date(2026, 3, 2), 21.0, 0.0, datetime(2026, 3, 2, 2), True),
    ]


def test_a_run_up_that_has_only_begun_is_not_drawn_out():
    """Three days of the ramp to a feast were seen and sold half more; its last days count no more than those."""
    values = np.tile(20.0 * WEEKDAYS[np.arange(DAYS) % 7], (8, 1))
    values[:, -3:] *= 1.5
    ramp = np.concatenate([np.zeros(DAYS - 3), np.arange(1, AHEAD + 4) / (AHEAD + 3)])
    panel = panel_of(values)
    table = pl.DataFrame({"unique_id": ["s000"] * len(axis()), "ds": axis(), "ramp": ramp})
    table = pl.concat([table.with_columns(unique_id=pl.lit(f"s{row:03d}")) for row in range(8)])
    grid = make(panel, AHEAD, build(panel, AHEAD, promotions=table))
    found = learn(grid).multipliers(grid)
    assert (found[:, DAYS:] == found[:, [DAYS - 1]]).all() and found.max() < 1.6


def test_hours_take_the_calendar_of_their_day_and_weeks_its_mean():
    hours = Panel(
        pl.DataFrame({"unique_id": ["m"] * 72, "ds": [datetime(2025, 9, 30) + timedelta(hours=one) for one in range(72)], "y": [1.0] * 72}),
        "1h",
    )
    found = build(hours, 24, calendar=calendar("CN", date(2025, 9, 1), date(2025, 10, 31)))
    assert found.findings == ()
    assert found.frame["on_national_day"].to_list() == [0.0] * 24 + [1.0] * 24 + [0.0] * 48
    weeks = panel_of(np.ones((1, 4)), "1w", first=date(2025, 9, 15))
    weekly = build(weeks, 0, calendar=calendar("CN", date(2025, 9, 1), date(2025, 10, 31))).frame
    assert weekly["on_national_day"].to_list() == pytest.approx([0.0, 0.0, 1 / 7, 0.0])


def test_hourly_energy_through_the_chain_with_weather():
    steps = [datetime(2025, 6, 2) + timedelta(hours=one) for one in range(24 * 71)]
    rng = np.random.default_rng(4)
    temp = np.repeat(26 + 6 * np.sin(np.cumsum(rng.normal(0, 0.7, 71))), 24)
    kwh = 30 + 3 * np.maximum(0, temp - 22) + rng.normal(0, 1, len(steps))
    panel = Panel(pl.DataFrame({"unique_id": ["m"] * (24 * 70), "ds": steps[: 24 * 70], "y": kwh[: 24 * 70]}), "1h")
    weather = pl.DataFrame({"ds": steps, "temp_c": temp, "issued": [one.replace(hour=0) - timedelta(hours=3) for one in steps]})
    told = forecast(panel, 24, drivers=build(panel, 24, weather=weather), methods=("seasonal_naive", "rates", "day_ahead"))
    assert "day_ahead" in told.chosen["method"][0]
    assert np.abs(told.frame["mean"].to_numpy() - kwh[-24:]).mean() < 4
    assert told.explained.columns == ["unique_id", "ds", "temperature", "en", "zh"]
