"""Tests of a test: sizes by published tables, readings by hand and by statsmodels, coverage where the truth is made."""

from __future__ import annotations

import math

import numpy as np
import pytest

from storeloom.workers.insight import abdesign, abtest, sequential
from storeloom.workers.insight.abdesign import Design
from storeloom.workers.insight.effects import holm
from storeloom.workers.insight.faults import InsightFault


def test_sizes_are_those_of_the_textbook() -> None:
    assert abdesign.means_size(0.5, 1.0) == 64  # Cohen 1988, table 2.4.1: d = 0.5, power 0.80
    assert abdesign.means_size(0.2, 1.0) == 394  # by the t-test; 393 by the normal one
    assert abdesign.shares_size(0.10, 0.05) == 686  # Fleiss: n = (1.96 sqrt(2 p q) + 0.8416 sqrt(p1 q1 + p2 q2))^2 / d^2 = 685.6
    assert abdesign.shares_size(0.10, -0.05) == 435


def test_power_agrees_with_statsmodels() -> None:
    from statsmodels.stats.power import TTestIndPower

    for size, ratio in ((12, 1.0), (40, 0.5), (200, 3.0)):
        expected = TTestIndPower().power(0.4, size, 0.05, ratio=ratio)
        assert abdesign.means_power(size, 0.4, 1.0, Design(ratio=ratio)) == pytest.approx(expected, abs=1e-6)


def test_the_detectable_effect_turns_the_size_round() -> None:
    assert abdesign.means_power(64, abdesign.means_detectable(64, 1.0), 1.0) == pytest.approx(0.80, abs=1e-9)
    rise = abdesign.shares_detectable(686, 0.10)
    assert rise == pytest.approx(0.05, abs=1e-4)
    assert abdesign.shares_power(686, 0.10, rise) == pytest.approx(0.80, abs=1e-9)


def test_more_variants_and_whole_stores_need_more_units() -> None:
    assert abdesign.means_size(0.5, 1.0, Design(comparisons=3)) > 1.3 * 64
    assert abdesign.design_effect(50, 0.02) == pytest.approx(1.98)
    assert abdesign.cuped_sd(10.0, 0.8) == pytest.approx(6.0)


def test_a_ratio_metric_has_the_spread_of_its_line() -> None:
    # R = 12 / 6 = 2; y - 2 x = 0, -1, 1; sd 1; mean x 2
    assert abdesign.ratio_sd([2.0, 3.0, 7.0], [1.0, 2.0, 3.0]) == pytest.approx(0.5)


def test_welch_by_hand() -> None:
    # means 2 and 4, variances 1 and 4, three each: se = sqrt(5/3), df = (5/3)^2 / ((1/3)^2/2 + (4/3)^2/2) = 2.9412
    read = abtest.means([1, 2, 3], [2, 4, 6])
    assert read.effect.value == 2.0
    assert read.effect.se == pytest.approx(math.sqrt(5 / 3))
    from scipy.stats import t, ttest_ind

    assert read.effect.high - 2 == pytest.approx(t.ppf(0.975, 50 / 17) * math.sqrt(5 / 3))
    assert read.effect.p_value == pytest.approx(ttest_ind([1, 2, 3], [2, 4, 6], equal_var=False).pvalue)


def test_newcombe_by_his_own_example() -> None:
    # Newcombe 1998, table II, 56/70 against 48/80, method 10: 0.0524 to 0.3339
    read = abtest.shares(48, 80, 56, 70, planned=70 / 150)
    assert (read.effect.value, read.effect.low, read.effect.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def test_ratios_by_hand() -> None:
    # control: R = 2, lines 2 + (0, -1, 1) / 2; treatment the same plus 1 (y + x): R = 3, same spread; se = sqrt(2 * 0.25 / 3)
    read = abtest.ratios(([2, 3, 7], [1, 2, 3]), ([3, 5, 10], [1, 2, 3]))
    assert (read.control, read.treatment) == pytest.approx((2.0, 3.0))
    assert read.effect.value == pytest.approx(1.0)
    assert read.effect.se == pytest.approx(math.sqrt(0.5 / 3))


def test_cuped_takes_out_what_was_known_before() -> None:
    rng = np.random.default_rng(1)
    before = rng.normal(100, 20, 2000)
    after = before + rng.normal(0, 10, 2000)
    after[1000:] += 3
    plain, less = abtest.means(after[:1000], after[1000:]), abtest.cuped(after[:1000], before[:1000], after[1000:], before[1000:])
    assert less.variance_left == pytest.approx(100 / 500, abs=0.02)
    assert less.effect.covers(3.0)
    assert (less.effect.high - less.effect.low) < 0.5 * (plain.effect.high - plain.effect.low)
    assert all(check.held for check in less.checks)


def test_cuped_tells_arms_that_differed_before() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=400)
    read = abtest.cuped(x[:200], x[:200], x[200:], x[200:] + 1)
    assert [check.held for check in read.checks] == [True, False]


