import math

import pytest

from storeloom.workers.optimise import promo_calendar as pc

RICE = pc.Offer(100, 1000, 700, -2.5, funding=60)


def candidate(product, week, gain, depth=10, spend=0.0, category="c"):
    return pc.Candidate(product, category, week, depth, gain, spend)


def planned(candidates, **more):
    settings = {"slots": 1, "cooldown": 4, "taken": {}, "busy": {}, "budget": None, "work": 5} | more
    return [(one.product, one.week, one.depth) for one in pc.calendar(candidates, **settings)[0]]


def test_depths_by_hand():
    found = [pc.simulate(RICE, price) for price in (900, 850, 800)]
    assert [round(one.units, 1) for one in found] == [130.1, 150.1, 174.7]
    assert [round(one.gain) for one in found] == [3835, 1526, -2049]
    assert round(pc.simulate(pc.Offer(100, 1000, 700, -2.5), 900).gain) == -3973


def test_supply_siblings_display_and_fixed_cost():
    capped = pc.simulate(pc.Offer(100, 1000, 700, -2.5, funding=60, most=110), 900)
    assert (capped.units, capped.gain) == (110, pytest.approx(110 * 260 - 30000))
    lost = pc.simulate(pc.Offer(100, 1000, 700, -2.5, funding=60, lost=50, fixed=1000), 900)
    assert lost.gain == pytest.approx(3835.1 - 30.135 * 50 - 1000, abs=1) and lost.spend == pytest.approx(130.135 * 40 + 1000, abs=1)
    assert pc.simulate(pc.Offer(100, 1000, 700, -2.5, display=2), 1000).units == 200


def test_two_products_of_a_category():
    both = [candidate("a", 0, 3835), candidate("b", 0, 5000)]
    assert planned(both) == [("b", 0, 10)]
    weeks = [candidate(name, week, gain) for name, gain in (("a", 3835), ("b", 5000)) for week in (0, 1)]
    found = planned(weeks)
    assert {name for name, _, _ in found} == {"a", "b"} and {week for _, week, _ in found} == {0, 1}


def test_rest_budget_and_what_stands():
    weeks = [candidate("a", week, 100) for week in range(6)]
    assert planned(weeks) == [("a", 0, 10), ("a", 5, 10)] and len(planned(weeks, cooldown=0)) == 6
    assert planned(weeks, busy={"a": [-1]}) == [("a", 4, 10)]
    assert planned(weeks, taken={("c", 0): 1}) == [("a", 1, 10)]
    dear = [candidate("a", 0, 100, 20, 50.0), candidate("a", 0, 90, 10, 20.0)]
    assert planned(dear, budget=30) == [("a", 0, 10)] and planned(dear, budget=50) == [("a", 0, 20)]
    assert planned(dear, budget=10) == [] and planned([candidate("a", 0, -1)]) == []


def test_ties_go_to_the_lower_depth_then_the_earlier_week():
    assert planned([candidate("a", 0, 100, 20), candidate("a", 0, 100, 10), candidate("a", 1, 100, 10)]) == [("a", 0, 10)]


def test_elasticity_is_drawn_to_the_prior():
    point = (0.9, 0.9**-4)
    assert pc.elasticity([], -2.5, 4) == -2.5
    assert pc.elasticity([point], -2.5, 4) == pytest.approx((-4 + 3 * -2.5) / 4)
    assert pc.elasticity([point] * 5, -2.5, 4) == pytest.approx(-4)
    assert pc.elasticity([(0.9, 0.9**-20)] * 4, -2.5, 4) == -8 and pc.elasticity([(0.9, 0.5)] * 4, -2.5, 4) == -0.1
    assert pc.elasticity([(1.0, 2.0), (0.9, 0.0)], -2.5, 4) == -2.5


def test_a_busy_week_is_learnt_from_its_kind():
    history, marks = {"w1": 100, "w2": 100, "w3": 150}, {"w3": ["festival"]}
    assert pc.week_factor(["festival"], history, marks) == pytest.approx(1.5)
    assert pc.week_factor(["hot"], history, marks) == 1 and pc.week_factor([], history, marks) == 1


def test_ranges():
    low, high = pc.range_80(100, [])
    assert (high - 100) == pytest.approx(12.8155, abs=1e-3) and low == pytest.approx(200 - high)
    assert pc.range_80(100, [0.8, 0.9, 1.0, 1.1, 1.2]) == pytest.approx((84, 116))
    assert math.isfinite(pc.range_80(0, [])[0])
