"""Likeness of milk by hand: brand 0.3, size 0.3, attributes 0.2, history 0.2."""

import pytest

from storeloom.workers.insight.substitutes import Rules, content_difference, likeness, offers, same_in, share_equal

WEIGHTS = {"brand": 0.3, "size": 0.3, "attributes": 0.2, "history": 0.2}
RULES = Rules(WEIGHTS, 0.6, 0.1, 0.2, ("allergen", "infant_stage"))


def milk(gtin: str, brand: str = "A", content: float | None = 1000, **more: object) -> dict[str, object]:
    return {"gtin": gtin, "brand": brand, "category": "milk", "net_content": content, "content_unit": "ml", **more}


def test_brand_size_attributes_and_history_add_up() -> None:
    ordered = milk("a", attributes={"fat": "whole"})
    assert likeness(ordered, milk("b", content=950, attributes={"fat": "whole"}), WEIGHTS, bought=False) == pytest.approx(0.785)
    assert likeness(ordered, milk("c", "X", attributes={"fat": "whole"}), WEIGHTS, bought=True) == pytest.approx(0.7)
    assert share_equal(ordered, milk("d", attributes={"fat": "low", "organic": True})) == 0
    assert share_equal(milk("a"), milk("b")) == 1


def test_contents_compare_in_grams_or_not_at_all() -> None:
    assert content_difference(milk("a"), {"net_content": 1.2, "content_unit": "l"}) == pytest.approx(0.2)
    assert content_difference({}, {}) == 0
    assert content_difference(milk("a"), {}) is None and content_difference({}, milk("a")) is None


def test_what_must_be_equal_stands_in_a_column_or_among_the_attributes() -> None:
    assert same_in({"allergens": ["soy", "milk"]}, {"attributes": {"allergen": ["milk", "soy"]}}, ["allergen"])
    assert not same_in({"allergens": ["milk"]}, {}, ["allergen"])
    assert same_in({}, {"allergens": []}, ["allergen", "halal"])


def test_what_is_too_dear_too_large_or_of_another_kind_is_not_offered() -> None:
    ordered = milk("a")
    rows = [
        (milk("dear"), 1321),
        (milk("large", content=1201), 1200),
        (milk("stage", attributes={"infant_stage": 2}), 1200),
        (milk("tea") | {"category": "tea"}, 1200),
        (milk("other", "X"), 1200),
        (milk("e"), 1320),
        (milk("d"), 1200),
        (milk("c"), 1200),
        (milk("b", content=1200), 1200),
    ]
    assert [(one.gtin, one.score) for one in offers(ordered, 1200, rows, RULES)] == [("c", 0.8), ("d", 0.8), ("e", 0.8)]
    assert [one.gtin for one in offers(ordered, 1200, rows, RULES, bought=["other", "b"])] == ["b", "c", "d"]
