"""The index of where items stand."""

from datetime import UTC, datetime

from storeloom.core.kernel.hours import StoreHours
from storeloom.core.runtime.tables import TableSet, View
from storeloom.workers.optimise.planned import by_item, index, slots


def test_items_by_their_padded_number() -> None:
    rows = [
        {"fixture": "F1", "shelf": 1, "slot": "a", "gtin": "06900000000002"},
        {"fixture": "F2", "slot": "b", "gtin": "6900000000002"},
        {"fixture": "F1", "shelf": 1, "slot": "a", "gtin": "6900000000002", "from": "2026-01-01"},
        {"fixture": "F3", "shelf": 2, "slot": "c", "gtin": "plu-7"},
    ]
    assert by_item(rows) == {"06900000000002": (("F1", 1, "a"), ("F2", None, "b")), "plu-7": (("F3", 2, "c"),)}


def test_where_an_item_stands_now() -> None:
    rows = [
        {"fixture": "F2", "shelf": 1, "slot": "a", "gtin": "6900000000002"},
        {"fixture": "F1", "shelf": 1, "slot": "b", "gtin": "06900000000002", "from": "2026-03-01"},
        {"fixture": "F1", "shelf": 1, "slot": "a", "gtin": "6900000000002", "to": "2026-03-01"},
        {"fixture": "F3", "shelf": 1, "slot": "c", "gtin": "6900000000002", "from": "2026-01-01"},
        {"fixture": "F3", "shelf": 1, "slot": "c", "gtin": "6900000000003", "from": "2026-02-01"},
    ]
    tables = TableSet({"planogram": rows}, StoreHours("UTC", {"open": "08:00", "close": "22:00"}))
    view = View(tables, "planogram", lambda: datetime(2026, 3, 2, tzinfo=UTC))
    assert [(row["fixture"], row["slot"]) for row in slots(view, "6900000000002")] == [("F1", "b"), ("F2", "a")]
    assert slots(view, "6900000000009") == [] and set(index(view)) == {"06900000000002", "06900000000003"}
