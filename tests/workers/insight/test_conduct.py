"""A day's conduct score and capture rate."""

import pytest

from storeloom.workers.insight.conduct import capture_pct, costs, on_time_pct, score

DAY = {"uniform": (4, 0), "absence": (1, 1), "hygiene": (0, 1)}


def test_the_worked_day() -> None:
    spent = costs(DAY, {"uniform": 2, "absence": 3, "hygiene": 4}, 20)
    assert spent == {"uniform": 8, "absence": 9, "hygiene": 8}
    assert score(spent) == 75
    assert on_time_pct(DAY) == pytest.approx(71.4286, abs=1e-4)


def test_a_kind_costs_no_more_than_its_cap_and_the_score_stays_above_nought() -> None:
    assert costs({"pest": (1, 1), "table": (3, 0)}, {"pest": 10}, 20) == {"pest": 20, "table": 0}
    assert score(dict.fromkeys("abcdef", 20)) == 0
    assert (score({}), on_time_pct({})) == (100, None)


def test_capture() -> None:
    assert capture_pct(180, 1020) == pytest.approx(15)
    assert (capture_pct(0, 0), capture_pct(9, None), capture_pct(0, 5)) == (None, None, 0)
