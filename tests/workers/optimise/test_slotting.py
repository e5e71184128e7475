"""Slots of a forward warehouse, worked by hand."""

from __future__ import annotations

import pytest

from storeloom.workers.optimise.slotting import Arrangement, Item, Plan, Slot, Swap, days_to_pay, lift

SLOTS = tuple(Slot(f"S{metres:02}", metres, x=metres) for metres in (4, 6, 8, 10, 12, 14))
ITEMS = (Item("A", 40, 4), Item("B", 12, 1), Item("C", 5, 1))
PLAN = Plan(SLOTS, ITEMS, (70, 150))
TODAY: Arrangement = {"S04": "A", "S06": "A", "S08": "A", "S10": "A", "S12": "B", "S14": "C"}


def always(swap: Swap) -> bool:
    return True


def test_rising_index_onto_rising_distance() -> None:
    assert [item.index for item in ITEMS] == pytest.approx([0.1, 1 / 12, 0.2])
    ideal = PLAN.ideal()
    assert ideal == {"S04": "B", "S06": "A", "S08": "A", "S10": "A", "S12": "A", "S14": "C"}
    assert (PLAN.walk(TODAY), PLAN.walk(ideal)) == (2 * 494, 2 * 478)


def test_the_way_there_is_one_swap_and_pays_after_fifteen_days() -> None:
    (swap,) = PLAN.swaps(TODAY, PLAN.ideal(), 30, always)
    assert swap == Swap("B", "S12", "S04", "A", 32) and swap.moves == 2
    assert days_to_pay([swap], 300, 0.8) == pytest.approx(15)
    assert PLAN.swaps(TODAY, PLAN.ideal(), 1, always) == [] and PLAN.swaps(TODAY, PLAN.ideal(), 30, lambda swap: False) == []
    assert days_to_pay([], 300, 0.8) is None


def test_an_empty_slot_takes_one_move_and_the_best_swap_goes_first() -> None:
    plan = Plan(SLOTS[:4], (Item("A", 10, 1), Item("B", 9, 1)), (70, 150))
    made = plan.swaps({"S04": None, "S06": None, "S08": "B", "S10": "A"}, plan.ideal(), 30, always)
    assert [(swap.item, swap.start, swap.goal, swap.moves) for swap in made] == [("A", "S10", "S04", 1), ("B", "S08", "S06", 1)]
    assert made[0].saved == 2 * 10 * 6


def test_nobody_orders_it_then_it_goes_last_and_ties_go_by_lines_then_key() -> None:
    plan = Plan(SLOTS[:3], (Item("Z", 0, 1), Item("B", 4, 2), Item("A", 2, 1)), (70, 150))
    assert plan.ideal() == {"S04": "B", "S06": "B", "S08": "A"}


def test_the_fast_and_the_heavy_stand_at_golden_heights_of_their_band() -> None:
    slots = (Slot("low", 3, height=20), Slot("gold", 4, height=100), Slot("top", 5, height=190), Slot("far", 7, height=100))
    plan = Plan(slots, (Item("fast", 9, 1), Item("mid", 5, 1), Item("slow", 1, 1)), (70, 150))
    assert plan.with_golden({"low": "fast", "gold": "mid", "top": "slow", "far": None}) == {
        "low": "mid",
        "gold": "fast",
        "top": "slow",
        "far": None,
    }  # fmt: skip
    heavy = Plan(slots, (Item("fast", 9, 1), Item("crate", 1, 1, kg=16), Item("mid", 5, 1)), (70, 150))
    assert heavy.ideal() == {"low": "fast", "gold": "mid", "top": None, "far": "crate"}
    assert not heavy.fits("crate", "top") and heavy.fits("crate", "low")


def test_pairs_come_within_three_metres_where_the_walk_hardly_grows() -> None:
    slots = (Slot("S1", 10, x=0), Slot("S2", 10, x=2), Slot("S3", 10, x=8))
    plan = Plan(slots, (Item("A", 5, 1), Item("B", 5, 1), Item("C", 5, 1)), (70, 150))
    now: Arrangement = {"S1": "A", "S2": "B", "S3": "C"}
    assert plan.with_pairs(now, [("A", "C")]) == {"S1": "A", "S2": "C", "S3": "B"}
    assert plan.with_pairs(now, [("A", "B")]) == now
    steep = Plan((slots[0], Slot("S2", 5, x=2), slots[2]), (Item("A", 5, 1), Item("B", 50, 1), Item("C", 5, 1)), (70, 150))
    assert steep.with_pairs(now, [("A", "C")]) == now


def test_lift() -> None:
    assert lift(25, 50, 100, 1000) == 5.0 and lift(0, 0, 3, 10) == 0.0
