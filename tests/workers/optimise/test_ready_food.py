"""Ready food on display and what to cook of it."""

from datetime import UTC, datetime

import pytest

from storeloom.workers.optimise.ready_food import corrected, discard, good, put_out, sell, share, to_cook


def at(clock):
    return datetime.fromisoformat(f"2026-03-02T{clock}:00").replace(tzinfo=UTC)


def test_what_ends_first_is_sold_first_and_what_is_over_goes():
    display = []
    put_out(display, 6, at("12:20"))
    put_out(display, 4, at("10:35"))
    sell(display, 2)
    assert [batch["qty"] for batch in display] == [2, 6]
    assert (good(display, at("10:35")), good(display, at("11:15"))) == (8, 6)
    assert (discard(display, at("10:34")), discard(display, at("10:35"))) == (0, 2)
    sell(display, 9)
    assert display == []


def test_a_stretch_takes_its_part_of_the_visitors():
    windows = [(at("10:00"), at("10:30"), 18), (at("10:30"), at("11:00"), 12), (at("11:00"), at("11:30"), 20)]
    assert share(windows, at("10:30"), at("11:15")) == pytest.approx(22 / 50)
    assert share(windows, at("12:00"), at("13:00")) == 0
    assert share([], at("10:00"), at("11:00")) is None


def test_batches_are_rounded_up_and_held_by_the_oven():
    assert [to_cook(need, 6, 12) for need in (-3, 0, 0.1, 6, 6.1, 18.2)] == [0, 0, 6, 6, 12, 12]
    assert to_cook(18.2, 6, 100) == 24
    assert (to_cook(9, 6, 5), to_cook(9, 6, 10)) == (5, 6)


def test_a_sold_out_slot_counts_at_least_one():
    assert corrected(1, 24, 18, False, 0.3) == pytest.approx(1.1)
    assert corrected(1, 5, 10, False, 0.3) == pytest.approx(0.85)
    assert corrected(1, 5, 10, True, 0.3) == 1
