"""Price paths: against every policy tried, against one price by hand, within the fluid bound and the guardrails."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storeloom.core.bench.optimise_stock import every_policy, made_task
from storeloom.workers.optimise.markdown import expected_sales
from storeloom.workers.optimise.plans import PlanFault
from storeloom.workers.optimise.pricing import Guards, Task, allowed, fluid_bound, plan, value_under

LADDER = (1000.0, 900.0, 800.0, 700.0, 600.0, 500.0)
TASK = Task(30, 1000.0, 1000.0, LADDER, (3.0,) * 8, -2.0, 50.0, guards=Guards())


def test_one_day_is_the_best_of_the_ladder():
    task = Task(5, 1000.0, 1000.0, LADDER, (3.0,), -2.0, 100.0)
    worth = {}
    for price in LADDER:
        sold = expected_sales(5, 3.0 * (price / 1000) ** -2)
        worth[price] = price * sold - 100 * (5 - sold)
    found = plan(task)
    assert found.price == max(worth, key=worth.get)
    assert found.proof.objective == pytest.approx(max(worth.values()))
    assert found.fixed == (found.price, pytest.approx(found.proof.objective))


@pytest.mark.parametrize("seed", range(8))
def test_every_policy_of_two_days(seed):
    task = made_task(seed)
    assert plan(task).proof.objective == pytest.approx(every_policy(task))


@settings(max_examples=12, deadline=None)
@given(st.floats(-4, -0.3), st.integers(1, 40), st.floats(0, 300), st.sampled_from([None, 0.15, 0.4]), st.integers(1, 3))
def test_between_the_best_single_price_and_the_fluid_bound(elasticity, stock, disposal, cut, hold):
    task = replace(TASK, elasticity=elasticity, stock=stock, disposal_cost=disposal, guards=Guards(most_cut=cut, hold_days=hold))
    found = plan(task)
    assert found.proof.objective <= fluid_bound(task) + 1e-6
    assert found.proof.objective >= found.fixed[1] - 1e-6
    prices = [price for price, _ in found.path]
    assert prices == sorted(prices, reverse=True)
    if cut is not None:
        assert all(after >= before * (1 - cut) - 1e-9 for before, after in zip([1000.0, *prices], prices, strict=False))
    runs = [len([price for price in prices if price == one]) for one in dict.fromkeys(prices)]
    assert all(length >= hold for length in runs[:-1] if prices[0] != 1000.0 or length != runs[0])


def test_guardrails_cost_what_they_say():
    free = plan(replace(TASK, guards=Guards(never_up=False))).proof.objective
    held = plan(replace(TASK, guards=Guards(least_price=900.0, never_up=False)))
    note = held.proof.binding[0]
    assert note.rule == "least_price" and note.by == pytest.approx(free - held.proof.objective)
    assert note.zh.startswith("最低价 900：取消后可多赚")
    assert min(price for price, _ in held.path) >= 900
    none = plan(replace(TASK, guards=Guards(most_changes=0)))
    assert {price for price, _ in none.path} == {1000.0}


def test_more_stock_never_raises_the_price_and_more_days_never_lower_it():
    task = replace(TASK, guards=Guards(never_up=False))
    prices = [plan(replace(task, stock=stock)).price for stock in (5, 15, 30, 60)]
    assert prices == sorted(prices, reverse=True) and prices[0] > prices[-1]
    assert plan(replace(task, daily=(3.0,) * 12)).price >= plan(task).price


def test_another_elasticity_shows_what_the_path_would_lose():
    found = plan(TASK)
    for elasticity in (-1.0, -3.0):
        kept, best = value_under(TASK, found, elasticity)
        assert kept <= best + 1e-9
    kept, best = value_under(TASK, found, TASK.elasticity)
    assert kept == pytest.approx(best) == pytest.approx(found.proof.objective)


def test_no_price_is_allowed():
    task = replace(TASK, present=500.0, guards=Guards(least_price=600.0))
    found = plan(task)
    assert found.price is None and found.proof.status == "infeasible"
    assert [note.rule for note in found.proof.relax] in (["least_price"], ["never_up"])
    assert plan(replace(task, guards=Guards(least_price=600.0, never_up=False))).price >= 600


def test_steps_that_guardrails_allow():
    task = replace(TASK, guards=Guards(least_price=600.0, most_cut=0.2, hold_days=2, most_changes=1))
    assert allowed(task, 1000.0, 800.0, held=2, changes=0)
    assert not allowed(task, 1000.0, 700.0, held=2, changes=0)
    assert not allowed(task, 1000.0, 900.0, held=1, changes=0)
    assert not allowed(task, 1000.0, 900.0, held=2, changes=1)
    assert not allowed(task, 900.0, 1000.0, held=2, changes=0)
    assert not allowed(task, 600.0, 500.0, held=2, changes=0)


def test_all_faults_at_once():
    with pytest.raises(PlanFault) as fault:
        plan(Task(-1, 0.0, 3.0, (1.0, 1.0), (), 0.5, -1.0, 2.0, Guards(hold_days=0, most_cut=2.0)))
    assert len(fault.value.findings) == 10
