"""Intervals cover what they say, never cross and are never negative; counts by their own law."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import nbinom

from storeloom.workers.forecast.intermittent import negative_binomial_quantiles
from storeloom.workers.forecast.intervals import EVEN, History, _quantile, calibrated, effective, negative_binomial, spread

RNG = np.random.default_rng(11)


def history(series, counts, mean=5.0, variance=5.0, classes=0):
    return History(np.full(series, classes), np.full(series, counts), np.full(series, float(mean)), np.full(series, float(variance)))


def test_conformal_quantile_of_a_small_set():
    assert _quantile(np.arange(1.0, 10.0), 0.9) == 9.0  # (9 + 1) x 0.9: the ninth
    assert _quantile(np.arange(1.0, 10.0), 0.5) == 5.0
    assert _quantile(np.arange(1.0, 10.0), 0.99) == 9.0


def test_quantiles_of_counts_are_thenegative_binomials():
    mean, ratio = np.array([[0.3, 2.0, 8.0]]), np.array([[1.8]])
    for share in (0.1, 0.5, 0.9, 0.975):
        ours = negative_binomial(mean, ratio, np.full(mean.shape, share))
        assert ours[0].tolist() == [negative_binomial_quantiles(one, 1.8, [share])[0] for one in mean[0]]


@pytest.mark.parametrize("skewed", [False, True])
def test_errors_of_any_shape_are_covered(skewed):
    mean = np.full((60, 28), 50.0)
    draw = (lambda: RNG.gamma(2, 5, (60, 28)) + 40) if skewed else (lambda: RNG.normal(50, 8, (60, 28)))
    past = [(mean, draw()) for _ in range(4)]
    found = spread(past, mean, history(60, False, 50, 60), 30, 0)
    actual = draw()
    low, high = found.quantiles((0.1, 0.9))
    assert ((actual >= low) & (actual <= high)).mean() == pytest.approx(0.8, abs=0.03)
    assert (actual < low).mean() == pytest.approx(0.1, abs=0.02)
    assert found.inside(actual, 0.1, 0.9, 1).mean() == pytest.approx(0.8, abs=0.03)


def test_series_of_all_sizes_get_their_own_width():
    sizes = np.geomspace(5, 500, 40)[:, None]
    mean = np.repeat(sizes, 14, axis=1)
    past = [(mean, RNG.normal(mean, 0.2 * mean)) for _ in range(5)]
    low, high = spread(past, mean, history(40, False), 30, 0).quantiles((0.1, 0.9))
    width = ((high - low) / mean).mean(axis=1)
    assert width == pytest.approx(2 * 1.2816 * 0.2, rel=0.25)


def test_sparse_counts_are_covered_fairly():
    mean = np.full((200, 28), 0.15)
    draw = lambda: RNG.negative_binomial(0.15, 1 / 2.0, (200, 28)).astype(float)  # noqa: E731
    found = spread([(mean, draw()) for _ in range(4)], mean, history(200, True, 0.15, 0.3, 2), 30, 0)
    actual = draw()
    low, high = found.quantiles((0.1, 0.9))
    assert (low == 0).all()
    assert ((actual >= low) & (actual <= high)).mean() > 0.85, "an interval that begins at 0 covers every 0"
    assert found.inside(actual, 0.1, 0.9, 1).mean() == pytest.approx(0.8, abs=0.03)


def test_a_wrong_forecast_widens():
    """Forecasts half of what comes: the interval goes up to where demand was."""
    mean = np.full((100, 7), 20.0)
    past = [(mean, RNG.normal(40, 4, (100, 7))) for _ in range(4)]
    low, high = spread(past, mean, history(100, False, 40, 16), 30, 0).quantiles((0.1, 0.9))
    assert low.min() > 30
    assert high.max() < 50


def test_without_a_back_test_the_history_speaks():
    found = spread([], np.full((1, 3), 10.0), history(1, False, 10, 4.0), 30, 0)
    low, high = found.quantiles((0.1, 0.9))
    assert (low[0, 0], high[0, 0]) == pytest.approx((10 - 1.2816 * 2, 10 + 1.2816 * 2), rel=0.01)
    counts = spread([], np.full((1, 3), 2.0), history(1, True, 2, 3.0, 2), 30, 0).quantiles((0.9,))
    assert counts[0, 0, 0] == nbinom.ppf(0.9, 4.0, 1 / 1.5)


def test_a_forecast_of_nothing_is_no_certainty():
    found = spread([], np.zeros((1, 1)), history(1, True, 1.0, 1.5, 2), 30, 0)
    assert found.quantiles((0.975,))[0, 0, 0] >= 1


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 6),
    st.integers(1, 20),
    st.sampled_from([0.0, 0.05, 1.0, 40.0]),
    st.booleans(),
    st.integers(0, 4),
)
@settings(max_examples=60, deadline=None)
def test_quantiles_never_cross_and_are_never_negative(seed, series, steps, size, counts, origins):
    rng = np.random.default_rng(seed)
    mean = size * rng.random((series, steps))
    past = []
    for _ in range(origins):
        actual = rng.poisson(size * 2, (series, steps)).astype(float)
        actual[rng.random(actual.shape) < 0.3] = np.nan
        past.append((mean * rng.random(), actual))
    found = spread(past, mean, history(series, counts, size, size, 2 * counts), 30, seed).quantiles((0.9, 0.025, 0.5, 0.1, 0.975))
    ordered = found[[1, 3, 2, 0, 4]]
    assert (np.diff(ordered, axis=0) >= 0).all()
    assert found.min() >= 0
    assert np.isfinite(found).all()


def test_errors_that_go_together_count_as_few():
    """Independent ones count all; with a shock an origin 4 origins count as about 4, with one a series and origin as 4 x 10."""
    rng = np.random.default_rng(2)
    plain = rng.normal(size=(4, 10, 28))
    assert effective(plain) > 0.5 * plain.size
    by_origin = np.mean([effective(0.2 * rng.normal(size=(4, 10, 28)) + rng.normal(size=(4, 1, 1))) for _ in range(20)])
    assert 4 <= by_origin < 9
    by_series = np.mean([effective(0.2 * rng.normal(size=(4, 10, 28)) + rng.normal(size=(4, 10, 1))) for _ in range(20)])
    assert 15 < by_series < 60
    assert effective(np.full((2, 2, 2), np.nan)) == 0


def test_few_errors_lean_on_students_t_and_many_keep_their_shape():
    few = calibrated(np.array([-1.0, 1.0, -1.0, 1.0]).reshape(4, 1, 1), False)
    assert few[899] > 1.2, "the largest of four is no 90 % quantile"
    many = np.random.default_rng(3).exponential(1.0, (4, 500, 28)) - 1
    assert np.interp((0.1, 0.5, 0.9), EVEN, calibrated(many, False)) == pytest.approx(-np.log([0.9, 0.5, 0.1]) - 1, abs=0.03)
    uniform = np.random.default_rng(4).random((4, 200, 28))
    assert calibrated(uniform, True) == pytest.approx(EVEN, abs=0.02)


@pytest.mark.parametrize("shared", [False, True])
def test_small_panels_that_drift_are_covered(shared):
    """Two series, four origins, a level that wanders (for both alike): steps and sums, over 150 panels made up."""
    rng = np.random.default_rng(5)
    inside, inside_sum = [], []
    for _ in range(150):
        level = 100 + np.cumsum(2 * rng.normal(size=(1 if shared else 2, 200)), axis=1)
        values = level + 8 * rng.normal(size=(2, 200))
        told = [np.repeat(values[:, at - 7 : at].mean(axis=1)[:, None], 28, axis=1) for at in range(60, 200, 28)]
        actual = [values[:, at : at + 28] for at in range(60, 200, 28)]
        known = history(2, False, 100, 100)
        steps = spread(list(zip(told[:-1], actual[:-1], strict=True)), told[-1], known, 30, 0)
        inside.append(steps.inside(actual[-1], 0.1, 0.9, 0).mean())
        sums = [(one.sum(axis=1, keepdims=True), other.sum(axis=1, keepdims=True)) for one, other in zip(told, actual, strict=True)]
        total = spread(sums[:-1], sums[-1][0], history(2, False, 2800, 2800), 6, 0)
        inside_sum.append(total.inside(sums[-1][1], 0.1, 0.9, 0).mean())
    assert 0.74 <= np.mean(inside) <= 0.86
    assert 0.74 <= np.mean(inside_sum) <= 0.90
