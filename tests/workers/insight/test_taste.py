from datetime import UTC, date, datetime, timedelta

import pytest

from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.insight import dayparts, taste

BORDERS = [1000, 1500, 2000, 3000]
NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)
SHOP = StoreHours("Asia/Shanghai", {"open": "08:00", "close": "22:00"})


@pytest.mark.parametrize(
    ("orders", "days", "expected"),
    [(0, None, "new"), (1, 0, "new"), (2, 29, "growing"), (5, 1, "growing"), (6, 1, "regular"), (9, 30, "dormant"), (0, 30, "dormant")],
)
def test_layers(orders, days, expected):
    assert taste.layer(orders, None if days is None else NOW - timedelta(days=days), NOW) == expected


@pytest.mark.parametrize(
    ("price", "expected"), [(0, "0-1000"), (999, "0-1000"), (1000, "1000-1500"), (1999.5, "1500-2000"), (3000, "3000+")]
)
def test_a_band_holds_its_lower_border(price, expected):
    assert taste.band(price, BORDERS) == expected


def drink(cup, price=1800, units=1):
    return {"units": units, "price": price, "attributes": {"cup": cup}}


def test_seven_of_ten_are_a_taste_and_the_median_names_the_band():
    drinks = [drink("large")] * 7 + [drink("small", 1200)] * 3
    assert taste.tags(drinks, [], 5, 60, BORDERS) == ["cup:large", "price_band:1500-2000"]
    assert taste.tags(drinks[:4], [], 5, 60, BORDERS) == []


def test_a_click_weighs_half_a_drink():
    drinks = [drink("large")] * 3 + [drink("a"), drink("b")]
    assert "cup:large" in taste.tags(drinks, [], 5, 60, BORDERS)
    assert "cup:large" not in taste.tags(drinks, [{"cup": "small"}], 5, 60, BORDERS)  # 3 of 5.5
    assert "cup:large" in taste.tags(drinks, [{"cup": "large"}], 5, 63.6, BORDERS)  # 3.5 of 5.5 = 63.64 %


def test_the_median_of_an_even_number_is_the_mean_of_the_middle_two():
    assert taste.tags([drink("a", 1400), drink("b", 1600)], [], 2, 100, BORDERS) == ["price_band:1500-2000"]
    assert taste.tags([drink("a", 1400, 3), drink("b", 1600, 2)], [], 2, 100, BORDERS) == ["price_band:1000-1500"]


def test_an_item_suits_unless_something_known_speaks_against_it():
    tags = ["cup:large", "price_band:1500-2000"]
    assert taste.suits(tags, {"cup": "large"}, 1800, BORDERS)
    assert taste.suits(tags, {}, None, BORDERS)
    assert not taste.suits(tags, {"cup": "small"}, 1800, BORDERS)
    assert not taste.suits(tags, {"cup": "large"}, 2500, BORDERS)


def test_spans_are_half_open_and_may_run_past_midnight():
    at = SHOP.at(date(2026, 3, 2), "07:00")
    assert dayparts.within(SHOP, at, "07:00-10:00") and not dayparts.within(SHOP, at, "05:00-07:00")
    assert dayparts.within(SHOP, at, "22:00-07:30") and not dayparts.within(SHOP, at, "22:00-07:00")
    assert dayparts.part_of(SHOP, at) == "morning" and dayparts.part_of(SHOP, at - timedelta(hours=2)) == "night"


def test_the_next_weekday_after_a_friday_is_monday():
    assert dayparts.next_weekday(date(2026, 3, 6)) == date(2026, 3, 9) == dayparts.next_weekday(date(2026, 3, 7))
    assert dayparts.next_weekday(date(2026, 3, 9)) == date(2026, 3, 10)
