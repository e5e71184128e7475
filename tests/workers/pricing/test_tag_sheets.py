"""Walking order and sheets of paper tags by hand."""

from storeloom.workers.pricing.tag_sheets import aisles, natural, off_pct, sheets


def test_numbers_sort_as_numbers() -> None:
    assert sorted(["A10", "A2", "B1", "A"], key=natural) == ["A", "A2", "A10", "B1"]


def test_by_zone_bay_shelf_and_position_those_without_a_zone_last() -> None:
    rows = [
        {"slot": "x"},
        {"zone": "A10", "fixture": "F1", "shelf": 1, "slot": "1"},
        {"zone": "A2", "fixture": "F2", "shelf": 1, "slot": "1"},
        {"zone": "A2", "fixture": "F1", "shelf": 2, "slot": "10"},
        {"zone": "A2", "fixture": "F1", "shelf": 2, "slot": "9"},
        {"zone": "A2", "fixture": "F1", "shelf": 1, "slot": "1", "x_mm": 300},
        {"zone": "A2", "fixture": "F1", "shelf": 1, "slot": "2", "x_mm": 20},
    ]
    found = aisles(rows)
    assert list(found) == ["A2", "A10", None]
    assert [(row["fixture"], row["slot"]) for row in found["A2"]] == [("F1", "2"), ("F1", "1"), ("F1", "9"), ("F1", "10"), ("F2", "1")]


def test_25_labels_are_three_sheets_of_12() -> None:
    assert [len(sheet) for sheet in sheets([{}] * 25, 12)] == [12, 12, 1]


def test_discount() -> None:
    assert off_pct(792, 990) == 20
    assert off_pct(990, None) == 0
