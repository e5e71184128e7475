"""Slots by hand: four pickers of 60 lines an hour make 120 lines in half an hour."""

from datetime import UTC, datetime, timedelta

import pytest

from storeloom.workers.optimise import slot_load
from storeloom.workers.optimise.slot_load import Room

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)


def sold(lines: int, drops: int = 0) -> slot_load.Slot:
    orders = {f"o{number}": {"lines": 0, "all": 0, "drop": True} for number in range(drops)}
    return slot_load.empty() | {"sold": {"many": {"lines": lines, "all": lines, "drop": False}, **orders}}


def test_a_slot_takes_what_fits_without_what_is_kept() -> None:
    room = Room(120, None)
    assert slot_load.takes(sold(96), room, 24, drop=True)
    assert not slot_load.takes(sold(108), room, 15, drop=False)
    assert slot_load.takes(sold(90), room, 6, drop=False, kept=0.2)
    assert not slot_load.takes(sold(90), room, 7, drop=False, kept=0.2)
    assert not slot_load.takes(slot_load.empty(), Room(0, None), 1, drop=False)


def test_the_tighter_of_lines_and_drops_rules() -> None:
    slot, room = sold(60, drops=2), Room(120, 2.9)
    assert slot_load.load(slot, room) == pytest.approx(2 / 2.9)
    assert slot_load.load(slot, Room(120, None), lines=48) == pytest.approx(0.9)
    assert slot_load.takes(slot, room, 1, drop=False) and not slot_load.takes(slot, room, 1, drop=True)
    assert slot_load.load(sold(1), Room(0, None)) == float("inf") and slot_load.load(slot_load.empty(), Room(0, None)) == 0


def names(order: str) -> list[str]:
    return [f"{order}|{line}" for line in range(35)]


def test_an_hour_of_seventy_makes_sixty_two_and_an_idle_one_nothing() -> None:
    book = slot_load.idle()
    slot_load.work(book, "p1", NINE, NINE + timedelta(minutes=30), names("a"))
    slot_load.work(book, "p1", NINE + timedelta(minutes=15), NINE + timedelta(hours=1), names("b"))
    assert slot_load.learn(60, book, 0.2) == pytest.approx(62)
    assert slot_load.learn(None, book, 0.2) == pytest.approx(70)
    assert slot_load.learn(60, slot_load.idle(), 0.2) == 60 and slot_load.learn(None, slot_load.idle(), 0.2) is None


def test_work_that_is_told_again_counts_once() -> None:
    book = slot_load.idle()
    for ended in (30, 31):
        slot_load.work(book, "p1", NINE, NINE + timedelta(minutes=ended), names("a"))
    assert (book["done"], book["seconds"]) == (35, 1800)


def test_what_still_comes_and_who_is_missing() -> None:
    weeks = [{"8": 30, "3": 10, "0": 5}, {"2": 5}, {}]
    assert slot_load.usual(weeks, 4) == pytest.approx(20 / 3)
    assert slot_load.usual(weeks, 8) == pytest.approx(50 / 3)
    assert slot_load.usual([], 8) == 0
    assert (slot_load.hands(150, 120, 30), slot_load.hands(151, 120, 30), slot_load.hands(119, 120, 30)) == (1, 2, 0)
