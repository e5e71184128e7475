"""What a shelf holds and what to carry to it, by hand."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from storeloom.workers.optimise import shelf_fill
from storeloom.workers.optimise.shelf_fill import (
    Shelf,
    backroom,
    begin,
    capacity_of,
    count,
    fill,
    hours_left,
    look,
    move,
    sell,
    settle,
    size_of,
    units,
)

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
LATER, BEFORE = NOW + timedelta(hours=1), NOW - timedelta(hours=1)


def shelf(on_hand: float = 54, location: str = "store", capacity: float = 24) -> Shelf:
    found = begin(capacity, NOW)
    count(found, {"on_hand": on_hand, "location": location}, NOW)
    return found


def test_seventeen_sold_of_twenty_four() -> None:
    found = shelf()
    sell(found, 17, LATER)
    assert (found["qty"], backroom(found)) == (7, 30)
    fill(found, 10)
    assert (found["qty"], backroom(found)) == (17, 20)


def test_what_the_shelf_did_not_hold_came_from_behind() -> None:
    for found in (shelf(30), shelf(6, "backroom")):
        sell(found, 26, LATER)
        assert (found["qty"], backroom(found)) == (0, 4)


def test_sales_from_before_a_count_are_in_it() -> None:
    found = shelf()
    sell(found, 5, BEFORE)
    assert (found["qty"], backroom(found)) == (24, 30)
    assert not settle(found, 3, BEFORE)
    assert settle(found, -3, LATER) and found["qty"] == 0


def test_returns_wait_behind_the_shelf() -> None:
    found = shelf()
    sell(found, 10, LATER)
    sell(found, -2, LATER)
    assert (found["qty"], backroom(found)) == (14, 32)


def test_counts_of_shelf_backroom_and_store() -> None:
    found = shelf(8, "backroom")
    count(found, {"on_hand": 9, "location": "shelf"}, LATER)
    assert (found["qty"], backroom(found)) == (9, 8)
    count(found, {"on_hand": 5}, LATER)
    assert (found["qty"], backroom(found)) == (5, 0)
    count(found, {"on_hand": 90, "location": "warehouse"}, LATER)
    assert backroom(found) == 0
    assert backroom(begin(24, NOW)) is None


def test_movements() -> None:
    for found in (shelf(54), shelf(30, "backroom")):
        sell(found, 20, LATER)
        move(found, {"kind": "transfer", "qty": 12, "from": "backroom", "to": "shelf"}, LATER)
        assert (found["qty"], backroom(found)) == (16, 18)
        move(found, {"kind": "transfer", "qty": 6, "from": "shelf", "to": "backroom"}, LATER)
        move(found, {"kind": "waste", "qty": -4, "from": "shelf"}, LATER)
        move(found, {"kind": "waste", "qty": -4, "from": "shelf", "state": "proposed"}, LATER)
        assert (found["qty"], backroom(found)) == (6, 24)
        move(found, {"kind": "receive", "qty": 12}, LATER)
        move(found, {"kind": "waste", "qty": -1}, LATER)
        assert (found["qty"], backroom(found)) == (6, 35)


@pytest.mark.parametrize(
    ("on_shelf", "capacity", "behind", "least", "open_case", "expected"),
    [
        (7, 24, 30, 1, False, 12),
        (7, 24, 8, 1, False, 6),
        (7, 24, None, 1, False, 12),
        (7, 24, 30, 1, True, 17),
        (7, 24, 8, 1, True, 8),
        (0, 4, 30, 1, False, 4),
        (1, 4, 30, 1, False, 0),
        (0, 4, 30, 0, False, 0),
        (26, 24, 30, 1, False, 0),
        (0, 24, 0, 1, False, 0),
    ],
)
def test_units_to_carry(on_shelf: float, capacity: float, behind: float | None, least: float, open_case: bool, expected: float) -> None:
    assert units(on_shelf, capacity, 6, behind, least, open_case=open_case) == expected


def test_hours_until_empty() -> None:
    assert hours_left(7, 9, 4) == pytest.approx(28 / 9)
    assert shelf_fill.hours_left(0, 0, 4) == 0
    assert hours_left(7, 0, 4) == math.inf


def test_what_a_slot_holds_and_how_large_a_unit_is() -> None:
    assert [capacity_of(row) for row in ({"capacity": 24, "facings": 2}, {"facings": 3, "depth_units": 4}, {"facings": 3})] == [24, 12, 0]
    assert size_of({"volume_l": 1.5, "weight_g": 400}) == (1.5, 0.4)
    assert size_of({"width_mm": 100, "height_mm": 200, "depth_mm": 50}) == (1.0, 0)
    assert size_of({"unit": "kg", "volume_l": 0.3, "weight_g": 200}) == (pytest.approx(1.5), 1.0)
    assert size_of({"unit": "kg"}) == (0, 1.0)


@pytest.mark.parametrize(
    ("state", "seen", "left"),
    [
        ("out", None, 12),
        ("out", 3, 12),
        ("full", None, 24),
        ("full", 10, 22),
        ("low", 2, 14),
        ("low", None, None),
        ("wrong_price", 2, None),
    ],
)
def test_one_slot_of_two_is_seen(state: str, seen: float | None, left: float | None) -> None:
    slots = [{"fixture": "F1", "slot": "a", "capacity": 12}, {"fixture": "F2", "slot": "b", "capacity": 12}]
    found = shelf()
    assert look(found, slots, ("F1", "a"), {"state": state, "qty": seen}, LATER) is (left is not None)
    assert found["qty"] == (24 if left is None else left)


def test_a_slot_that_is_not_planned_is_the_whole_shelf() -> None:
    found = shelf()
    assert look(found, [{"fixture": "F1", "slot": "a", "capacity": 24}], ("F9", "z"), {"state": "out"}, LATER)
    assert found["qty"] == 0 and not look(found, [{"fixture": "F1", "slot": "a", "capacity": 24}], ("F1", "a"), {"state": "full"}, NOW)
