"""Habits of a member: features worked by hand, repeats, and what is forgotten."""

from datetime import date

import pytest

from storeloom.workers.insight import habits

TODAY = date(2026, 3, 31)


def test_features_of_two_receipts() -> None:
    record = habits.new()
    assert habits.add(record, date(2026, 3, 1), "a", 3000, 1000, ["tea", "milk"])
    assert habits.add(record, date(2026, 3, 21), "b", 1000, 0, ["tea", "tea"])
    assert not habits.add(record, date(2026, 3, 21), "b", 1000, 0, ["tea"])
    found = habits.features(record, TODAY, {})
    assert found == {
        "recency": 10, "frequency": 2, "monetary": 2000, "tenure": 30, "category_mix": pytest.approx(4 / 9),
        "discount_share": 0.2,
    }  # fmt: skip


def test_the_members_table_stands_in_where_it_knows_more() -> None:
    row = {"receipts_12m": 10, "spend_12m": 50000, "last_purchase": "2026-03-11", "joined": "2025-03-31"}
    found = habits.features(habits.new(), TODAY, row)
    assert (found["recency"], found["frequency"], found["monetary"], found["tenure"]) == (20, 10, 5000, 365)
    assert habits.features(habits.new(), TODAY, {}) == {
        "recency": 365, "frequency": 0, "monetary": 0, "tenure": 0, "category_mix": 0, "discount_share": 0,
    }  # fmt: skip


def test_a_record_does_not_grow() -> None:
    record = habits.new()
    for number in range(100):
        habits.add(record, date(2020 + number // 12, 1 + number % 12, 1), f"r{number}", 100, 0, [f"c{number}"])
    assert (len(record["months"]), len(record["categories"]), len(record["receipts"])) == (13, 30, 5)
    assert habits.features(record, date(2028, 4, 15), {})["frequency"] == 12
