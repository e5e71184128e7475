"""Who gets what of short supply, and what lies near the stores."""

import pytest

from storeloom.workers.optimise.stock_sharing import Need, place, safety, share, surplus

NEEDS = {"R1": Need(60, 12, 10), "R2": Need(50, 10, 5), "R3": Need(30, 6, 0)}
Z = 1.881


def test_equal_risk():
    assert share(100, NEEDS, "equal_risk", Z) == {"R1": 39, "R2": 36, "R3": 25}


def test_a_place_above_its_position_is_left_out():
    assert share(100, {**NEEDS, "R1": Need(60, 12, 90)}, "equal_risk", Z) == {"R1": 0, "R2": 61, "R3": 39}


def test_supply_above_all_levels_is_kept_back():
    assert share(1000, {"R": Need(60, 10, 10)}, "equal_risk", 2) == {"R": 70}
    assert share(1000, {"R": Need(60, 10, 10)}, "priority", 2) == {"R": 70}
    assert share(10, {"R": Need(5, 0, 9)}, "equal_risk", 2) == {"R": 0}


def test_priority_and_proportional():
    assert share(100, NEEDS, "priority", 1) == {"R1": 62, "R2": 38, "R3": 0}
    assert share(100, NEEDS, "proportional", Z) == {"R1": 43, "R2": 36, "R3": 21}


def test_without_deviation_means_are_filled_alike():
    assert share(30, {"A": Need(40, 0, 0), "B": Need(20, 0, 0)}, "equal_risk", Z) == {"A": 20, "B": 10}


def test_placement():
    assert surplus(400, 300, 180, 20000, 10000, 0) == 18000
    assert safety(2, (9, 16), 4) == pytest.approx(20)
    assert place({"A": 5, "B": 9, "C": -1, "D": 1}, {"C": True}, {"C": True}, 2) == ["C", "B"]
    assert place({"A": 5, "C": -1}, {"C": True}, {}, 2) == ["A"]
