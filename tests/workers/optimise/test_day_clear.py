"""Hand-worked: 20 kg of pork at 19:00, target 1 kg."""

import pytest

from storeloom.workers.optimise.day_clear import Steps

STEPS = Steps(10, 70, 15, 5, 50)


@pytest.mark.parametrize(
    ("discount", "stock", "demand", "after"),
    [(0, 20, 12, 10), (10, 17, 10, 20), (20, 13, 8, 30), (30, 7, 6, 30), (0, 20, 4, 20), (65, 20, 0, 70)],
)
def test_an_evening(discount, stock, demand, after):
    assert STEPS.after(discount, stock=stock, at_start=20, demand=demand) == after


def test_nothing_left_asks_for_nothing():
    assert STEPS.after(10, stock=0, at_start=20, demand=0) == 10
    assert STEPS.after(10, stock=-2, at_start=20, demand=0) == 10
