import math

import pytest

from storeloom.workers.insight import click_model, item_pairs, trial_report

BASKETS = [("A", "B"), ("A", "B"), ("A", "C"), ("B",), ("A",)]


def counted(week="2026-03-02"):
    counts = {}
    for basket in BASKETS:
        item_pairs.count(counts, week, basket)
        item_pairs.sell(counts, week, "noon", dict.fromkeys(basket, "tea"))
    return counts


def test_cosine_over_baskets():
    counts = counted()
    assert item_pairs.cosine(counts, "A", "B") == pytest.approx(2 / math.sqrt(12))
    assert item_pairs.alike(counts, ["A"]) == pytest.approx({"B": 0.57735, "C": 0.5}, abs=1e-5)
    assert item_pairs.cosine(counts, "B", "C") == item_pairs.cosine(counts, "A", "Z") == 0


def test_a_week_leaves_as_it_came():
    counts, later = counted(), counted("2026-03-09")
    for basket in BASKETS:
        item_pairs.count(counts, "2026-03-09", basket)
        item_pairs.sell(counts, "2026-03-09", "noon", dict.fromkeys(basket, "tea"))
    item_pairs.forget(counts, "2026-03-09")
    assert counts == later
    item_pairs.forget(counts, "2026-03-16")
    assert counts == {}


def test_best_sellers_by_part_of_the_day():
    counts = counted()
    item_pairs.sell(counts, "2026-03-02", "evening", {"C": "cake", "B": "tea"})
    assert item_pairs.best_sellers(counts) == [("A", "tea", 4), ("B", "tea", 4), ("C", "cake", 1), ("C", "tea", 1)]
    assert item_pairs.best_sellers(counts, "evening") == [("B", "tea", 1), ("C", "cake", 1)]


@pytest.mark.parametrize(
    ("days", "today", "expected"),
    [([1], 99, False), ([1, 8], 14, False), ([1, 8], 15, True), ([1, 8, 18], 26, False), ([1, 8, 18, 21], 28, True)],
)
def test_a_repeat_is_due_after_the_own_median_interval(days, today, expected):
    assert item_pairs.due(days, today) is expected


def test_variety_limits_known_categories():
    category = {"a": "tea", "b": "tea", "c": "cake"}
    assert item_pairs.varied("abcxy", lambda item: category.get(item, ""), 1, 3) == ["a", "c", "x"]


def test_clicks_are_learnt_and_a_model_is_judged_on_newer_rows():
    rows = [[like, 0.5, float(like > 0.5 if number % 10 else like <= 0.5)] for number in range(100) for like in (0.1, 0.9)]
    older, newer = click_model.split(rows)
    assert (len(older), len(newer)) == (160, 40)
    model = click_model.fit(older)
    assert click_model.chance(model, [0.9, 0.5]) == pytest.approx(0.9, abs=0.02)
    assert click_model.log_loss(model, newer) == pytest.approx(-0.9 * math.log(0.9) - 0.1 * math.log(0.1), abs=0.01)
    assert click_model.fit(rows[:10]) is None and click_model.fit([[0.1, 0.0]] * 60) is None
    assert click_model.log_loss(model, []) == math.inf


def test_the_catalogues_comparison_of_two_arms():
    found = trial_report.share_fields({"control": (1000, 10000), "recommended": (1150, 10000)}, "control", "recommended")
    assert (found["effect"], found["decision"]) == (pytest.approx(1.5), "keep")
    assert found["p"] == pytest.approx(0.0006, abs=5e-5)
