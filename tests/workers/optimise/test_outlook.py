"""Which forecast counts on a day."""

from datetime import UTC, datetime

import pytest

from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.optimise.ordering import by_supplier
from storeloom.workers.optimise.outlook import demand, enter_forecast, enter_window, of_day, window

BASE = {
    "from": "2026-03-01T16:00:00Z",
    "basis": "base",
    "mean": 14.0,
    "p10": 4.0,
    "p50": 13.0,
    "p90": 24.0,
    "issued": "2026-03-01T14:00:00Z",
}


def test_a_promotion_goes_before_the_base_and_a_later_issue_before_an_earlier():
    book = {}
    enter_forecast(book, BASE, ["2026-03-02"], "2026-03-02")
    enter_forecast(book, {**BASE, "mean": 99, "issued": "2026-02-28T14:00:00Z"}, ["2026-03-02"], "2026-03-02")
    assert of_day(book, "2026-03-02")["mean"] == 14
    assert of_day(book, "2026-03-02")["points"] == {"0.1": 4, "0.5": 13, "0.9": 24}
    enter_forecast(book, {**BASE, "basis": "promotion", "mean": 40}, ["2026-03-02"], "2026-03-02")
    assert of_day(book, "2026-03-02")["mean"] == 40


def test_a_week_is_spread_over_its_days_and_past_days_go():
    book = {}
    days = [f"2026-03-0{day}" for day in range(1, 5)]
    enter_forecast(book, BASE, days, "2026-03-02")
    assert sorted(book) == days[1:]
    entry = of_day(book, "2026-03-03")
    assert (entry["mean"], entry["points"]) == (3.5, {})
    assert round(entry["sd"], 4) == round(20 / 2.563 / 2, 4)
    assert of_day(book, "2026-03-09") is None


def test_a_window_takes_the_share_of_the_opening_hours_that_lies_in_it():
    book = {}
    enter_forecast(book, BASE, ["2026-03-02"], "2026-03-02")
    hours = StoreHours("Asia/Shanghai", {"open": "08:00", "close": "18:00", "closed": ["2026-03-03"]})
    found = window(book, hours, datetime(2026, 3, 2, 5, 30, tzinfo=UTC), 1.25)
    assert [(weight, mean) for weight, mean, _ in found] == [(0.45, 14.0)]
    assert window(book, hours, datetime(2026, 3, 3, 16, tzinfo=UTC), 1) == [(1.0, None, 0.0)]


def test_products_without_a_supplier_stand_together():
    assert by_supplier([{"gtin": "1"}, {"gtin": "2", "supplier": "S"}, {"gtin": "3", "supplier": None}]) == {
        "": [{"gtin": "1"}, {"gtin": "3", "supplier": None}],
        "S": [{"gtin": "2", "supplier": "S"}],
    }


def test_a_window_is_spread_over_its_store_days_and_adds_up():
    book, hours = {}, StoreHours("Asia/Shanghai", {"open": "08:00", "close": "22:00"})
    now = datetime(2026, 3, 2, 7, tzinfo=UTC)
    enter_window(book, {**BASE, "to": "2026-03-03T16:00:00Z", "p10": None, "p90": None}, hours, now)
    assert sorted(book) == ["2026-03-02", "2026-03-03"]
    assert demand(book, hours, now, 2) == pytest.approx((14.0, 14.0))
    assert demand({}, hours, now, 2) is None
