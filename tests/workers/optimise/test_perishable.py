"""Stock by age: days worked by hand, the newsvendor as the case of one day, an exact Markov chain as the case of two."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson

from storeloom.workers.optimise.order_up_to import newsvendor
from storeloom.workers.optimise.perishable import Costs, Flow, best_level, paths, simulate
from storeloom.workers.optimise.stock_input import OrderFault


def course(days, flow, up_to, **more):
    return simulate(np.array([days], dtype=float), flow, np.array([float(up_to)]), **more)


def test_two_days_of_life_oldest_first():
    # morning 1: 5 fresh, 2 sold, 3 left of 1 day; +2. Day 2: 3 old and 2 fresh, 1 sold: 2 old thrown away, 2 left; +3.
    # Day 3: 2 old and 3 fresh, 4 sold: 1 left
    ran = course([2, 1, 4], Flow(life_days=2), 5)
    assert (ran.sold[0], ran.wasted[0], ran.received[0], ran.lost[0]) == (7, 2, 5, 0)
    assert ran.stock[0] == pytest.approx((3 + 2 + 1) / 3)


def test_two_days_of_life_freshest_first():
    # day 2 sells a fresh one: 3 old thrown away, 1 left, +4; day 3: 1 old and 4 fresh, 4 sold fresh: the old one thrown away
    ran = course([2, 1, 4], Flow(life_days=2, fresh_pick=1.0), 5)
    assert (ran.sold[0], ran.wasted[0], ran.lost[0]) == (7, 4, 0)


def test_lead_time_cases_and_reviews():
    # reviewed on days 1 and 3; two days without the goods; up to 6 in cases of 4
    ran = course([3, 3, 3, 3, 3, 0], Flow(review_days=2, lead_days=1, case=4), 6)
    # day 1: 3 left, need 3: a case, there on day 3. Day 2: none left. Day 3: 4 there, 3 sold, 1 left, need 5: two cases for day 5.
    # Day 4: 1 sold of 3. Day 5: 8 there, 3 sold. Day 6: none wanted
    assert ran.received[0] == 12
    assert (ran.sold[0], ran.lost[0]) == (13, 2)
    assert ran.in_stock[0] == pytest.approx(5 / 6)


def test_an_order_waits_for_its_point():
    ran = course([1, 1, 1, 1], Flow(), 4, reorder=np.array([1.0]))
    assert ran.lines[0] == 1 and ran.received[0] == 3


def test_ewa_orders_what_will_be_thrown_away():
    # 3 left from day 1 will be 2 too many on day 2 (mean 1), so that EWA orders 4 for day 3 where the plain rule orders 2; 4 are wanted
    flow = Flow(lead_days=1, life_days=2)
    plain = course([2, 1, 4, 0], flow, 5, expected=np.array([1.0]))
    aware = course([2, 1, 4, 0], Flow(lead_days=1, life_days=2, ewa=True), 5, expected=np.array([1.0]))
    assert (plain.lost[0], aware.lost[0]) == (2, 0)


@given(
    st.lists(st.integers(0, 9), min_size=8, max_size=30),
    st.integers(1, 4) | st.none(),
    st.integers(0, 3),
    st.integers(1, 3),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.integers(0, 30),
    st.sampled_from([1, 5]),
)
def test_no_unit_appears_or_vanishes(days, life, lead, review, pick, up_to, case):
    ran = course(days, Flow(review, lead, life, case=case, fresh_pick=pick), up_to)
    ordered = ran.left[0] + ran.sold[0] + ran.wasted[0] - up_to
    assert ordered >= -1e-9 and ordered % case == pytest.approx(0, abs=1e-6)
    assert np.all(ran.lost >= -1e-9) and ran.sold[0] + ran.lost[0] == pytest.approx(sum(days))


def test_goods_of_one_day_are_the_newsvendor():
    rng = np.random.default_rng(4)
    days = rng.poisson(12, (40, 120)).astype(float)
    level = best_level(days, Flow(life_days=1), Costs(lost=3, waste=1), warm_up=0)
    assert level.up_to == newsvendor(days.ravel(), under=3, over=1).qty


def chain_cost(mean, level, lost, waste):
    """Long-run cost of up-to-`level` for goods of two days, oldest first: the old units are the state; solved exactly."""
    size = level + 1
    moves, costs = np.zeros((size, size)), np.zeros(size)
    for old, demand in itertools.product(range(size), range(60)):
        chance = poisson.pmf(demand, mean)
        fresh = level - old
        from_fresh = min(fresh, max(0, demand - old))
        moves[old, fresh - from_fresh] += chance
        costs[old] += chance * (lost * max(0, demand - level) + waste * max(0, old - demand))
    moves /= moves.sum(axis=1, keepdims=True)
    values, vectors = np.linalg.eig(moves.T)
    stable = np.real(vectors[:, np.argmax(np.real(values))])
    return float(stable / stable.sum() @ costs)


def test_goods_of_two_days_against_an_exact_chain():
    exact = {level: chain_cost(5, level, 3, 4) for level in range(6, 16)}
    days = np.random.default_rng(8).poisson(5, (300, 200)).astype(float)
    found = best_level(days, Flow(life_days=2), Costs(3, 4), levels=np.arange(6.0, 16.0), warm_up=20)
    assert found.up_to == min(exact, key=exact.get)
    for level, cost in found.tried:
        assert cost == pytest.approx(exact[level], rel=0.03, abs=0.03)
    assert found.low <= found.up_to <= found.high


def test_first_in_first_out_wastes_less_and_stands_higher():
    days = np.random.default_rng(1).poisson(6, (60, 150)).astype(float)
    first, last = (best_level(days, Flow(1, 1, 3, fresh_pick=pick), Costs(3, 4)) for pick in (0.0, 1.0))
    assert first.cost < last.cost and first.waste_share < last.waste_share and first.up_to > last.up_to


def test_drawn_weeks_keep_their_days():
    history = np.tile([1, 2, 3, 4, 5, 6, 7], 6)
    drawn = paths(history, 20, 5, seed=0)
    assert drawn.shape == (5, 20) and (drawn == drawn[0]).all() and drawn[0, :7].tolist() == [1, 2, 3, 4, 5, 6, 7]
    gaps = np.where(np.arange(42) < 7, np.nan, history)
    assert not np.isnan(paths(gaps, 14, 3, seed=0)).any()
    with pytest.raises(OrderFault, match="whole weeks"):
        paths([1.0, np.nan] * 20, 14, 3, seed=0)


def test_wrong_flows_are_named_at_once():
    with pytest.raises(OrderFault) as fault:
        best_level(np.ones((2, 60)), Flow(0, -1, 0, case=0, minimum=-1, fresh_pick=2), Costs(1, -1))
    assert len(fault.value.findings) == 7
    with pytest.raises(OrderFault, match="days a path"):
        best_level(np.ones((2, 10)), Flow(), Costs(1, 1))
