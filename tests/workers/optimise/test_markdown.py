"""The markdown model, against values worked by hand."""

import pytest

from storeloom.workers.optimise.markdown import Lot, Terms, allowed, best_step, expected_sales, value_of

TERMS = Terms(elasticity=1.8, cannibal_share=0.2, disposal_cost=50)
LOT = Lot(units=12, price=1000, daily_demand=4, days=2)


@pytest.mark.parametrize(
    ("discount", "units", "value"),
    [(0, 7.870, 7664), (20, 10.606, 7868), (30, 11.596, 7352), (50, 12.000, 5174), (70, 12.000, 2774)],
)
def test_units_and_value_of_each_step(discount: int, units: float, value: float) -> None:
    step = value_of(LOT, TERMS, discount)
    assert step.units == pytest.approx(units, abs=5e-4)
    assert step.value == pytest.approx(value, abs=0.5)


def test_the_most_valuable_step_wins() -> None:
    best = best_step(LOT, TERMS, [0, 20, 30, 50, 70])
    assert best is not None
    assert best.discount == 20


def test_without_demand_all_steps_are_equal_and_the_smallest_wins() -> None:
    best = best_step(Lot(units=5, price=1000, daily_demand=0, days=2), TERMS, [30, 0, 20])
    assert best is not None
    assert (best.discount, best.units, best.value) == (0, 0.0, -250.0)


def test_nothing_to_choose_from() -> None:
    assert best_step(LOT, TERMS, []) is None


def test_expected_sales_of_one_piece_is_the_chance_of_any_buyer() -> None:
    assert expected_sales(1, 2.0) == pytest.approx(1 - 2.718281828**-2)
    assert expected_sales(0.5, 2.0) == pytest.approx(0.5 * (1 - 2.718281828**-2))
    assert expected_sales(0, 2.0) == expected_sales(3, 0) == 0


def test_a_mean_far_over_the_stock_sells_it_all() -> None:
    assert expected_sales(12, 2000) == pytest.approx(12)


def test_steps_neither_go_back_nor_under_the_lowest_price() -> None:
    assert allowed([0, 20, 30, 50], price=1000, present=20, least_price=600) == [20, 30]
    assert allowed([0, 20], price=1000, present=0, least_price=1001) == []
