"""Joint orders against every order tried, their words, and the least set of rules to relax where there is none."""

import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storeloom.core.bench.optimise_stock import made_problem
from storeloom.workers.optimise.joint_orders import (
    Limits,
    Line,
    Problem,
    Supplier,
    gains,
    keeps_rules,
    one_by_one,
    solve,
    value,
    vehicles_for,
)
from storeloom.workers.optimise.plans import PlanFault


def every_order(problem):
    """The best value over all orders that keep the rules; None where none does."""
    best = None
    for sizes in itertools.product(*(range(line.most + 1) for line in problem.lines)):
        cases = {line.item: n for line, n in zip(problem.lines, sizes, strict=True) if n}
        if keeps_rules(problem, cases):
            found = value(problem, cases, vehicles_for(problem, cases))
            best = found if best is None else max(best, found)
    return best


def shop(**limits):
    lines = [Line("milk", "dairy", 10, (9, 6, 1), 5, 6), Line("rice", "dry", 20, (8, 8, 8), 10, 10), Line("tea", "dry", 30, (12, 2), 2, 1)]
    return Problem(lines, [Supplier("dairy"), Supplier("dry")], Limits(**limits))


def test_what_a_further_case_is_worth():
    # demand 4 or 12, position 2, cases of 5: the first case (3rd to 7th unit) sells 2 or 5, the second 0 or 5, the third 0 or 0
    assert gains([4, 12], position=2, case=5, under=3, over=1, most=3) == pytest.approx((4 * 3.5 - 5, 4 * 2.5 - 5, -5))


def test_without_limits_each_item_takes_all_that_gains():
    order = solve(shop())
    assert order.cases == {"milk": 3, "rice": 3, "tea": 2}
    assert (order.proof.status, order.proof.objective, order.spent) == ("optimal", 54, 150)
    assert order.proof.binding == ()


def test_a_budget_takes_what_earns_most_and_says_so():
    # of 60: milk 9 and 6 for 20, then rice 8 + 8 for 40 (31) or tea 12 and a milk 1 (28): all of 60 for 31
    order = solve(shop(budget=60))
    assert order.proof.objective == 31 and order.cases == {"milk": 2, "rice": 2}
    note = order.proof.binding[0]
    assert note.rule == "budget" and note.en == "The budget of 60 binds: one more would earn about 0.4."
    assert note.zh == "预算（60）已用尽：每增加 1 约可多赚 0.4。"


def test_a_fee_or_minimum_not_worth_reaching_drops_the_supplier():
    base = shop(budget=60)
    order = solve(replace(base, suppliers=[Supplier("dairy", fee=20), Supplier("dry")]))
    assert "milk" not in order.cases and [note.rule for note in order.proof.binding] == ["budget", "supplier:dairy"]
    order = solve(replace(base, suppliers=[Supplier("dairy", minimum=31), Supplier("dry")]))
    assert "milk" not in order.cases
    order = solve(replace(base, suppliers=[Supplier("dairy", minimum=30), Supplier("dry")]))
    assert order.cases["milk"] == 3


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_every_order_of_four_items(seed):
    problem = made_problem(4, seed, 3)
    order = solve(problem)
    assert keeps_rules(problem, order.cases) and order.vehicles >= vehicles_for(problem, order.cases)
    assert order.proof.objective == pytest.approx(every_order(problem))
    plain = one_by_one(problem)
    assert plain.proof.status != "feasible" or (keeps_rules(problem, plain.cases) and plain.proof.objective <= order.proof.objective + 1e-6)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=3, max_size=3),
    st.integers(0, 120),
    st.integers(0, 40),
    st.integers(0, 60),
)
def test_musts_and_smallest_orders(sizes, budget, volume, minimum):
    base = shop(budget=budget, volume_l=volume, vehicles=1)
    lines = [replace(line, least=min(a, line.most), minimum=min(b, line.most)) for line, (a, b) in zip(base.lines, sizes, strict=True)]
    problem = Problem(lines, [Supplier("dairy"), Supplier("dry", minimum)], base.limits)
    best, order = every_order(problem), solve(problem)
    if best is None:
        assert order.proof.status == "infeasible" and order.proof.relax
        assert len(order.proof.relax) == fewest(problem)
        assert every_order(loosen(problem, order.proof.relax)) is not None
    else:
        assert order.proof.objective == pytest.approx(best) and not order.proof.relax


def loosen(problem, notes):
    """The problem with the rules of the notes given way by what they say (rounded up a hair)."""
    by = {note.rule: note.by + 1e-6 for note in notes}
    limits = problem.limits
    limits = replace(
        limits,
        budget=limits.budget + by.get("budget", 0.0),
        volume_l=limits.volume_l + by.get("volume", 0.0),
    )
    lines = [
        replace(
            line,
            least=max(0, math.floor(line.least - by.get(f"must:{line.item}", 0.0) + 1e-3)),
            minimum=max(0, math.floor(line.minimum - by.get(f"line:{line.item}", 0.0) + 1e-3)),
        )
        for line in problem.lines
    ]
    suppliers = [replace(one, minimum=max(0.0, one.minimum - by.get(f"supplier:{one.name}", 0.0))) for one in problem.suppliers]
    return Problem(lines, suppliers, limits)


def fewest(problem):
    """The least number of rules without which an order exists, by trying all sets."""
    rules = [
        "budget",
        "volume",
        "supplier:dry",
        *(f"must:{line.item}" for line in problem.lines),
        *(f"line:{x.item}" for x in problem.lines),
    ]
    for count in range(1, len(rules) + 1):
        for chosen in itertools.combinations(rules, count):
            limits = replace(
                problem.limits,
                budget=None if "budget" in chosen else problem.limits.budget,
                volume_l=None if "volume" in chosen else problem.limits.volume_l,
            )
            lines = [
                replace(
                    line,
                    least=0 if f"must:{line.item}" in chosen else line.least,
                    minimum=0 if f"line:{line.item}" in chosen else line.minimum,
                )
                for line in problem.lines
            ]
            suppliers = [replace(one, minimum=0.0 if f"supplier:{one.name}" in chosen else one.minimum) for one in problem.suppliers]
            if every_order(Problem(lines, suppliers, limits)) is not None:
                return count
    return None


def test_the_least_set_of_rules_in_words():
    base = shop(budget=100, weight_kg=25, vehicles=1)
    problem = replace(base, lines=[replace(base.lines[0], least=1), replace(base.lines[1], least=3), base.lines[2]])
    order = solve(problem)
    # milk 1 and rice 3 weigh 36 and cost 70: the payload alone is short, by 11
    assert order.proof.status == "infeasible" and order.proof.objective is None
    (note,) = order.proof.relax
    assert note.rule in ("weight", "must:rice")
    assert note.by == pytest.approx(11 if note.rule == "weight" else 2)


def test_the_same_problem_gives_the_same_order_within_a_bound():
    problem = made_problem(80, 3, 6)
    first, again = solve(problem, nodes=5), solve(problem, nodes=5)
    assert first == again and first.proof.objective <= first.proof.bound and first.proof.gap < 0.02


def test_all_faults_at_once():
    lines = [Line("a", "x", -1, (1, 2)), Line("a", "y", 1, (), least=1)]
    with pytest.raises(PlanFault) as fault:
        solve(Problem(lines, [Supplier("x", math.inf)], Limits(vehicles=-1)))
    assert len(fault.value.findings) == 8
    with pytest.raises(PlanFault):
        solve(Problem([], []))
