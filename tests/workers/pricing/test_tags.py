"""A shelf tag against the till, by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from storeloom.workers.pricing import tags
from storeloom.workers.pricing.shelf import ShelfPrice

AT = datetime(2026, 3, 2, 6, 5, tzinfo=UTC)
GTIN = "6901234567892"
SET = {"gtin": GTIN, "price": 990, "kind": "match", "from": "2026-03-02T06:00:00Z", "scope": {"zone": "Z1"}}


@pytest.mark.parametrize(
    ("tag", "per", "till", "is_"),
    [(990, None, "each", 990), (590, "500g", "kg", 1180), (99, "100g", "kg", 990), (990, "500g", "each", 990), (990, "pc", "kg", 990)],
)
def test_prices_per_measure_are_compared_per_kilogram(tag: int, per: str | None, till: str, is_: int) -> None:
    assert tags.comparable(tag, per, ShelfPrice(1000, till, "base")) == is_


def test_the_verdict_is_the_shoppers() -> None:
    assert [tags.verdict(990, till) for till in (1090, 990, 890)] == ["overcharge", "right", "undercharge"]


def test_an_old_tag_is_excused_for_a_while() -> None:
    turns = [AT - timedelta(minutes=10), AT + timedelta(minutes=1)]
    assert tags.changed_within(turns, AT, timedelta(minutes=10))
    assert not tags.changed_within(turns, AT, timedelta(minutes=9))


def test_a_price_set_becomes_a_statement_unless_it_is_not_for_everyone() -> None:
    stated = tags.statement(SET, AT)
    assert stated is not None and (stated["kind"], stated["scope"], stated["price"]) == ("base", {"zone": "Z1"}, 990)
    for more in ({"kind": "member"}, {"state": "proposed"}, {"status": "rejected"}, {"lot": "L1"}, {"scope": {"basket": "B1"}}):
        assert tags.statement({**SET, **more}, AT) is None


def test_the_price_of_an_ended_promotion_is_known() -> None:
    rows = [{"promo": "P", "kind": "percent", "gtins": [GTIN], "value": 20, "to": "2026-03-02T06:00:00Z"}]
    assert tags.is_past_offer(rows, 800, 1000, AT, UTC)
    assert not tags.is_past_offer(rows, 790, 1000, AT, UTC)
    assert not tags.is_past_offer([{**rows[0], "to": "2026-03-02T07:00:00Z"}], 800, 1000, AT, UTC)


def test_promotions_of_a_product_name_it_or_its_category() -> None:
    rows = [
        {"promo": "A", "gtins": [GTIN]},
        {"promo": "B", "category": "tea"},
        {"promo": "C", "gtins": ["6901234567885"], "category": "tea"},
    ]
    by_scope = tags.promotions_by_scope(rows)
    product = {"gtin": GTIN.zfill(14), "category": "tea", "subcategory": "tea"}
    assert [row["promo"] for row in tags.promotions_of(product, by_scope)] == ["A", "B"]
    assert tags.promotions_of({"gtin": "6901234567878"}, by_scope) == []


def test_accuracy_counts_what_was_read_of_the_sample_only() -> None:
    found = tags.accuracy(["a", "b", "c", "d"], {"a": "right", "b": "overcharge", "c": "right", "x": "undercharge"})
    assert (found.read, found.right, found.overcharges, found.undercharges, found.unread) == (3, 2, 1, 0, ("d",))
    assert found.pct == pytest.approx(66.6667, abs=1e-3)
    assert tags.accuracy(["a"], {}).pct is None
