"""The knapsack of coupons: the worked members, the greedy against the exact plan."""

import random

import pytest

from storeloom.workers.optimise.coupon_allocation import Option, allocate, option

M1 = option("c5", 0.65, 0.60, 2000, 500)
M2 = option("c5", 0.30, 0.10, 2000, 500)
M3 = option("c5", 0.20, 0.05, 2000, 500)
WORKED = {"m1": [M1], "m2": [M2], "m3": [M3]}


def test_profit_and_cost_of_the_worked_members() -> None:
    assert M1[1:] == pytest.approx((-225, 325))
    assert M2[1:] == pytest.approx((250, 150))
    assert M3[1:] == pytest.approx((200, 100))


@pytest.mark.parametrize("exact", [5000, 0])
def test_budgets_of_the_worked_members(exact: int) -> None:
    assert set(allocate(WORKED, 250, exact=exact)) == {"m2", "m3"}
    assert allocate(WORKED, 0, exact=exact) == {}
    assert set(allocate(WORKED, 1e6, exact=exact)) == {"m2", "m3"}  # the sure buyer never


def test_the_exact_plan_takes_the_better_one_where_both_do_not_fit() -> None:
    assert set(allocate(WORKED, 200)) == {"m2"}
    assert set(allocate(WORKED, 200, exact=0)) == {"m3"}  # 2 a unit of cost against 1.67


def test_one_coupon_a_member_and_the_dearer_only_where_it_pays() -> None:
    choices = {"m": [Option("c5", 100, 50), Option("c10", 120, 100), Option("c8", 101, 99)]}
    for exact in (5000, 0):
        assert allocate(choices, 99, exact=exact)["m"].arm in ("c5", "c8")
        assert allocate(choices, 100, exact=exact)["m"].arm == "c10"
        assert allocate(choices, 60, exact=exact)["m"].arm == "c5"


def test_the_greedy_is_off_by_less_than_one_step() -> None:
    rng = random.Random(4)
    for _ in range(20):
        members = {
            f"m{n}": [option(arm, rng.uniform(0.05, 0.6), rng.uniform(0, 0.4), rng.uniform(500, 4000), face) for arm, face in
                      (("c5", 500), ("c10", 1000))] for n in range(40)
        }  # fmt: skip
        best, greedy = allocate(members, 1500), allocate(members, 1500, exact=0)
        profit, less = (sum(one.profit for one in plan.values()) for plan in (best, greedy))
        assert sum(one.cost for one in best.values()) <= 1500.5 and sum(one.cost for one in greedy.values()) <= 1500.0001
        assert profit >= less - 0.5
        assert profit - less < max(one.profit for choices in members.values() for one in choices)
