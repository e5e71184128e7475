"""Shelf prices, worked by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from storeloom.workers.pricing.rules import promotion_rule
from storeloom.workers.pricing.shelf import (
    ShelfPrices,
    holds,
    net_grams,
    offer_price,
    overlaid,
    overlaps,
    prices_in,
    single_price,
    unit_price,
    with_news,
)

MILK = "6901234567892"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def base(price: int, start: str = "2026-01-01T00:00:00Z", **more: object) -> dict[str, object]:
    return {"gtin": MILK, "kind": "base", "scope": {}, "from": start, "price": price, **more}


def shelf(*prices: dict[str, object], promotions: tuple[dict[str, object], ...] = ()) -> ShelfPrices:
    return ShelfPrices(prices, promotions, [{"gtin": MILK, "category": "dairy"}], UTC)


def test_a_coming_rise_is_the_highest_price_and_a_coming_drop_is_not() -> None:
    prices = shelf(base(1290), base(1490, "2026-03-02T12:05:00Z"), base(990, "2026-03-02T13:00:00Z"))
    lead = timedelta(minutes=5)
    shown = [prices.highest(MILK, NOON + timedelta(minutes=m), lead) for m in (-1, 0, 59, 60)]
    assert [price and price.price for price in shown] == [1290, 1490, 1490, 990]


def test_a_rise_is_not_missed_between_two_prices_within_the_lead() -> None:
    prices = shelf(base(1000), base(800, "2026-03-02T12:01:00Z"), base(1100, "2026-03-02T12:02:00Z"))
    highest = prices.highest(MILK, NOON, timedelta(minutes=5))
    assert highest is not None
    assert highest.price == 1100


def test_the_best_promotion_of_one_piece_holds_and_strikes_the_base_price() -> None:
    rows = (
        {"promo": "P1", "kind": "percent", "gtins": [MILK], "value": 20, "wording": "8折"},
        {"promo": "P2", "kind": "fixed", "category": "dairy", "value": 900},
        {"promo": "P3", "kind": "amount", "gtins": [MILK], "value": 900, "qty": 2},
        {"promo": "P4", "kind": "percent", "gtins": [MILK], "value": 90, "approved": False},
        {"promo": "P5", "kind": "percent", "gtins": [MILK], "value": 50, "zone": "Z9"},
    )
    price = shelf(base(1000), promotions=rows).at(MILK, NOON, zone="Z1")
    assert price is not None
    assert (price.price, price.struck, price.promo, price.kind) == (800, 1000, "8折", "promotion")


def test_a_promotion_without_a_price_of_its_own_is_worded() -> None:
    price = shelf(base(1000), promotions=({"promo": "two-for-15", "kind": "multi_buy", "gtins": [MILK], "qty": 2, "value": 1500},)).at(
        MILK, NOON
    )
    assert price is not None
    assert (price.price, price.struck, price.promo) == (1000, None, "two-for-15")


def test_turns_are_all_bounds_in_order() -> None:
    rows = ({"promo": "P1", "kind": "percent", "gtins": [MILK], "value": 20, "from": "2026-03-02T12:00:00Z", "to": "2026-03-02T13:00:00Z"},)
    assert shelf(base(1000), promotions=rows).turns(MILK) == [datetime(2026, 1, 1, tzinfo=UTC), NOON, NOON + HOUR]
    assert shelf().at(MILK, NOON) is None


def test_unit_price_is_rounded_half_up() -> None:
    assert unit_price(790, 450, 1000) == 1756
    assert unit_price(1, 2000, 1000) == 1
    with pytest.raises(ValueError, match="net content 0"):
        unit_price(100, 0, 1000)


@pytest.mark.parametrize(
    ("product", "grams"),
    [
        ({"net_content": 1.5, "content_unit": "l"}, 1500),
        ({"net_content": 450, "content_unit": "g", "weight_g": 480}, 450),
        ({"weight_g": 480}, 480),
        ({"net_content": 12, "content_unit": "pcs"}, None),
        ({}, None),
    ],
)
def test_net_grams(product: dict[str, object], grams: int | None) -> None:
    assert net_grams(product) == grams


def test_what_one_piece_costs_under_a_promotion() -> None:
    def rule(**row: object) -> int | None:
        made = promotion_rule({"promo": "P", **row})
        assert made is not None
        return single_price(made, 995)

    assert rule(kind="percent", value=50) == 497
    assert rule(kind="amount", gtins=[MILK], value=2000) == 0
    assert rule(kind="fixed", value=500) == 500
    assert rule(kind="member_price", value=500) is None
    assert rule(kind="percent", value=50, threshold=1000) is None
    assert offer_price({"promo": "P", "kind": "member_price", "value": 500}, None, UTC) == 500
    assert offer_price({"promo": "P", "kind": "percent", "value": 50}, None, UTC) is None
    assert offer_price({"promo": "P", "kind": "multi_buy", "qty": 2, "value": 500}, 995, UTC) is None


def test_newer_news_replaces_the_same_start_and_ends_what_has_no_end() -> None:
    def news(price: int, start: str, issued: str, to: str | None = None) -> dict[str, object]:
        return {**base(price, start), "to": to, "set": issued}

    first = with_news([], news(1490, "2026-03-03T00:00:00Z", "2026-03-02T10:00:00Z"), NOON)
    again = with_news(first, news(1390, "2026-03-03T00:00:00Z", "2026-03-02T11:00:00Z"), NOON)
    assert [row["price"] for row in again] == [1390]
    assert with_news(again, news(1, "2026-03-03T00:00:00Z", "2026-03-02T09:00:00Z"), NOON)[0]["price"] == 1390
    later = with_news(again, news(1590, "2026-03-04T00:00:00Z", "2026-03-02T12:00:00Z"), NOON)
    assert [(row["price"], row["to"]) for row in later] == [(1390, "2026-03-04T00:00:00Z"), (1590, None)]
    over = with_news(later, news(1, "2026-03-06T00:00:00Z", "2026-03-05T00:00:00Z"), datetime(2026, 3, 5, tzinfo=UTC))
    assert [row["price"] for row in over] == [1590, 1]


def test_news_takes_the_place_of_the_same_row() -> None:
    table = [base(1000), base(900, scope={"zone": "Z1"})]
    assert [row["price"] for row in overlaid(table, [base(1100)], UTC)] == [900, 1100]


def test_lasting_news_ends_a_lasting_row_and_passing_news_does_not() -> None:
    def offer(price: int, start: str | None, to: str | None = None) -> dict[str, object]:
        return {"gtin": MILK, "kind": "promotion", "scope": {}, "from": start, "to": to, "price": price}

    def left(row: dict[str, object], *news: dict[str, object]) -> object:
        return overlaid([row], news, UTC)[0].get("to")

    noon, evening = "2026-03-02T12:00:00Z", "2026-03-02T18:00:00Z"
    assert left(offer(800, None), offer(820, noon)) == NOON
    assert left(offer(800, None), offer(820, noon, evening), offer(830, evening)) == NOON
    assert left(offer(800, None), offer(820, noon, evening)) is None
    assert left(offer(800, None, evening), offer(820, noon)) == evening
    assert left(offer(800, evening), offer(820, noon)) is None


def test_validity_is_half_open() -> None:
    row = {"from": "2026-03-02T12:00:00Z", "to": "2026-03-02T13:00:00Z"}
    assert holds(row, NOON, UTC)
    assert not holds(row, NOON + HOUR, UTC)
    assert holds({}, NOON, UTC)
    assert overlaps(row, NOON - HOUR, NOON, UTC)
    assert not overlaps(row, NOON + HOUR, NOON + 2 * HOUR, UTC)


def test_the_lowest_around_is_early_with_falls_and_late_with_rises() -> None:
    prices = shelf(base(1500), base(1400, "2026-03-02T12:00:00Z"), base(1600, "2026-03-02T13:00:00Z"))
    minute = timedelta(minutes=1)
    moments = [NOON - 2 * minute, NOON - minute, NOON + HOUR, NOON + HOUR + minute]
    assert [prices.lowest_around(MILK, at, minute) for at in moments] == [1500, 1400, 1400, 1600]
    assert prices.lowest_around(MILK, NOON, timedelta(0)) == 1400
    assert shelf().lowest_around(MILK, NOON, minute) is None


def test_all_prices_of_a_day_count_but_those_that_were_over() -> None:
    member = {"gtin": MILK, "kind": "member", "price": 900, "from": "2026-03-02T08:00:00Z", "to": "2026-03-02T09:00:00Z"}
    rows = [base(1000), base(1100, "2026-02-01T00:00:00Z"), base(1200, "2026-03-02T18:00:00Z"), member]
    midnight = NOON - 12 * HOUR
    assert prices_in(rows, {"gtin": MILK}, midnight, midnight + 24 * HOUR, UTC) == {900, 1100, 1200}
    assert prices_in(rows, {"gtin": MILK}, midnight, midnight + 8 * HOUR, UTC) == {1100}
