"""Demand of sold-out days, on series censored on purpose."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm, poisson

from storeloom.workers.forecast.censored import Uncensored, _Law, check, share_open, uncensor
from tests.workers.forecast.series import FIRST, panel_of, sales


def test_conditional_means_and_quantiles_by_direct_sums():
    law = _Law(np.array([4.0, 4.0]), np.array([4.0, 9.0]), np.array([True, False]))
    floor = np.array([3.0, 3.0])
    tail = np.arange(3, 200)
    chances = poisson.pmf(tail, 4.0)
    mean, normal = law.beyond(floor)
    assert mean == pytest.approx((tail * chances).sum() / chances.sum(), rel=1e-4)
    grid = np.linspace(3, 40, 400_001)
    density = norm.pdf(grid, 4, 3)
    assert normal == pytest.approx((grid * density).sum() / density.sum(), rel=1e-4)
    reached = np.cumsum(chances) / chances.sum()
    assert law.quantile(floor, 0.9)[0] == tail[np.searchsorted(reached, 0.9)]


@pytest.mark.parametrize(("mean", "ratio"), [(8.0, 1.0), (0.8, 1.0), (6.0, 3.0)])
def test_a_fifth_of_the_days_sold_out(mean, ratio):
    found = check(panel_of(sales(30, 280, mean, ratio=ratio)), share=0.2, stock=0.5)
    assert found.steps > 300
    assert abs(found.bias) < 0.04, "demand is met on average"
    assert found.sales_bias < -0.2, "taking sales for demand loses a fifth and more"
    assert found.covered >= 0.78


def test_goods_by_weight():
    weights = np.random.default_rng(3).normal(20, 4, (20, 200))
    found = check(panel_of(weights), share=0.3, stock=0.5)
    assert abs(found.bias) < 0.02
    assert 0.74 <= found.covered <= 0.86, "a normal has no ends to share out"


def one_out(share=None) -> Uncensored:
    """A steady 10 a day, day 20 sold out after 4."""
    values = np.full((1, 40), 10.0)
    values[0, 20] = np.nan
    out = pl.DataFrame({"unique_id": ["s000"], "ds": [FIRST + timedelta(days=20)], "sold": [4.0]})
    return uncensor(panel_of(values), out if share is None else out.with_columns(share_open=pl.lit(share)))


def test_the_hours_left_are_added_at_the_rate():
    found = one_out(0.3)
    assert found.frame["demand"][0] == pytest.approx(4 + 0.7 * 10, rel=0.01)
    assert found.panel.frame["y"].null_count() == 0
    assert one_out().frame["demand"][0] == pytest.approx(10, rel=0.03), "what lies far below the usual tells nothing"


def test_the_share_of_a_day_by_its_hours():
    by_hour = [0.0] * 8 + [10.0] * 10 + [0.0] * 6
    assert share_open(by_hour, 12.5) == pytest.approx(0.45)
    assert share_open(by_hour, 24) == 1.0
    with pytest.raises(ValueError, match="no demand"):
        share_open([0.0] * 24, 12)


def test_closed_days_stay_unknown_and_known_days_as_they_are():
    values = np.full((1, 40), 10.0)
    values[0, [5, 20]] = np.nan
    out = pl.DataFrame({"unique_id": ["s000"] * 2, "ds": [FIRST + timedelta(days=day) for day in (20, 21)], "sold": [4.0, 3.0]})
    found = uncensor(panel_of(values), out)
    assert found.frame.height == 1
    assert found.panel.frame["y"][5] is None
    assert found.panel.frame["y"][21] == 10.0


def test_nothing_to_censor():
    with pytest.raises(ValueError, match="no step"):
        check(panel_of(np.zeros((2, 30))))
