"""Figures of accuracy by hand, and against utilsforecast, the library of the field."""

import numpy as np
import polars as pl
import pytest
import utilsforecast.losses as field

from storeloom.workers.forecast import metrics
from tests.workers.forecast.series import sales

NAN = float("nan")


def test_by_hand():
    history = np.array([[0, 2, 4, 4], [0, 0, 0, 0]], dtype=float)
    actual, told = np.array([[3, NAN, 5], [1, 0, 0]]), np.array([[1, 9, 4], [0, 0, 0]], dtype=float)
    assert metrics.rmsse(actual, told, history)[0] == pytest.approx(np.sqrt((4 + 1) / 2 / ((4 + 0) / 2)))  # from the first demand on
    assert np.isnan(metrics.rmsse(actual, told, history)[1]), "a series that never moved has no scale"
    assert metrics.mase(actual, told, history, 1)[0] == pytest.approx(1.5 / 1.0)
    assert metrics.wape(actual, told) == pytest.approx((2 + 1 + 1) / 9)
    assert metrics.bias(actual, told) == pytest.approx((5 - 9) / 9)
    assert metrics.totals(told, actual).tolist() == [[5], [0]]
    assert metrics.wape(metrics.totals(actual, actual), metrics.totals(told, actual)) == pytest.approx(4 / 9)
    assert metrics.pinball(np.array([3.0, 1.0]), np.array([2.0, 2.0]), 0.9).tolist() == pytest.approx([0.9, 0.1])
    assert metrics.coverage(actual, told - 1, told + 1) == pytest.approx(4 / 5)


def test_against_utilsforecast():
    values, told = sales(4, 77), sales(4, 7, seed=1)
    values[:, 0] = 5
    history, actual = values[:, :70], values[:, 70:]
    ids = np.repeat(np.arange(4), 70)
    past = pl.DataFrame({"unique_id": ids, "ds": np.tile(np.arange(70), 4), "y": history.ravel()})
    frame = {"unique_id": np.repeat(np.arange(4), 7), "ds": np.tile(np.arange(70, 77), 4), "y": actual.ravel(), "m": told.ravel()}
    ahead = pl.DataFrame(frame)
    assert metrics.rmsse(actual, told, history) == pytest.approx(field.rmsse(ahead, ["m"], 1, past)["m"].to_numpy())
    assert metrics.mase(actual, told, history, 7) == pytest.approx(field.mase(ahead, ["m"], 7, past)["m"].to_numpy())
    loss = field.quantile_loss(ahead, {"m": "m"}, q=0.9)["m"].to_numpy()
    assert metrics.by_series(metrics.pinball(actual, told, 0.9)) == pytest.approx(loss)


def test_nothing_to_measure():
    empty = np.full((1, 3), NAN)
    assert np.isnan(metrics.wape(empty, empty))
    assert np.isnan(metrics.mean_of(empty))
    assert np.isnan(metrics.totals(empty, empty)[0, 0])
