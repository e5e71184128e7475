"""ABC-XYZ classes and safety factors under a budget."""

from math import inf

import pytest

from storeloom.workers.optimise.stock_classes import abc, fitted, moved, season_index, variation, xyz


def test_cumulative_shares_include_the_item_itself():
    assert abc({"1": 500, "2": 250, "3": 150, "4": 70, "5": 30}, [0.8, 0.95]) == {"1": "A", "2": "A", "3": "B", "4": "C", "5": "C"}
    assert abc({"1": 990, "2": 10}, [0.8, 0.95]) == {"1": "A", "2": "C"}
    assert abc({"b": 50, "a": 50}, [0.5, 0.95]) == {"a": "A", "b": "C"}
    assert [xyz(one, [0.5, 1.0]) for one in (0.3, 0.8, 1.4, 0.5, 1.0)] == ["X", "Y", "Z", "X", "Y"]


def test_variation_leaves_out_empty_weeks_and_the_season():
    assert variation([10, None, 10, 10]) == 0
    assert variation([8, 12, 8, 12]) == pytest.approx(0.2)
    assert variation([5, 10, 15], season_index([50, 100, 150])) == pytest.approx(0)
    assert variation([0, 0]) == inf
    assert variation([3, None]) is None


def test_one_factor_meets_the_budget():
    found = fitted({"a": 2.05, "b": 1.65}, {"a": 1000, "b": 2000}, 4280, {})
    assert found == {"a": pytest.approx(1.64), "b": pytest.approx(1.32)}
    assert fitted({"a": 2.05}, {"a": 1000}, 2050, {}) == {"a": 2.05}


def test_floors_hold_and_the_others_take_the_rest():
    assert fitted({"a": 1.0, "b": 1.0}, {"a": 1000, "b": 1000}, 1200, {"a": 0.84}) == {"a": 0.84, "b": pytest.approx(0.36)}
    assert fitted({"a": 1.0, "b": 1.0}, {"a": 1000, "b": 1000}, 500, {"a": 0.84}) == {"a": 0.84, "b": 0}


def test_a_new_class_waits_its_months():
    assert moved("AX", None, None, 0, 2) == ("AX", None, 0)
    assert moved("AX", "BX", None, 0, 2) == ("BX", "AX", 1)
    assert moved("AX", "BX", "AX", 1, 2) == ("AX", None, 0)
    assert moved("BX", "BX", "AX", 1, 2) == ("BX", None, 0)
