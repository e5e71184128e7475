"""New items on their way to the shelf: scores, usual sales, named items; worked by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from storeloom.core.kernel.hours import StoreHours
from storeloom.workers.insight import shelf_launches
from storeloom.workers.insight.shelf_launches import Launch

NOW = datetime(2026, 3, 20, tzinfo=UTC)
HOURS = StoreHours("UTC", {"open": "08:00", "close": "22:00", "sun": False})


def launch(days_ago, hours, waited=0.0, sold_after=None):
    start = NOW - timedelta(days=days_ago)
    return Launch(start, hours, waited, None if sold_after is None else start + timedelta(days=sold_after))


def test_scores_leave_out_what_is_open():
    items = [launch(10, 4, sold_after=7), launch(10, 12, sold_after=8), launch(10, 20), launch(2, None, 12), launch(1, None, 5)]
    assert shelf_launches.scores(items, 12, NOW) == [
        {"name": "items", "value": 5},
        {"name": "on_shelf_in_time", "value": 50, "unit": "%"},
        {"name": "median_hours", "value": 12, "unit": "h"},
        {"name": "first_sale_in_7_days", "value": 33.33, "unit": "%"},
    ]
    assert shelf_launches.scores([launch(1, None, 5)], 12, NOW) == [{"name": "items", "value": 1}]


def test_usual_sales_by_opening_time():
    saturday = datetime(2026, 3, 7, 15, tzinfo=UTC)
    # Half of Saturday, no Sunday, a quarter of Monday.
    assert shelf_launches.usual(HOURS, saturday, datetime(2026, 3, 9, 11, 30, tzinfo=UTC), 2) == pytest.approx(1.5)
    assert shelf_launches.usual(HOURS, saturday, saturday, 2) == 0


def test_names_in_an_answer():
    assert shelf_launches.named({"values": {"6901": 4, "items": [{"gtin": "6902"}], "ok": True}, "note": "6903, done"}) == {
        "6901", "items", "gtin", "6902", "ok", "6903", "done"}  # fmt: skip
    assert shelf_launches.named({"note": "已上架6901234560001，6901234560002."}) >= {"6901234560001", "6901234560002"}
    assert shelf_launches.named({}) == set()
