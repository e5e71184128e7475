"""Methods: against statsforecast itself, against direct counting, and on series too short or silent for them."""

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
import statsforecast.models as library
from statsforecast import StatsForecast

from storeloom.workers.forecast.grid import make
from storeloom.workers.forecast.models import methods, named
from storeloom.workers.forecast.panel import Panel, PanelFault
from storeloom.workers.forecast.rates import rates
from tests.workers.forecast.series import FIRST, WEEKDAYS, panel_of, sales

BARE = {
    "croston": library.CrostonClassic(),
    "sba": library.CrostonSBA(),
    "tsb": library.TSB(0.1, 0.1),
    "adida": library.ADIDA(),
    "imapa": library.IMAPA(),
    "auto_ets": library.AutoETS(7),
    "auto_theta": library.AutoTheta(7),
    "dynamic_optimized_theta": library.DynamicOptimizedTheta(7),
    "mstl": library.MSTL(7),
    "naive": library.Naive(),
    "seasonal_naive": library.SeasonalNaive(7),
    "window_average": library.WindowAverage(28),
    "seasonal_window_average": library.SeasonalWindowAverage(7, 4),
}


def run(name, values, horizon=10, drivers=None):
    return methods()[name].run(make(panel_of(values), horizon, drivers), horizon, 0)


def test_each_classic_is_the_librarys():
    values = np.vstack([sales(2, 70), sales(1, 70, mean=0.4, seed=1)])
    told = StatsForecast(models=list(BARE.values()), freq="1d", n_jobs=1).forecast(df=panel_of(values).frame, h=10)
    for name, model in BARE.items():
        bare = told[repr(model)].to_numpy().reshape(3, 10)
        assert run(name, values) == pytest.approx(np.maximum(bare, 0), abs=1e-6), name


def test_unknown_days_are_left_out_where_a_method_can():
    values = np.tile([1.0, 2, 3, 4, 5, 6, 7], (1, 5))
    values[0, -7:] = np.nan
    assert run("seasonal_naive", values)[0].tolist() == [1, 2, 3, 4, 5, 6, 7, 1, 2, 3]
    assert run("naive", values)[0, 0] == 7
    assert run("window_average", values)[0, 0] == 4
    assert run("seasonal_window_average", values)[0, :3].tolist() == [1, 2, 3]
    assert run("auto_ets", values)[0] == pytest.approx([1, 2, 3, 4, 5, 6, 7, 1, 2, 3], abs=0.2), "filled by the weekday's mean"


@pytest.mark.parametrize("name", list(methods()))
def test_no_method_fails_on_short_silent_or_steady_series(name):
    short = np.full((5, 40), np.nan)
    short[0, -1] = 3.0
    short[1, -3:] = [0, 2, 1]
    short[2] = 0.0
    short[3] = 5.0
    short[4] = sales(1, 40)[0]
    panel = Panel(panel_of(short).frame.drop_nulls())
    found = methods()[name].run(make(panel, 4), 4, 0)
    assert found.shape == (5, 4)
    assert np.nanmin(found, initial=0) >= 0
    assert not np.isinf(found).any()
    if name not in ("zero", "lightgbm", "day_ahead"):
        assert found[3] == pytest.approx(5.0, rel=0.05), "a steady series goes on"


def test_no_season_no_decomposition():
    panel = panel_of(sales(1, 30), "1w")
    assert np.isnan(methods()["mstl"].run(make(panel, 2), 2, 0)).all()


def test_unknown_methods_are_all_named():
    with pytest.raises(ValueError, match=r"no method 'arima', 'prophet'; known: naive,"):
        named(["arima", "naive", "prophet"])


def test_rates_find_level_profile_and_lend_it_to_sparse_series():
    values = np.vstack([sales(30, 280, mean=10.0), sales(10, 280, mean=0.2, seed=4)])
    found = rates(make(panel_of(values), 7), 7)
    assert found.mean[:30].mean(axis=0) == pytest.approx(10 * WEEKDAYS, rel=0.05)
    own = np.array([values[35, day::7].mean() for day in range(7)]) / values[35].mean()
    assert np.abs(found.profile[35] - WEEKDAYS).max() < 0.5 * np.abs(own - WEEKDAYS).max(), "a sparse one takes the panel's"


def test_rates_draw_chance_to_the_mean_and_follow_what_lasts():
    rng = np.random.default_rng(5)
    true = rng.gamma(4, 0.025, (200, 1))
    values = rng.poisson(true, (200, 120)).astype(float)
    told = rates(make(panel_of(values), 28), 28).rate
    plain = values.mean(axis=1)
    assert ((told - true[:, 0]) ** 2).mean() < 0.85 * ((plain - true[:, 0]) ** 2).mean()
    jumped = np.hstack([sales(20, 200, mean=10.0), sales(20, 100, mean=20.0, seed=2)])
    assert rates(make(panel_of(jumped), 7), 7).mean.mean() == pytest.approx(20, rel=0.1)


def test_trees_learn_the_week_and_the_driver():
    pytest.importorskip("lightgbm")
    rng = np.random.default_rng(6)
    on = (rng.random((1, 230)) < 0.15).astype(float)
    values = sales(12, 230, mean=8.0) * (1 + 2 * on)
    days = [FIRST + timedelta(days=day) for day in range(240)]
    plan = np.append(on[0], [0, 1, 0, 0, 0, 0, 0, 0, 0, 0])
    drivers = pl.DataFrame({"ds": days, "promotion": plan})
    for name in ("lightgbm", "smooth"):
        told = run(name, values, 10, drivers).mean(axis=0)
        weekday = WEEKDAYS[(230 + np.arange(10)) % 7] * 8
        assert told[1] > 2 * weekday[1], f"{name}: a promotion triples demand"
        assert told[2:] == pytest.approx(weekday[2:], rel=0.3), name


def test_drivers_with_gaps_are_refused():
    drivers = pl.DataFrame({"ds": [FIRST + timedelta(days=day) for day in range(12)], "rain": 1.0})
    with pytest.raises(PanelFault) as caught:
        make(panel_of(np.ones((2, 10))), 3, drivers)
    (finding,) = caught.value.findings
    assert (finding.code, finding.args["count"], finding.args["step"]) == ("SL-FCT-15", 2, "2025-01-18")


def test_a_grid_ends_where_it_was_known():
    grid = make(panel_of(np.arange(20.0)[None, :]), 3).until(12)
    assert (grid.steps, grid.last, grid.values[0, -1]) == (12, date(2025, 1, 17), 11.0)


def test_hours_follow_the_week():
    stamps = [datetime(2025, 1, 6) + timedelta(hours=hour) for hour in range(24 * 35)]
    shape = 100 + 40 * np.sin(np.arange(24 * 35) * 2 * np.pi / 24) - 30 * (np.arange(24 * 35) // 24 % 7 >= 5)
    panel = Panel(pl.DataFrame({"unique_id": "m", "ds": stamps, "y": shape}), "1h")
    told = {name: methods()[name].run(make(panel, 24), 24, 0)[0] for name in ("rates", "seasonal_naive", "lightgbm")}
    assert told["rates"] == pytest.approx(shape[:24], rel=0.06)
    assert told["seasonal_naive"] == pytest.approx(shape[:24])
    assert np.abs(told["lightgbm"] / shape[:24] - 1).mean() < 0.1
