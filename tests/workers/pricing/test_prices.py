"""Which price of a product holds: kinds, scopes, windows, units."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storeloom.workers.gs1 import item_key
from storeloom.workers.pricing import PriceBook, UnpricedItem, apportion, index_products, line_amount, round_money
from storeloom.workers.pricing.prices import base_price

MILK = "6901234567892"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PRODUCTS = index_products(
    [
        {"gtin": MILK, "unit": "each", "list_price": 1600},
        {"gtin": "apple", "unit": "kg"},
    ]
)
ROWS = [
    {"gtin": MILK, "kind": "base", "from": "2026-01-01", "price": 1500},
    {"gtin": MILK, "kind": "base", "from": "2026-03-01", "price": 1450},
    {"gtin": MILK, "kind": "base", "from": "2026-04-01", "price": 1000},
    {"gtin": MILK, "kind": "member", "from": "2026-01-01", "price": 1400},
    {
        "gtin": MILK,
        "kind": "promotion",
        "from": "2026-03-02T13:00:00Z",
        "to": "2026-03-02T14:00:00Z",
        "price": 1300,
        "struck": 1450,
    },
    {"gtin": MILK, "kind": "markdown", "from": "2026-03-01", "price": 700, "scope": {"lot": "A"}},
    {"gtin": MILK, "kind": "markdown", "from": "2026-03-01", "price": 900, "scope": {"cabinet": "c1", "zone": None}},
    {"gtin": "apple", "kind": "base", "from": "2026-01-01", "price": 998, "currency": "CNY"},
]


def book() -> PriceBook:
    return PriceBook(ROWS, products=PRODUCTS)


def test_the_last_base_price_begun_holds() -> None:
    assert book().lookup(MILK, NOON).price == 1450
    assert book().lookup(MILK, datetime(2026, 2, 28, 23, 59, tzinfo=UTC)).price == 1500
    assert book().lookup("0" + MILK, NOON).price == 1450


def test_the_base_price_for_everybody_alone() -> None:
    rows = [*ROWS[:7], {"gtin": MILK, "kind": "base", "from": "2026-03-02", "price": 1, "scope": {"zone": "Z1"}}]
    assert base_price(rows, NOON, UTC) == 1450
    assert base_price(rows, datetime(2025, 12, 31, tzinfo=UTC), UTC) is None
    ended = [{"gtin": MILK, "from": "2026-01-01", "to": "2026-03-02", "price": 5}, {"gtin": MILK, "price": 4}]
    assert base_price(ended, NOON, UTC) == 4
    assert base_price(ended, datetime(2026, 3, 1, 23, tzinfo=UTC), UTC) == 5


def test_a_window_is_half_open() -> None:
    for hour, expected in ((12, 1450), (13, 1300), (14, 1450)):
        assert book().lookup(MILK, NOON.replace(hour=hour)).price == expected
    found = book().lookup(MILK, NOON.replace(hour=13))
    assert (found.kind, found.struck, found.per) == ("promotion", 1450, "each")


def test_member_prices_are_for_members() -> None:
    assert book().lookup(MILK, NOON, member={"member": "m1"}).price == 1400
    rows = [{"gtin": "a", "price": 100}, {"gtin": "a", "kind": "member", "price": 80, "scope": {"member_tier": "gold"}}]
    assert PriceBook(rows).lookup("a", NOON, member={"member": "m1", "tier": "gold"}).price == 80
    assert PriceBook(rows).lookup("a", NOON, member={"member": "m1", "tier": "new"}).price == 100


def test_a_markdown_holds_for_its_lot_or_cabinet_only() -> None:
    assert book().lookup(MILK, NOON, lot="A").price == 700
    assert book().lookup(MILK, NOON, lot="B").price == 1450
    assert book().lookup(MILK, NOON, cabinet="c1", lot="B").price == 900


def test_an_offer_above_the_base_price_is_not_taken() -> None:
    rows = [{"gtin": "a", "price": 100}, {"gtin": "a", "kind": "promotion", "price": 120}]
    assert PriceBook(rows).lookup("a", NOON).price == 100


def test_days_are_days_of_the_store() -> None:
    rows = [
        {"gtin": "a", "price": 100},
        {"gtin": "a", "kind": "promotion", "price": 90, "from": "2026-03-02", "to": "2026-03-03"},
    ]
    china = PriceBook(rows, zone=ZoneInfo("Asia/Shanghai"))
    assert china.lookup("a", datetime(2026, 3, 1, 15, 59, tzinfo=UTC)).price == 100
    assert china.lookup("a", datetime(2026, 3, 1, 16, 0, tzinfo=UTC)).price == 90
    assert china.lookup("a", datetime(2026, 3, 2, 16, 0, tzinfo=UTC)).price == 100
    with pytest.raises(ValueError, match="without a zone"):
        PriceBook([{"gtin": "a", "price": 1, "from": "2026-03-02T10:00:00"}])


def test_units_currency_and_list_price() -> None:
    apple = book().lookup("apple", NOON)
    assert (apple.per, apple.currency) == ("kg", "CNY")
    assert PriceBook([], products=PRODUCTS).lookup(MILK, NOON).price == 1600
    mixed = [
        {"gtin": "apple", "price": 998, "per": "kg"},
        {"gtin": "apple", "kind": "promotion", "price": 300, "per": "each"},
    ]
    assert PriceBook(mixed).lookup("apple", NOON).price == 998
    with pytest.raises(UnpricedItem, match="no price of apple"):
        PriceBook([], products=PRODUCTS).lookup("apple", NOON)


def test_line_amounts_by_hand() -> None:
    assert line_amount(1290, 2) == 2580
    assert line_amount(998, weight_g=345) == 344  # 344.31
    assert line_amount(1000, weight_g=1) == 1
    assert line_amount(1000, 0.0005) == 1  # 0.5, half up
    assert line_amount(333, Decimal("1.5")) == 500  # 499.5


def test_rounding_of_halves() -> None:
    for value, half_up, down, bankers in (
        (Fraction(5, 2), 3, 2, 2),
        (Fraction(7, 2), 4, 3, 4),
        (Fraction(9, 4), 2, 2, 2),
    ):
        assert (round_money(value), round_money(value, "down"), round_money(value, "bankers")) == (
            half_up,
            down,
            bankers,
        )


def test_apportioning_by_hand() -> None:
    assert apportion(500, [1100, 1100, 540, 680]) == [161, 161, 79, 99]
    assert apportion(800, [2700, 2600]) == [408, 392]
    assert apportion(1, [5, 5]) == [1, 0]
    assert apportion(0, [0, 0]) == [0, 0]
    for amount, weights in ((1, [0, 0]), (-1, [1]), (1, [2, -1])):
        with pytest.raises(ValueError, match="cannot apportion"):
            apportion(amount, weights)


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=20), st.integers(0, 10**9))
def test_apportioning_is_exact_and_fair(weights: list[int], wish: int) -> None:
    amount = min(wish, sum(weights))
    shares = apportion(amount, weights)
    assert sum(shares) == amount
    for share, weight in zip(shares, weights, strict=True):
        assert share <= weight
        assert amount == 0 or abs(share - Fraction(amount * weight, sum(weights))) < 1


def test_a_products_price_falls_back_on_its_list_price():
    milk, after = PRODUCTS[item_key(MILK)], datetime(2025, 12, 1, tzinfo=UTC)
    assert book().price_of(milk, NOON) == 1450 and book().price_of(milk, NOON, {"tier": "gold"}) == 1400
    assert (
        PriceBook([]).price_of({"gtin": MILK, "list_price": 1600}, after) == 1600 and PriceBook([]).price_of({"gtin": MILK}, after) is None
    )
