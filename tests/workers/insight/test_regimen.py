"""What a guest told, and which products suit."""

import pytest

from storeloom.workers.insight import regimen

CREAM = {
    "gtin": "k1",
    "name": "Cream",
    "allergens": ["Milk"],
    "attributes": {"step": "cream", "skin_types": ["Dry"], "ingredients": "Retinol, BHA"},
}


def test_a_guest_tells_bit_by_bit():
    assert regimen.told("login", {"member": "m1"}) == {"member": "m1"}
    assert regimen.told("age", {"value": "28"}) == {"age": "28"} and regimen.told("choose", {"amount": 0}) == {"budget": 0}
    assert regimen.told("confirm", {"values": {"allergen": "Retinol"}}) == {"allergens": ["retinol"]}
    assert regimen.told("pay", {"amount": 500, "value": "28"}) == {}
    values = {"age_band": "25-34", "skin_type": "Dry", "allergies": "Retinol，nuts, ", "budget": 60000}
    assert regimen.told("choose", {"values": values, "amount": 1}) == {
        "age": "25-34", "skin_type": "dry", "allergens": ["nuts", "retinol"], "budget": 60000,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("guest", "suits"),
    [
        ({}, True),
        ({"skin_type": "dry", "allergens": ["nuts"]}, True),
        ({"skin_type": "oily"}, False),
        ({"allergens": ["bha"]}, False),
        ({"allergens": ["milk"]}, False),
        ({"allergens": ["k1"]}, False),
    ],
)
def test_type_and_allergens_exclude(guest, suits):
    assert regimen.suits(CREAM, guest, "2026-03-02") is suits


def test_everybody_and_the_end_of_the_range():
    assert regimen.suits({"gtin": "c", "attributes": {"skin_types": ["all"]}}, {"skin_type": "oily"}, "2026-03-02")
    assert regimen.suits({**CREAM, "delisted_on": "2026-03-03"}, {}, "2026-03-02")
    assert not regimen.suits({**CREAM, "delisted_on": "2026-03-02"}, {}, "2026-03-02")


def test_products_by_step():
    other = {"gtin": "x", "attributes": None}
    assert regimen.by_step([CREAM, other]) == {"cream": [CREAM]}


@pytest.mark.parametrize(
    ("kind", "data", "ordered"),
    [
        ("choose", {"value": "set"}, True),
        ("choose", {}, False),
        ("confirm", {}, True),
        ("confirm", {"value": "gift_set", "values": {"age": 30}}, True),
        ("confirm", {"value": "skin_data"}, False),
        ("confirm", {"values": {"age": 30}}, False),
        ("pay", {"amount": 58500}, True),
        ("help", {"value": "set"}, False),
    ],
)
def test_what_orders_the_set(kind, data, ordered):
    assert regimen.orders_set(kind, data) is ordered


@pytest.mark.parametrize(
    ("items", "coupon", "found"),
    [(["a", "b", "x"], False, (True, True)), (["b"], False, (True, False)), (["x"], False, (False, False)), (["x"], True, (True, False))],
)
def test_what_was_bought_of_the_set(items, coupon, found):
    assert regimen.bought(["a", "b"], [{"gtin": item} for item in items], coupon) == found
    assert regimen.bought([], [{"gtin": item} for item in items], coupon) == (coupon, False)
