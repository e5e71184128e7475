"""Pair counts and association rules, against counts worked out by hand."""

import json

import pytest

from storeloom.workers.insight import basket_rules
from storeloom.workers.insight.basket_rules import age, count_basket, rule, rules


def counted(*baskets: str) -> dict[str, object]:
    counts: dict[str, object] = {}
    for basket in baskets:
        count_basket(counts, basket.split())
    return counts


def test_rule_from_counts() -> None:
    found = rule("pasta", "sauce", together=20, with_item=40, with_other=100, baskets=1000)
    assert (found.support, found.confidence, found.lift) == pytest.approx((0.02, 0.5, 5.0))


@pytest.mark.parametrize("together, with_item, with_other, baskets", [(0, 1, 1, 1), (3, 2, 4, 9), (2, 4, 1, 9), (1, 2, 2, 1)])
def test_impossible_counts_are_refused(together: int, with_item: int, with_other: int, baskets: int) -> None:
    with pytest.raises(ValueError, match="baskets together"):
        rule("a", "b", together, with_item, with_other, baskets)


def test_rules_of_six_baskets() -> None:
    # a in 3 of 6, b in 3 of 6, both in 2: confidence 2/3, lift (2/3) / (1/2) = 4/3.
    counts = counted("a b", "b a c", "a", "b", "d", "d")
    found = dict(rules(counts, min_lift=1.3))
    assert [(one.other, one.together) for one in found["a"]] == [("b", 2)]
    assert found["a"][0].lift == pytest.approx(4 / 3)
    assert found["a"][0].confidence == pytest.approx(2 / 3)
    assert found["c"] == []  # seen with a and b once only
    assert dict(rules(counts, min_lift=1.34))["a"] == []


def test_an_item_counts_once_a_basket() -> None:
    counts = counted("a a b", "a b b")
    assert counts[basket_rules.BASKETS] == 2
    assert counts["pairs:a"] == {"n": 2, "with": {"b": 2}}


def test_strongest_rules_come_first_and_are_cut() -> None:
    counts = counted("a b c", "a b c", "a b", "d", "d", "d")
    (_, first), *_ = rules(counts, min_lift=1)
    assert [one.other for one in first] == ["b", "c"]  # confidence 1 before 2/3
    assert [len(found) for _, found in rules(counts, min_lift=1, most=1)] == [1, 1, 1, 0]


def test_rare_pairs_need_support_in_a_large_store() -> None:
    counts = {"pairs:baskets": 10_000, "pairs:a": {"n": 20, "with": {"b": 9, "c": 10}}}
    counts |= {"pairs:b": {"n": 20, "with": {"a": 9}}, "pairs:c": {"n": 20, "with": {"a": 10}}}
    assert [one.other for one in dict(rules(counts, min_lift=1))["a"]] == ["c"]


def test_partners_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(basket_rules, "MOST_PARTNERS", 2)
    counts = counted("a b", "a b", "a c", "a c", "a d", "a e", "a f")
    assert counts["pairs:a"] == {"n": 7, "with": {"b": 2, "c": 2}}  # with the fifth partner the rarest go


def test_a_long_basket_counts_with_its_first_items(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(basket_rules, "MOST_ITEMS_A_BASKET", 2)
    assert set(counted("c b a")) == {"pairs:baskets", "pairs:a", "pairs:b"}


def test_old_habits_fade() -> None:
    counts = counted(*["a b"] * 4, "a c")
    age(counts, most_baskets=5)
    assert counts["pairs:a"] == {"n": 5, "with": {"b": 4, "c": 1}}
    age(counts, most_baskets=4)
    assert counts == {"pairs:baskets": 2, "pairs:a": {"n": 2, "with": {"b": 2}}, "pairs:b": {"n": 2, "with": {"a": 2}}}


def test_rules_hold_after_aging_and_counts_are_json() -> None:
    counts = json.loads(json.dumps(counted(*["a b"] * 5, "a", "b", "c", "c", "c")))
    age(counts, most_baskets=9)
    assert dict(rules(counts, min_lift=1))["a"][0].lift == pytest.approx(2 * 5 / (3 * 3))


def test_an_empty_basket_is_none() -> None:
    assert counted("") == {}


def test_rare_pairs_are_pruned_and_start_anew_with_what_they_may_have_lost() -> None:
    # Of 30,000 baskets 3 are negligible (one in 10,000).
    counts = {"pairs:baskets": 30_000, "pairs:a": {"n": 40, "with": {"b": 3, "c": 4}}, "pairs:b": {"n": 9, "with": {"a": 3}}}
    counts["pairs:c"] = {"n": 50, "with": {"a": 4}}
    basket_rules.prune(counts)
    assert [counts[f"pairs:{item}"]["with"] for item in "abc"] == [{"c": 4}, {}, {"a": 4}]
    count_basket(counts, ["a", "b"])
    assert counts["pairs:b"] == {"n": 10, "with": {"a": 4}}  # 1 seen now, up to 3 before
    basket_rules.prune(counts)
    assert counts["pairs:b"]["with"] == {"a": 4}


def test_nothing_is_pruned_while_few_baskets_were_seen() -> None:
    counts = counted("a b")
    basket_rules.prune(counts)
    assert counts["pairs:a"]["with"] == {"b": 1}


class Written(dict[str, object]):
    """Counts that note which keys are written."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.keys_written: list[str] = []

    def __setitem__(self, key: str, value: object) -> None:
        self.keys_written.append(key)
        super().__setitem__(key, value)


def test_a_nightly_round_writes_what_changed() -> None:
    counts = Written(counted("a b", "a b", "c", "c"))
    basket_rules.refresh(counts, "addons:", min_lift=1.5)
    assert sorted(counts.keys_written) == ["addons:a", "addons:b"]  # lift of a and b: (2/2) / (2/4) = 2
    assert counts["addons:a"] == [["b", 2.0]]
    counts.keys_written.clear()
    basket_rules.refresh(counts, "addons:", min_lift=1.5)
    assert counts.keys_written == []
    basket_rules.refresh(counts, "addons:", min_lift=2.5)
    assert not [key for key in counts if key.startswith("addons:")]
