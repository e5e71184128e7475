"""Costs of goods by three methods, worked by hand."""

import pytest

from storeloom.workers.insight import stock_cost


def stocked():
    account = stock_cost.new(400, 10)
    stock_cost.receive(account, 20, 550)
    return account


@pytest.mark.parametrize(("method", "cost"), [("moving_average", 9000), ("fifo", 8400), ("stocktake", 9000)])
def test_18_of_30_kg_are_sold(method, cost):
    account = stocked()
    assert account["unit"] == 500
    assert stock_cost.sell(account, 18, "store", method) == pytest.approx(cost)
    assert account["qty"] == 12


@pytest.mark.parametrize(
    ("method", "loss", "effective"), [("moving_average", 1000, 10000 / 18), ("fifo", 1100, 9500 / 18), ("stocktake", 1000, 10000 / 18)]
)
def test_a_count_finds_10_kg(method, loss, effective):
    account = stocked()
    stock_cost.sell(account, 18, "store", method)
    assert stock_cost.count(account, 10, method) == pytest.approx(loss)
    assert stock_cost.effective_unit_cost(account) == pytest.approx(effective)
    assert account["qty"] == 10


def test_waste_is_booked_at_once_but_by_stocktake_at_the_count():
    booked, counted = stocked(), stocked()
    assert stock_cost.lose(booked, 2, "moving_average") == 1000
    assert stock_cost.count(booked, 28, "moving_average") == 0
    assert stock_cost.lose(counted, 2, "stocktake") == 0
    assert stock_cost.count(counted, 28, "stocktake") == 1000


@pytest.mark.parametrize("method", ["moving_average", "fifo"])
def test_what_was_sold_short_is_revalued_by_the_next_receipt(method):
    account = stock_cost.new(100, 2)
    assert stock_cost.sell(account, 5, "store", method) == 500
    assert stock_cost.receive(account, 10, 120) == pytest.approx(60), "three units cost 20 more"
    assert (account["qty"], account["unit"]) == (7, 120)
    assert stock_cost.sell(account, 1, "store", method) == 120


def test_a_return_comes_back_at_its_cost_and_a_transfer_out_costs_nothing():
    account = stocked()
    assert stock_cost.sell(account, -1, "store", "fifo") == -400
    assert stock_cost.sell(account, 11, "store", "fifo") == 4400
    stock_cost.move_out(account, 20, "fifo")
    assert (account["qty"], account["period"]["in_qty"], account["period"]["cost"]) == (0, 10, 4000)


def test_the_deepest_discount_that_still_earns():
    assert stock_cost.deepest(800, 10000 / 18, [10, 20, 30, 40], 10) == 20
    assert stock_cost.deepest(800, 10000 / 18, [10, 20, 30, 40], 0) == 30
    assert stock_cost.deepest(500, 10000 / 18, [10, 20], 10) is None
