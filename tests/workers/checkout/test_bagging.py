"""The bagging scale: learnt weights and what a rise is."""

import pytest

from storeloom.workers.checkout import bagging

RULES = {"after": 5, "z": 3, "least_g": 10, "table_pct": 10}


@pytest.fixture
def five():
    known = None
    for grams in (500, 505, 495, 502, 498):
        known = bagging.learn(known, grams)
    return known


def test_a_learnt_weight_allows_three_deviations(five):
    wanted = bagging.expected(five, 480, 1, **RULES)
    assert wanted.mean_g == 500 and wanted.tol_g == pytest.approx(3 * 3.8079, abs=1e-3)
    assert wanted.fits(511) and not wanted.fits(512)
    assert bagging.learn(five, 511)["mean"] == pytest.approx(501.8333, abs=1e-4)


def test_before_that_the_table_counts():
    wanted = bagging.expected(None, 250, 1, **RULES)
    assert wanted.fits(226) and wanted.fits(225) and not wanted.fits(224)
    assert bagging.expected(None, 50, 1, **RULES).tol_g == 10
    assert bagging.expected(None, None, 1, **RULES).fits(12345)


def test_a_rise_is_the_first_that_fits_else_all_together():
    waiting = [{"mean_g": 100, "tol_g": 10}, {"mean_g": 250, "tol_g": 25}]
    assert bagging.matched(255, waiting) == [1] and bagging.matched(360, waiting) == [0, 1] and bagging.matched(180, waiting) == []
    assert bagging.matched(180, [{"mean_g": None, "tol_g": 10}]) == [0] and bagging.matched(9, [{"mean_g": None, "tol_g": 10}]) == []
