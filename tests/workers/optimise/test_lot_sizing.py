"""Joint deliveries against lot-for-lot, against the programme of Wagner and Whitin and against every plan tried."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storeloom.workers.optimise.lot_sizing import Need, cost, joint, lot_for_lot
from storeloom.workers.optimise.plans import PlanFault


def wagner_whitin(days, holding, fee):
    """The published recursion: the best cost up to each day."""
    best = [0.0]
    for end in range(1, len(days) + 1):
        options = [
            best[start] + (fee if any(days[start:end]) else 0) + sum(holding * days[d] * (d - start) for d in range(start, end))
            for start in range(end)
        ]
        best.append(min(options))
    return best[-1]


def test_two_items_share_a_delivery():
    # fee 10; keeping a unit a night costs 1. Lot-for-lot: 3 deliveries, 30. Joint: b's 2 units of day 2 come on day 1 (2), a's day 3 alone
    needs = [Need("a", (4, 0, 9), 1.0), Need("b", (0, 2, 0), 1.0)]
    assert lot_for_lot(needs, 10).cost == 30
    plan = joint(needs, 10)
    assert plan.cost == 22 and plan.deliveries == (0, 2) and plan.orders["b"] == (2, 0, 0)
    assert plan.proof.status == "optimal" and plan.proof.gap == pytest.approx(0, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=2, max_size=7).filter(any), st.integers(1, 3), st.integers(0, 30))
def test_one_item_is_wagner_and_whitin(days, holding, fee):
    assert joint([Need("a", tuple(days), holding)], fee).cost == pytest.approx(wagner_whitin(days, holding, fee))


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=6, max_size=6).filter(any), st.integers(0, 8), st.integers(0, 4), st.sampled_from([None, 2]))
def test_every_plan_of_two_items_and_three_days(days, fee, line_fee, keeps):
    needs = [Need("a", tuple(days[:3]), 1.0, line_fee, keeps), Need("b", tuple(days[3:]), 2.0, line_fee)]

    def plans(one):
        # each day's need comes on that day or one before it
        for made in itertools.product(*(range(day + 1) for day in range(3))):
            yield tuple(sum(one.days[used] for used in range(3) if made[used] == day) for day in range(3))

    best = min(cost(needs, fee, {"a": a, "b": b}) for a in plans(needs[0]) for b in plans(needs[1]))
    assert joint(needs, fee).cost == pytest.approx(best)


def test_goods_that_do_not_keep_say_that_they_bind():
    plan = joint([Need("a", (3, 3, 3, 3), 0.1, keeps=2)], 10)
    assert plan.deliveries == (0, 2) and [note.rule for note in plan.proof.binding] == ["keeps:a"]
    assert plan.proof.binding[0].zh == "a 只能存放 2 天：到期即需再订。"


def test_all_faults_at_once():
    with pytest.raises(PlanFault) as fault:
        joint([Need("a", (1, -2), -1.0), Need("a", (1,), 1.0, keeps=0)], -5)
    assert len(fault.value.findings) == 7
    with pytest.raises(PlanFault):
        joint([], 5)
