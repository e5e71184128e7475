"""Rolling origins: nothing of the outcome is seen, figures are those of direct counting; real sales where the data are."""

import numpy as np
import polars as pl
import pytest

from storeloom.workers.forecast.backtest import backtest
from storeloom.workers.forecast.panel import Panel
from tests.conftest import DATA
from tests.workers.forecast.series import panel_of, sales

QUICK = ("naive", "seasonal_naive", "window_average", "rates", "sba")
JOURNEY = DATA / "complete-journey"


def test_figures_by_direct_counting():
    values = sales(5, 100, mean=4.0)
    scores = backtest(panel_of(values), 7, 2, ("naive",), calibration=2)
    frame = scores.frame
    assert frame["origin"].to_list() == ["2025-04-01", "2025-04-08"]
    for row, at in zip(frame.to_dicts(), (86, 93), strict=True):
        actual, told = values[:, at : at + 7], np.repeat(values[:, at - 1 : at], 7, axis=1)
        scale = [np.mean(np.diff(series[np.flatnonzero(series)[0] : at]) ** 2) for series in values]
        assert row["rmsse"] == pytest.approx(np.mean(np.sqrt(((actual - told) ** 2).mean(axis=1) / scale)))
        assert row["wape"] == pytest.approx(np.abs(actual - told).sum() / actual.sum())
        assert row["total_wape"] == pytest.approx(np.abs((actual - told).sum(axis=1)).sum() / actual.sum())
        assert row["bias"] == pytest.approx((told - actual).sum() / actual.sum())
    assert scores.of("naive", "wape") == pytest.approx(frame["wape"].mean())


def test_the_future_is_not_seen():
    """What comes after an origin changes nothing of the forecast made there."""
    values = np.vstack([sales(15, 160, mean=6.0), sales(15, 160, mean=0.4, seed=1)])
    changed = values.copy()
    changed[:, 153:] = 5 * changed[:, 153:] + 3
    names = (*QUICK, "lightgbm")
    plain, other = (backtest(panel_of(one), 7, 2, ("auto",), candidates=names, calibration=3).frame for one in (values, changed))
    assert plain.row(0) == other.row(0), "the first origin's week was left as it was"
    assert plain.row(1) != other.row(1)
    short = backtest(panel_of(values[:, :153]), 7, 1, ("auto",), candidates=names, calibration=3).frame
    assert short.row(0) == plain.row(0)


def test_the_choice_beats_the_naives_and_its_intervals_cover():
    panel = panel_of(np.vstack([sales(40, 240, mean=10.0), sales(60, 240, mean=0.3, seed=2, ratio=1.6)]))
    scores = backtest(panel, 14, 3, ("auto", "naive", "seasonal_naive"), candidates=QUICK)
    assert scores.of("auto", "rmsse") < 0.8 * scores.of("seasonal_naive", "rmsse")
    assert scores.of("auto", "pinball") < 0.8 * scores.of("seasonal_naive", "pinball")
    assert 0.76 <= scores.of("auto", "fair") <= 0.84
    assert 0.72 <= scores.of("auto", "total_fair") <= 0.88
    assert abs(scores.of("auto", "bias")) < 0.03


def test_slow_methods_without_intervals():
    scores = backtest(panel_of(sales(2, 60)), 5, 1, ("naive", "auto_ets"), means_only=("auto_ets",))
    assert scores.of("auto_ets", "rmsse") > 0
    assert np.isnan(scores.of("auto_ets", "covered"))


def test_too_short_a_history():
    with pytest.raises(ValueError, match="12 steps hold no origin"):
        backtest(panel_of(sales(2, 12)), 7, 1, ("naive",))


def test_real_categories_are_foreseen_better_than_by_their_mean():
    """Complete Journey, 25 categories, origins before those that the bench reports."""
    if not (JOURNEY / "transactions.parquet").is_file():
        pytest.skip("shared/data/complete-journey absent")
    from storeloom.core.bench.forecast import _read

    panel = _read(JOURNEY).panel(["product_category"], 25)
    early = Panel(panel.frame.filter(pl.col("ds") < pl.date(2017, 10, 9)))
    scores = backtest(early, 28, 2, ("auto", "seasonal_naive", "window_average"), candidates=(*QUICK, "lightgbm"))
    assert scores.of("auto", "rmsse") < 0.75 * scores.of("seasonal_naive", "rmsse")
    assert scores.of("auto", "rmsse") < scores.of("window_average", "rmsse")
    assert 0.74 <= scores.of("auto", "fair") <= 0.86
