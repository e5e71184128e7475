"""Shrunk rates and Poisson tails against values worked by hand."""

import math

import pytest

from storeloom.workers.insight.exceptions import compare_rate, poisson_tail


def test_a_cashier_beyond_chance_stands_out():
    found = compare_rate(14, 2000, peer_events=120, peer_exposure=60000, prior=1000)
    assert found.peer_rate == pytest.approx(0.002)
    assert found.shrunk == pytest.approx(16 / 3000)
    assert found.ratio == pytest.approx(8 / 3)
    assert found.tail == pytest.approx(0.0000763, abs=5e-7)
    assert found.stands_out(2.0, 0.001)
    assert not found.stands_out(2.0, 0.00005)
    assert not found.stands_out(2.7, 0.001)


def test_shrinkage_holds_a_lesser_excess_back():
    found = compare_rate(8, 2000, 120, 60000, 1000)
    assert found.ratio == pytest.approx(10 / 6)
    assert not found.stands_out(2.0, 0.05)
    assert compare_rate(8, 2000, 120, 60000, prior=0).ratio == pytest.approx(2.0)


def test_peers_without_an_event_count_as_having_one():
    assert compare_rate(3, 500, 0, 2000, 0).peer_rate == pytest.approx(1 / 2000)


def test_no_exposure_is_refused():
    with pytest.raises(ValueError, match="exposure"):
        compare_rate(1, 10, 0, 0, 100)
    with pytest.raises(ValueError, match="exposure"):
        compare_rate(1, 0, 1, 10, 0)


@pytest.mark.parametrize(
    ("count", "mean", "expected"),
    [
        (0, 3.0, 1.0),
        (1, 2.0, 1 - math.exp(-2)),
        (2, 1.0, 1 - 2 * math.exp(-1)),
        (3, 5.0, 1 - math.exp(-5) * (1 + 5 + 12.5)),
        (2, 0.0, 0.0),
    ],
)
def test_poisson_tail_by_hand(count, mean, expected):
    assert poisson_tail(count, mean) == pytest.approx(expected, rel=1e-12)


def test_a_tiny_tail_keeps_its_digits():
    first = math.exp(-1) / math.factorial(30)
    assert poisson_tail(30, 1.0) == pytest.approx(first * (1 + 1 / 31 + 1 / (31 * 32) + 1 / (31 * 32 * 33)), rel=1e-6)
