"""How many tags there are."""

import pytest

from storeloom.workers.optimise.tag_count import chapman, differences


def test_chapman():
    first = chapman(800, 780, 680)
    assert (first.union, first.estimate, first.coverage) == (900, pytest.approx(917.6, abs=0.05), pytest.approx(0.981, abs=5e-4))
    second = chapman(900, 890, 885)
    assert (second.union, second.estimate, second.coverage) == (905, pytest.approx(905.1, abs=0.05), pytest.approx(0.9999, abs=1e-4))
    assert chapman(0, 0, 0) == (0, 0, 0)


def test_differences():
    assert differences({"A": 5, "B": 3, "C": 1}, {"A": 5, "B": 1, "D": 2}) == {"B": -2, "C": -1, "D": 2}
