"""Handing over one by one to whoever has fewest."""

import pytest

from storeloom.workers.optimise.handover import hand_over


def test_five_members_to_two_guides():
    assert list(hand_over({"g2": 12, "g1": 10}, ["a", "b", "c", "d", "e"]).values()) == ["g1", "g1", "g1", "g2", "g1"]


def test_nobody_and_nothing():
    assert hand_over({}, []) == {} == hand_over({"g1": 3}, [])
    with pytest.raises(ValueError, match="nobody to take a"):
        hand_over({}, ["a"])
