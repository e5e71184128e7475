"""Inspection scores by hand."""

import pytest

from storeloom.workers.insight.inspection import adjusted, leaning, score, usual


def test_what_does_not_apply_leaves_both() -> None:
    assert score([50], [20]) == pytest.approx(71.4286, abs=1e-4)
    assert score([50], [40]) == pytest.approx(55.5556, abs=1e-4)
    assert score([], []) is None


def test_a_strict_inspector_is_believed_by_half_at_ten_visits() -> None:
    assert leaning(-40, 10, 10) == -2
    assert leaning(-40, 10, 0) == -4
    assert leaning(0, 0, 0) == 0
    assert adjusted(71.4, -2) == pytest.approx(73.4)
    assert adjusted(99.5, -2) == 100
    assert adjusted(1, 2) == 0
    assert adjusted(71.4, -2, cap=59) == 59
    assert adjusted(40, -2, cap=59) == 42


def test_a_stores_usual_score_is_that_of_others_last_visits() -> None:
    scores = [("B", 10.0), ("B", 70.0), ("A", 0.0), ("C", 80.0)]
    assert usual(scores, "A", 2) == 75
    assert usual(scores, "C", 6) == pytest.approx(80 / 3)
    assert usual([("A", 3.0)], "A", 2) is None
