"""Lead times as they come in."""

import pytest

from storeloom.workers.insight.lead_shift import new, observe


def test_mean_and_variance_follow_with_their_weight():
    lead = new(3.0, 0.5)
    assert observe(lead, 5, 0.2, 5) is None
    assert lead["mean"] == pytest.approx(3.4)
    assert lead["variance"] == pytest.approx(1.04)


def test_a_shift_is_told_once_and_the_sums_start_again():
    lead = new(3.0, 1.0)
    assert observe(lead, 6, 0.05, 5) is None
    assert lead["up"] == pytest.approx(2.5)
    assert observe(lead, 6.15, 0.05, 4.5) == "longer"  # 3 days over 3.15, sd 1.178: 2.547 - 0.5 more
    assert (lead["up"], lead["down"]) == (0, 0)
    assert observe(lead, 0, 0.05, 1) == "shorter"


def test_without_variance_a_delivery_only_teaches():
    lead = new(2.0, 0.0)
    assert observe(lead, 4, 0.2, 1) is None
    assert lead["variance"] == pytest.approx(0.64)
