"""The logarithmic-mean Divisia split, worked by hand."""

import pytest

from storeloom.workers.insight.decomposition import divisia, logarithmic_mean, whole


def test_fewer_receipts_of_more_each():
    parts = divisia({"receipts": 1000, "average_ticket": 5000}, {"receipts": 900, "average_ticket": 5500})
    assert parts == {"receipts": pytest.approx(-524164.2, abs=0.1), "average_ticket": pytest.approx(474164.2, abs=0.1)}
    assert sum(parts.values()) == pytest.approx(-50000)
    assert whole(parts, -50000) == {"receipts": -524164, "average_ticket": 474164}


def test_a_factor_that_stood_still_brought_nothing_and_the_whole_is_kept():
    parts = divisia({"a": 2, "b": 3, "c": 5}, {"a": 4, "b": 3, "c": 5})
    assert parts == {"a": pytest.approx(30), "b": 0, "c": 0}
    assert logarithmic_mean(7, 7) == 7


def test_rounding_adds_up():
    assert whole({"a": 0.5, "b": 0.5, "c": -0.4}, 1) == {"a": 1, "b": 0, "c": 0}
    assert sum(whole({"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}, 1).values()) == 1
