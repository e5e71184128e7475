"""Day figures from door counts, worked by hand."""

import pytest

from storeloom.workers.insight.footfall import correction, imbalance_pct, missed, occupancy


def test_a_day_that_lacks_forty_of_a_thousand() -> None:
    assert imbalance_pct(1000, 960) == 4.0
    assert correction(1000, 960) == pytest.approx(1.041667, abs=1e-6)
    assert occupancy(600, 500, 1000 / 960) == 79


def test_limits() -> None:
    assert (correction(300, 100), correction(100, 300)) == (1.25, 0.8)
    assert (correction(0, 5), correction(5, 0), imbalance_pct(0, 5)) == (None, None, None)
    assert occupancy(3, 9, 1.0) == 0


def test_the_silent_share_of_an_hour_takes_that_share_of_the_median() -> None:
    history = [{"in": 2, "out": 1, "groups": 2}, {"in": 40, "out": 3, "groups": 20}, {"in": 5, "out": 2, "groups": 4}]
    assert missed(history, 1.0) == {"in": 5, "out": 2, "groups": 4}
    assert missed(history, 0.5) == {"in": 3, "out": 1, "groups": 2}
    assert missed(history, 3.0) == missed(history, 1.0)
    assert missed([], 1.0) == {}
