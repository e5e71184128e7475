from fractions import Fraction

import pytest

from storeloom.workers.insight import commission

BANDS = [{"from": 0, "pct": 1.0}, {"from": 5000000, "pct": 1.5}]


def test_the_serving_and_the_binding_guide_share():
    assert commission.in_store("g1", "g2", 70) == [("g1", 70), ("g2", 30)]
    assert commission.in_store("g1", "g1", 70) == [("g1", 100)]
    assert commission.in_store(None, "g2", 70) == [("g2", 100)]
    assert commission.in_store(None, None, 70) == [("", 100)]


@pytest.mark.parametrize(("amount", "parts"), [(2000000, (1400000, 600000)), (5, (4, 1)), (-5, (-4, -1)), (0, (0, 0))])
def test_a_split_leaves_nothing(amount, parts):
    assert tuple(commission.split(amount, [("g1", 70), ("g2", 30)]).values()) == parts


def test_bands_pay_the_part_above_each_border():
    assert commission.banded(6000000, BANDS) == 65000
    assert commission.banded(4999999, BANDS) == Fraction(4999999, 100)
    assert commission.banded(-5, BANDS) == 0
    assert commission.banded(300, [{"from": 100, "pct": 10}]) == 20


def test_categories_of_their_own_and_rounding():
    assert commission.commission({"shoes": 150, "gold": 1000}, BANDS, {"gold": 0.5}) == 7, "1.5 + 5 rounded half up"
    assert commission.commission({"gold": -1000, "shoes": 10000}, BANDS, {"gold": 0.5}) == 100


def test_guides_are_ranked_by_net():
    book = {"g2": {"a": 5, "b": -1}, "g1": {"a": 4}, "": {"a": 90}, "g3": {"a": 7}}
    assert commission.ranked(book) == [("g3", 7), ("g1", 4), ("g2", 4)]


def test_a_negative_is_carried():
    assert commission.carried({"shoes": -500, "bags": 200, "gold": -7}, {"gold": 1}) == {"": -300, "gold": -7}
    assert commission.carried({"shoes": 5}, {}) == {}
