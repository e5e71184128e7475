"""Beta posteriors: the worked audit's figures, fading, and intervals against those of known distributions."""

import pytest

from storeloom.workers.insight.beta_rate import Counts, Prior

PRIOR = Prior(1, 9)


def counted(results, forget=1.0):
    counts = Counts()
    for failed in results:
        counts = counts.add(failed, forget)
    return counts


def test_two_fails_in_six_checks():
    assert PRIOR.mean(Counts()) == 0.1
    assert PRIOR.mean(counted([True, False, False, True, False, False])) == 3 / 16


def test_a_faded_fail_and_a_pass():
    assert counted([True, False], 0.5) == Counts(0.5, 1.0)
    assert PRIOR.mean(counted([True, False], 0.5)) == pytest.approx(1.5 / 11.5)


def test_evidence_is_bounded_by_forgetting():
    counts = counted([False] * 200, 0.9)
    assert counts.fails == 0 and counts.passes == pytest.approx(10, abs=1e-6)


def test_intervals_of_known_distributions():
    """Beta(1, 1) is uniform; Beta(1, 9) has the distribution 1 - (1 - x)^9."""
    assert Prior(1, 1).interval(Counts()) == pytest.approx((0.05, 0.95))
    low, high = PRIOR.interval(Counts())
    assert (low, high) == pytest.approx((1 - 0.95 ** (1 / 9), 1 - 0.05 ** (1 / 9)))
    assert PRIOR.interval(Counts(), 0.5)[0] == pytest.approx(1 - 0.75 ** (1 / 9))
