"""What is still open to buy."""

import pytest

from storeloom.workers.pricing.open_to_buy import open_to_buy, overdraft, rest_of_sales, weeks_of_supply


def test_the_month_as_planned():
    assert open_to_buy(50e6, 5e6, 90e6, 85e6, 38e6) == 22e6
    assert open_to_buy(50e6, 5e6, 90e6, 85e6, 38e6, reserve=0.1) == pytest.approx(19.8e6)
    assert open_to_buy(0, 0, 10, 12, 0, reserve=0.1) == -2


def test_sales_so_far_move_the_rest_by_half_from_the_fifth_day_on():
    assert rest_of_sales(50e6, 18e6, 15, 30, 0.5) == pytest.approx(21.5e6)
    assert rest_of_sales(30e6, 0, 3, 30, 0.5) == pytest.approx(27e6)
    assert rest_of_sales(30e6, 0, 4, 30, 0.5) == pytest.approx(13e6)
    assert rest_of_sales(30e6, 0, 0, 0, 0.5) == 0


def test_excess_by_planned_receipts():
    assert overdraft(24e6, 22e6, 60e6) == (2e6, pytest.approx(1 / 30))
    assert overdraft(20e6, 22e6, 0) == (0, 0)
    assert overdraft(1, 0, 0)[1] == float("inf")


def test_weeks_of_supply():
    assert weeks_of_supply(84, 30, 30) == 12
    assert weeks_of_supply(84, 0, 30) is None