def test_the_sample_ratio_speaks() -> None:
    assert not abtest.sample_ratio((5000, 5400), (0.5, 0.5)).held  # chi2 = 15.4, p = 9e-5
    assert abtest.sample_ratio((5000, 5100), (0.5, 0.5)).held
    read = abtest.means(np.arange(500.0), np.arange(900.0))
    assert not read.checks[0].held
    assert "0.001" in read.checks[0].finding().text()


def test_holm_and_variants() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    rng = np.random.default_rng(3)
    read = abtest.variants(rng.normal(0, 1, 300), {"a": rng.normal(0.5, 1, 300), "b": rng.normal(0, 1, 300)})
    assert read["a"].effect.p_value < 0.01 < read["b"].effect.p_value
    assert read["a"].effect.low > 0 > read["b"].effect.low


def test_relative_effects_by_fieller_lie_around_the_ratio() -> None:
    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(300):
        read = abtest.means(rng.normal(10, 4, 60), rng.normal(12, 4, 60))
        assert read.relative is not None
        covered += read.relative.covers(0.2)
    assert 0.92 <= covered / 300 <= 0.98
    assert abtest.means([-1, 0, 1, 0.5], [1, 2, 3, 2]).relative is None


def test_an_a_a_test_finds_metrics_that_lie() -> None:
    fair = abtest.split_rate(np.random.default_rng(5).gamma(2, 10, 400), draws=300)
    assert fair.held
    heavy = np.zeros(60)
    heavy[0] = 1e6
    assert not abtest.split_rate(heavy, draws=300).held


def test_bad_arms_are_refused_with_all_their_faults() -> None:
    with pytest.raises(InsightFault) as fault:
        abtest.means([1.0], [math.nan, 2.0])
    assert [one.code for one in fault.value.findings] == ["SL-EXP-03", "SL-EXP-02"]
    for bad in (lambda: abtest.ratios(([1, 2], [0, 0]), ([1, 2], [1, 1])), lambda: abtest.shares(5, 4, 1, 4)):
        with pytest.raises(InsightFault):
            bad()
    with pytest.raises(InsightFault):
        Design(alpha=0.9)


def test_boundaries_are_the_published_ones() -> None:
    # Lan-DeMets with O'Brien-Fleming spending, five equal looks, alpha 0.05 (Reboussin, DeMets, Kim and Lan 2000)
    expected = (4.8769, 3.3569, 2.6803, 2.2898, 2.0310)
    assert sequential.boundaries((0.2, 0.4, 0.6, 0.8, 1.0)) == pytest.approx(expected, abs=2e-4)
    assert sequential.boundaries((1.0,)) == pytest.approx((1.959964,), abs=1e-5)


def test_all_looks_together_spend_alpha() -> None:
    for looks in ((0.5, 1.0), (0.1, 0.15, 0.7, 0.99, 1.2)):
        assert sum(sequential.stopping(looks, 0.0, 0.05)) == pytest.approx(0.05, abs=1e-5)
    assert 1.0 < sequential.inflation((0.2, 0.4, 0.6, 0.8, 1.0)) < 1.03


def test_repeated_looks_hold_where_a_naive_reader_fails() -> None:
    rng = np.random.default_rng(6)
    sums = np.cumsum(rng.normal(size=(4000, 5)), axis=1) / np.sqrt(np.arange(1, 6))
    bounds = np.array(sequential.boundaries((0.2, 0.4, 0.6, 0.8, 1.0)))
    assert np.mean(np.any(np.abs(sums) > bounds, axis=1)) == pytest.approx(0.05, abs=0.012)
    assert np.mean(np.any(np.abs(sums) > 1.96, axis=1)) > 0.12


def test_a_look_says_stop_with_an_interval_that_agrees() -> None:
    early = sequential.look((0.4,), 2.0, 1.0)
    assert not early.stop and early.low < 0 < early.high
    late = sequential.look((0.4, 0.8), 2.5, 1.0)
    assert late.stop and late.low > 0
    for bad in ((), (0.5, 0.4), (1.0, 1.2)):
        with pytest.raises(InsightFault):
            sequential.boundaries(bad)
