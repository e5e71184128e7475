from datetime import UTC, datetime, timedelta

import pytest

from storeloom.workers.optimise import weighed_slot

AT = datetime(2026, 3, 2, 2, tzinfo=UTC)


def test_the_first_weight_counts_the_nearest_whole_number():
    assert weighed_slot.begin(9120, 1200, 330)["count"] == 24
    assert weighed_slot.begin(1100, 1200, 330)["count"] == 0


@pytest.mark.parametrize(("change", "units"), [(-990, -3), (-130, None), (-1650, -5), (49, 0), (50, None), (6700, None), (379.5, 1)])
def test_a_change_is_a_whole_number_of_units_or_nothing_sure(change, units):
    assert weighed_slot.units(change, 330, 0.15) == units


def test_units_are_net_within_the_window_both_ends_included():
    slot, window = weighed_slot.begin(9120, 1200, 330), timedelta(seconds=10)
    assert weighed_slot.move(slot, -3, 8130, AT, window) == 3
    assert weighed_slot.move(slot, 1, 8460, AT + timedelta(seconds=4), window) == 2
    assert weighed_slot.move(slot, -3, 7470, AT + timedelta(seconds=10), window) == 5
    assert weighed_slot.move(slot, 0, 7470, AT + timedelta(seconds=11), window) == 2
    assert (slot["count"], slot["sure"]) == (19, 7470)


def test_a_near_estimate_is_learnt_and_a_far_one_is_not():
    assert weighed_slot.learn(330, 6700, 20, 0.05, 0.02) == pytest.approx((330.25, 5 / 330))
    assert weighed_slot.learn(330, 7000, 20, 0.05, 0.02) == pytest.approx((330, 20 / 330))
