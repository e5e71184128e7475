"""One placement, one weighing."""

import pytest

from storeloom.workers.checkout.weighing import new_pan, weigh


def steps(*readings, **limits):
    pan = new_pan()
    return [weigh(pan, {"weight_g": one, "stable": True} if isinstance(one, (int, float)) else one, **limits) for one in readings]


def test_a_placement_counts_once_until_the_pan_was_empty():
    assert steps(0, 754, 754, 754, 0, 754) == ["empty", "placed", "same", "same", "empty", "placed"]


def test_the_first_weight_after_the_start_counts():
    assert steps(754) == ["placed"]


def test_unstable_and_overloaded_readings_wait():
    swinging, over = {"weight_g": 300, "stable": False}, {"weight_g": 9e4, "stable": True, "overload": True}
    assert steps(swinging, over, 400) == ["waiting", "waiting", "placed"]
    assert steps(754, {"weight_g": 0, "stable": False}, 754) == ["placed", "waiting", "same"]


@pytest.mark.parametrize(("last", "step"), [(4, "empty"), (4.1, "waiting"), (-300, "empty"), ({"weight_g": 6, "zero": True}, "empty")])
def test_within_the_zero_band_the_pan_is_empty(last, step):
    assert steps(200, last, zero_g=4, least_g=40)[1] == step


def test_what_is_lighter_than_the_least_sale_waits():
    assert steps(39, 40, zero_g=4, least_g=40) == ["waiting", "placed"]


def test_more_goods_on_the_pan_change_the_weighing_but_make_no_new_one():
    assert steps(200, 204, 205, 203, change_g=4) == ["placed", "same", "changed", "same"]
