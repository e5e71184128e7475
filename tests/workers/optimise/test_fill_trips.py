"""Trolleys to the shelves, by hand."""

from datetime import UTC, datetime
from typing import Any

import pytest

from storeloom.workers.optimise import shelf_fill
from storeloom.workers.optimise.fill_trips import Rules, trips
from storeloom.workers.optimise.fill_trips import line as line_of
from storeloom.workers.optimise.walks import Floor

ZONES = [{"zone": "back", "neighbours": [{"zone": "Z1", "metres": 20}, {"zone": "Z2", "metres": 590}]}, {"zone": "Z1"}, {"zone": "Z2"}]
FIXTURES = [{"fixture": "F1", "zone": "Z1"}, {"fixture": "F2", "zone": "Z2"}]
FLOOR = Floor(ZONES, FIXTURES)


def line(name: str, litres: float, hours: float = 1, group: str = "ambient", fixture: str = "F1", **more: Any) -> dict[str, Any]:
    return {"gtin": name, "qty": 6, "case": 6, "litres": litres / 6, "kg": 0, "fixture": fixture, "group": group, "hours": hours, **more}


def names(*lines: dict[str, Any]) -> list[list[str]]:
    return [[one["gtin"] for one in trip["lines"]] for trip in trips(lines, (50, 80), FLOOR, None, "back")]


def test_few_trolleys_the_most_urgent_first() -> None:
    assert names(line("a", 30, 2), line("b", 25, 1), line("c", 20, 3), line("d", 15, 4)) == [["b", "d"], ["a", "c"]]


def test_cold_goods_by_themselves_and_last() -> None:
    assert names(line("f", 5, 0, "frozen"), line("c", 5, 0, "chilled"), line("a", 5), line("x", 5, 0, "hot")) == [
        ["a"],
        ["c"],
        ["f"],
        ["x"],
    ]


def test_a_long_cold_trip_in_halves() -> None:
    far = [line("a", 5, 1, "chilled"), line("b", 5, 2, "chilled", "F2")]
    assert names(*far) == [["a"], ["b"]]
    assert names(*({**one, "group": "ambient"} for one in far)) == [["a", "b"]]


def test_a_line_that_fills_more_than_a_trolley() -> None:
    found = trips([line("a", 30, qty=18)], (50, 80), FLOOR, None, "back")
    assert [[one["qty"] for one in trip["lines"]] for trip in found] == [[6], [6], [6]]


def test_metres_and_seconds() -> None:
    (trip,) = trips([line("a", 5), line("b", 5)], (50, 80), FLOOR, "Z2", "back")
    assert (trip["places"], trip["metres"], trip["seconds"]) == (["F1"], 40, 100)
    assert trips([], (50, 80), FLOOR, None, None) == []


SLOTS = [
    {"fixture": "F1", "slot": "a", "gtin": "g", "capacity": 20, "label": "L1"},
    {"fixture": "F2", "slot": "b", "gtin": "g", "capacity": 4},
]
RULES = Rules(1.2, 1, open_case=False)


def shelf_of(qty: float) -> shelf_fill.Shelf:
    return {**shelf_fill.begin(24, datetime(2026, 3, 2, tzinfo=UTC)), "qty": qty}


@pytest.mark.parametrize(("left", "qty"), [(7, 12), (10.8, 12), (10.9, None), (11, None)])
def test_a_line_at_and_above_the_trigger(left: float, qty: float | None) -> None:
    found = line_of(shelf_of(left), SLOTS, {"gtin": "g", "case_pack": 6, "storage": "chilled", "volume_l": 2}, (9, 4), RULES)
    assert (found and found["qty"]) == qty
    if found and left == 7:
        assert (found["slot"], found["labels"], found["group"], found["litres"], found["case"]) == ("a", ["L1"], "chilled", 2, 6)
        assert found["hours"] == pytest.approx(28 / 9)


def test_a_slot_that_was_seen_empty_is_filled_whatever_the_demand() -> None:
    found = line_of(shelf_of(20), SLOTS, {}, (0, 4), RULES, ("F2", "b"))
    assert found is not None and (found["slot"], found["qty"], found["gtin"]) == ("b", 4, "g")
    assert line_of(shelf_of(24), SLOTS, {}, (0, 4), RULES, ("F2", "b")) is None


def test_part_cases_are_carried_by_units() -> None:
    found = line_of(shelf_of(7), SLOTS, {"case_pack": 6}, (9, 4), Rules(1.2, 1, open_case=True))
    assert found is not None and (found["qty"], found["case"]) == (17, 1)
