"""Association rules: FP-growth against direct counting, one rule by hand, what chance leaves standing, the store's own counts."""

from collections import Counter
from itertools import combinations
from math import comb, exp, sqrt

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storeloom.workers.insight import basket_rules
from storeloom.workers.insight.faults import InsightFault
from storeloom.workers.insight.proportions import false_discovery, wilson
from storeloom.workers.insight.rules import association_rules, baskets_of, frequent_sets
from tests.conftest import DATA


def counted(baskets, least, longest):
    found = Counter(part for basket in baskets for size in range(1, longest + 1) for part in combinations(sorted(set(basket)), size))
    return {items: count for items, count in found.items() if count >= least}


@settings(max_examples=150, deadline=None)
@given(st.lists(st.frozensets(st.sampled_from("abcdefg"), max_size=7), max_size=30), st.integers(1, 4), st.integers(1, 5))
def test_fp_growth_is_direct_counting(baskets, least, longest):
    assert frequent_sets(baskets, least=least, longest=longest) == counted(baskets, least, longest)


def test_the_figures_of_a_rule_by_hand():
    baskets = [{"bread", "butter"}] * 30 + [{"bread"}] * 20 + [{"butter"}] * 10 + [{"milk"}] * 40
    table = association_rules(baskets)
    row = table.filter(pl.col("consequent") == "butter").row(0, named=True)
    assert (row["antecedent"], row["together"], row["with_antecedent"], row["with_consequent"], row["baskets"]) == (
        ["bread"],
        30,
        50,
        40,
        100,
    )
    assert (row["support"], row["confidence"], row["lift"], row["leverage"]) == pytest.approx((0.3, 0.6, 1.5, 0.3 - 0.5 * 0.4))
    assert row["conviction"] == pytest.approx((1 - 0.4) / (1 - 0.6))
    # log lift by the delta method: slopes 1/.3 - 1/.5 - 1/.4, -1/.5, -1/.4 on cells .3, .2, .1
    slopes = [(0.3, 1 / 0.3 - 1 / 0.5 - 1 / 0.4), (0.2, -1 / 0.5), (0.1, -1 / 0.4)]
    se = sqrt((sum(p * g * g for p, g in slopes) - sum(p * g for p, g in slopes) ** 2) / 100)
    assert row["lift_low"] == pytest.approx(1.5 * exp(-1.959964 * se)) and row["lift_high"] == pytest.approx(1.5 * exp(1.959964 * se))
    assert (row["confidence_low"], row["confidence_high"]) == pytest.approx(wilson(30, 50))
    tail = sum(comb(50, k) * comb(50, 40 - k) for k in range(30, 41)) / comb(100, 40)
    assert row["p_value"] == pytest.approx(tail)
    # three frequent items form three pairs; Benjamini and Yekutieli: one test shown of three, 1 + 1/2 + 1/3
    assert row["q_value"] == pytest.approx(tail * 3 * (1 + 1 / 2 + 1 / 3))


def test_a_rule_that_never_fails_has_no_bound_on_conviction():
    row = association_rules([{"a", "b"}] * 6 + [{"b"}] * 6 + [{"c"}] * 3).filter(pl.col("consequent") == "b").row(0, named=True)
    assert row["confidence"] == 1.0 and row["conviction"] == float("inf")
    low = wilson(6, 6)[0]
    assert row["conviction_low"] == pytest.approx((1 - 12 / 15) / (1 - low))


def test_a_planted_pair_survives_and_chance_does_not():
    rng = np.random.default_rng(2)
    baskets = [{f"i{item}" for item in np.flatnonzero(rng.random(60) < 0.06)} for _ in range(3_000)]
    alone = association_rules(baskets)
    assert alone.height > 1_000 and (alone["p_value"] < 0.05).sum() > 30, "many look significant, one by one"
    assert (alone["q_value"] <= 0.05).sum() == 0
    planted = [basket | {"i1"} if "i0" in basket and rng.random() < 0.5 else basket for basket in baskets]
    sure = association_rules(planted).filter(pl.col("q_value") <= 0.05)
    assert {(tuple(a), c) for a, c in sure.select("antecedent", "consequent").iter_rows()} == {(("i0",), "i1"), (("i1",), "i0")}


def test_lift_intervals_cover_independence_as_often_as_they_say():
    rng = np.random.default_rng(11)
    covered = []
    for _ in range(150):
        draws = rng.random((1_000, 2)) < (0.3, 0.2)
        baskets = [{name for name, inside in zip("ab", row, strict=True) if inside} for row in draws]
        row = association_rules(baskets).row(0, named=True)
        covered.append(row["lift_low"] <= 1 <= row["lift_high"])
    assert 0.90 <= np.mean(covered) <= 0.99


def test_longer_rules_have_one_consequent_and_the_counts_of_their_parts():
    baskets = [{"a", "b", "c"}] * 12 + [{"a", "b"}] * 8 + [{"c"}] * 30
    table = association_rules(baskets, longest=3)
    row = table.filter((pl.col("consequent") == "c") & (pl.col("antecedent").list.len() == 2)).row(0, named=True)
    assert (row["antecedent"], row["together"], row["with_antecedent"], row["with_consequent"]) == (["a", "b"], 12, 20, 42)
    assert table.filter(pl.col("confidence") < 0.5).height > 0
    assert association_rules(baskets, longest=3, min_confidence=0.5)["confidence"].min() >= 0.5


def test_the_stores_running_counts_agree():
    rng = np.random.default_rng(5)
    baskets = [sorted({f"i{n}" for n in rng.integers(0, 8, 3)}) for _ in range(400)]
    counts = {}
    for basket in baskets:
        basket_rules.count_basket(counts, basket)
    theirs = {(one.item, one.other): one for _, found in basket_rules.rules(counts, min_lift=0.0, most=99) for one in found}
    ours = association_rules(baskets, min_support=0.0, min_together=2)
    assert {(a[0], c) for a, c in ours.select("antecedent", "consequent").iter_rows()} == set(theirs)
    for antecedent, consequent, together, lift in ours.select("antecedent", "consequent", "together", "lift").iter_rows():
        one = theirs[antecedent[0], consequent]
        assert (one.together, one.lift) == (together, pytest.approx(lift))


def test_false_discovery_by_hand():
    # sorted .01 .02 .9, harmonic 1 + 1/2 + 1/3 = 11/6: .01*3*11/6, min(.02*3/2*11/6, ..), 1
    assert false_discovery([0.02, 0.9, 0.01]) == pytest.approx([0.055, 1.0, 0.055])
    assert false_discovery([0.001], tests=20_000)[0] == 1.0
    assert false_discovery([]).size == 0


def test_nothing_and_wrong_settings():
    with pytest.raises(InsightFault, match="There are 0 baskets"):
        association_rules([])
    assert association_rules([{"a"}, {"b"}]).height == 0
    with pytest.raises(InsightFault, match=r"Setting longest is 1; allowed: 2\.\.6"):
        association_rules([{"a"}], longest=1)


def test_real_receipts_against_direct_counting():
    if not (DATA / "complete-journey" / "transactions.parquet").is_file():
        pytest.skip("../shared/data/complete-journey absent")
    from storeloom.core.bench.insight import read

    purchases, kinds = read(DATA / "complete-journey")
    sample = purchases.within(purchases.until.replace(year=2017, month=3, day=1), purchases.until.replace(year=2017, month=4, day=30))
    baskets = baskets_of(sample.bought.join(kinds, on="item", how="left"), "category")
    assert len(baskets) > 5_000
    assert frequent_sets(baskets, least=5, longest=3) == counted(baskets, 5, 3)
