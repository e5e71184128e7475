"""Policies on the same days: the baseline is itself, common days, learning only from before, faults."""

import numpy as np
import pytest

from storeloom.workers.optimise.perishable import Costs, Flow
from storeloom.workers.optimise.policies import (
    BASELINE,
    Case,
    Levels,
    fill_rate_r_s,
    fixed_s_s,
    judge,
    least_cost,
    least_cost_ewa,
    normal_r_s,
)
from storeloom.workers.optimise.stock_input import OrderFault


def cases(count=6, life=3, days=84, seed=3):
    rng = np.random.default_rng(seed)
    week = np.tile([0.8, 0.8, 0.8, 0.9, 1.2, 1.4, 1.1], 40)
    found = []
    for number in range(count):
        demand = rng.poisson((3 + 2 * number) * week[: 112 + days]).astype(float)
        found.append(Case(f"i{number}", demand[:112], demand[112:], Flow(2, 0, life, fresh_pick=0.3), Costs(3, 7, 0.02, 1)))
    return found


def test_fresh_goods_cost_least_by_the_policy_that_counts_waste():
    found = judge(cases(), {BASELINE: fixed_s_s, "normal": normal_r_s, "least": least_cost, "ewa": least_cost_ewa}, every=42)
    rows = {row["policy"]: row for row in found.table.iter_rows(named=True)}
    assert (rows[BASELINE]["ratio"], rows[BASELINE]["low"], rows[BASELINE]["high"]) == (1, 1, 1)
    assert rows["least"]["high"] < 1 and rows["ewa"]["high"] < 1
    assert rows["least"]["waste_share"] < rows[BASELINE]["waste_share"]
    assert found.by_item.select(BASELINE).sum().item() == pytest.approx(rows[BASELINE]["cost"])


def test_the_fill_rate_is_what_was_asked_for_goods_that_keep():
    found = judge(cases(life=None, days=140), {BASELINE: fixed_s_s, "fill": fill_rate_r_s}, every=28)
    assert found.table["fill_rate"].to_list()[1] == pytest.approx(0.98, abs=0.012)


def test_policies_learn_only_from_days_before():
    seen = []

    def watch(history, flow, costs):
        seen.append(history.size)
        return Levels(5.0, 10.0)

    judge(cases(count=2), {BASELINE: watch, "again": watch}, every=28)
    assert seen == [112, 112, 112, 140, 168, 112, 140, 168]


def test_equal_policies_cost_the_same_whatever_the_seed():
    def plain(history, flow, costs):
        return Levels(12.0, 20.0)

    found = judge(cases(count=3), {BASELINE: plain, "twin": plain}, seed=9)
    row = found.table.row(1, named=True)
    assert (row["ratio"], row["low"], row["high"]) == (1, 1, 1)


def test_a_day_by_hand():
    # demand 4 each day, up to 10 whenever under it, sold the next morning: nothing is ever lost, 6 are left each night, one line a day
    flat = [Case(f"i{n}", np.full(56, 4.0), np.full(14, 4.0), Flow(), Costs(5, 0, 0.5, 2)) for n in range(2)]
    found = judge(flat, {BASELINE: lambda history, flow, costs: Levels(9.0, 10.0)}, warm_up=0)
    row = found.table.row(0, named=True)
    assert (row["fill_rate"], row["in_stock"], row["stock"], row["lines"]) == (1, 1, 12, 2)
    assert row["cost"] == pytest.approx(2 * (6 * 0.5 + 2))


def test_faults_all_at_once():
    wrong = [
        Case("a", np.full(20, 1.0), np.full(60, 1.0), Flow(), Costs(1, 1)),
        Case("b", np.full(60, -1.0), np.full(50, np.nan), Flow(), Costs(1, 1)),
    ]
    with pytest.raises(OrderFault) as fault:
        judge(wrong, {"x": fixed_s_s}, every=0)
    codes = [one.code for one in fault.value.findings]
    assert codes == ["SL-ORD-04", "SL-ORD-04", "SL-ORD-04", "SL-ORD-03", "SL-ORD-02", "SL-ORD-04"]
