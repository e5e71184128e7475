"""Resets of a bay: least moves, tasks of bays; worked by hand."""

import pytest

from storeloom.workers.optimise import shelf_reset
from storeloom.workers.optimise.shelf_reset import Slot, Step

TIMES = {"remove": 0.5, "move": 0.8, "add": 1.0}


def bay(*boards):
    """Boards of items; `A2` is A with two facings."""
    return [
        Slot(shelf, f"{shelf}-{n}", text[0], int(text[1:] or 1))
        for shelf, items in enumerate(boards, 1)
        for n, text in enumerate(items.split(), 1)
    ]


def told(reset):
    return [(step.kind, step.item, step.facings) for step in reset.steps]


def test_what_keeps_its_order_stays():
    reset = shelf_reset.compare(bay("A B C D E"), bay("A D B C F"))
    assert reset.steps == (Step("remove", "E", 1, "1-5"), Step("move", "D", 1, "1-4", "1-2", True), Step("add", "F", 1, None, "1-5", True))
    assert reset.minutes(TIMES, 0.3) == pytest.approx(2.9)
    assert (reset.moved, reset.shifted, len(reset.labels)) == (1, 3, 2)


def test_of_equally_long_the_one_with_most_facings_stays():
    assert told(shelf_reset.compare(bay("A1 B4"), bay("B4 A1"))) == [("move", "A", 1)]
    assert told(shelf_reset.compare(bay("A4 B1"), bay("B1 A4"))) == [("move", "B", 1)]


def test_a_change_of_facings_is_the_difference_and_needs_no_label_where_the_item_stays():
    reset = shelf_reset.compare(bay("A3 B1"), bay("A1 B4"))
    assert told(reset) == [("remove", "A", 2), ("add", "B", 3)]
    assert not reset.labels


def test_a_moved_item_with_more_facings_is_moved_and_filled_with_one_label():
    reset = shelf_reset.compare(bay("A2 B3 C3"), bay("B3 C3 A5"))
    assert told(reset) == [("move", "A", 2), ("add", "A", 3)]
    assert len(reset.labels) == 1


def test_another_board_is_a_move():
    assert told(shelf_reset.compare(bay("A B", "C"), bay("A", "B C"))) == [("move", "B", 1)]


def test_an_item_that_stands_twice_is_paired_on_its_own_board():
    assert told(shelf_reset.compare(bay("A B", "A"), bay("B", "A C"))) == [("remove", "A", 1), ("add", "C", 1)]


def test_slots_of_the_same_name_are_told_with_their_board():
    found = shelf_reset.slots([[1, "7", "A", 1], [2, "7", "B", 2], [2, "8", "C", 1]])
    assert found == [Slot(1, "1/7", "A", 1), Slot(2, "2/7", "B", 2), Slot(2, "8", "C", 1)]


def test_order_of_rows():
    rows = [{"shelf": 2, "slot": "S10"}, {"shelf": 2, "slot": "S9"}, {"slot": "b", "x_mm": 0}, {"slot": "a", "x_mm": 300}]
    assert [row["slot"] for row in shelf_reset.in_order(rows)] == ["b", "a", "S9", "S10"]


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        ([25, 30, 20], [[0, 1], [2]]),
        ([70, 20, 40], [[0], [1, 2]]),
        ([20, 70, 20], [[0], [1], [2]]),
        ([0.1] * 600, [list(range(600))]),
        ([], []),
    ],
)
def test_bays_make_tasks_in_their_order(minutes, expected):
    assert shelf_reset.tasks(minutes, 60) == expected
