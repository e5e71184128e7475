"""Planned promotions by hand."""

from datetime import UTC

from storeloom.workers.pricing.planned import rules_of, uncovered


def test_rows_not_approved_make_rules_and_unsound_ones_tell_why() -> None:
    promotions = [
        {"promo": "P", "kind": "percent", "value": 20, "approved": False},
        {"promo": "D", "kind": "display"},
        {"promo": "N", "kind": "nth", "value": 50},
        {"promo": "bare"},
    ]
    rules, unsound = rules_of(promotions, [{"template": "C", "kind": "amount", "value": 100}, {"template": "X"}], UTC)
    assert [rule.id for rule, _ in rules] == ["P", "C"]
    assert [(row["promo"], why) for row, why in unsound] == [("N", "promotion N: kind nth needs qty")]


def test_a_was_price_is_covered_by_a_promotion_of_its_item_and_time_only() -> None:
    prices = [
        {"gtin": "6900000000014", "price": 990, "struck": 1290, "from": "2026-03-01", "to": "2026-03-08"},
        {"gtin": "6900000000021", "price": 990, "struck": 1290},
        {"gtin": "6900000000038", "price": 990},
        {"gtin": "unknown", "price": 990, "struck": 1290},
    ]
    products = {gtin: {"gtin": gtin} for gtin in ("6900000000014", "6900000000021", "6900000000038")}
    promotion = {"promo": "P", "gtins": ["6900000000014", "6900000000021"], "from": "2026-03-01", "to": "2026-03-08"}
    assert uncovered(prices, products.get, [promotion], UTC) == []
    later = {**promotion, "from": "2026-03-08", "to": "2026-03-09"}
    found = uncovered(prices, products.get, [later], UTC)
    assert [(row["promo"], row["from"]) for row in found] == [("price-6900000000014-2026-03-01", "2026-03-01")]
