from datetime import UTC, datetime, timedelta

from storeloom.workers.insight import fitting

TEN = datetime(2026, 3, 2, 2, tzinfo=UTC)
ROWS = [
    {"gtin": "1", "style": "coat", "size": "M", "colour": "red", "look": "L"},
    {"gtin": "2", "style": "coat", "size": "L", "colour": "red", "look": "L"},
    {"gtin": "3", "style": "coat", "size": "M", "colour": "blue"},
    {"gtin": "4", "style": "scarf", "look": "L"},
    {"gtin": "5", "style": "scarf", "look": "L"},
    {"gtin": "6", "look": "L"},
]


def test_reads_of_five_seconds():
    reads = {}
    assert fitting.note(reads, "F1", TEN, 2) == {"F1": 2}
    assert fitting.note(reads, "F2", TEN + timedelta(seconds=4), 1) == {"F1": 2, "F2": 1}
    assert fitting.note(reads, "F1", TEN + timedelta(seconds=5), 1) == {"F1": 1, "F2": 1}


def test_the_room_with_most_reads():
    assert fitting.room_of({"F1": 2, "F2": 1}, None, 3) is None
    assert fitting.room_of({"F1": 3, "F2": 4}, None, 3) == "F2"
    assert fitting.room_of({"F1": 3, "F2": 3}, "F1", 3) == "F1"
    assert fitting.room_of({"F2": 1}, "F1", 3) == "F1"


def test_sizes_and_colours_in_stock():
    style = fitting.styles(ROWS)["coat"]
    assert fitting.options(ROWS[0], style, lambda gtin: True) == {"sizes": ["M", "L"], "colours": ["red", "blue"]}
    assert fitting.options(ROWS[0], style, lambda gtin: gtin == "2") == {"sizes": ["L"], "colours": []}


def test_partners_are_one_of_a_style_and_in_stock():
    by_look = fitting.looks(ROWS)
    assert [row["gtin"] for row in fitting.partners([ROWS[0]], by_look, lambda gtin: True, 3)] == ["4", "6"]
    assert [row["gtin"] for row in fitting.partners([ROWS[0]], by_look, lambda gtin: gtin != "4", 1)] == ["5"]
    assert fitting.partners([ROWS[2]], by_look, lambda gtin: True, 3) == []
