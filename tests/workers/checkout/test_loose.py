"""Loose pieces on a tray."""

import pytest

from storeloom.workers.checkout.loose import alike, exchanged, lie_still, must_be_spread, on_tray, one_each, recognised, same_place
from storeloom.workers.vision.things import Seen

A, B = (0.1, 0.1, 0.2, 0.2), (0.6, 0.1, 0.2, 0.2)


def thing(cls, box, score=1.0):
    return Seen(None, cls, score, box)


def piece(gtin, box, *, sure=True):
    return {"box": list(box), "candidates": [[gtin, 0.9 if sure else 0.6]], "gtin": gtin if sure else None}


def test_only_what_lies_on_the_largest_tray_counts():
    tray, small = thing("tray", (0.0, 0.0, 0.5, 0.5)), thing("tray", (0.6, 0.6, 0.2, 0.2))
    found = on_tray([tray, small, thing("cake", A), thing("cake", B), thing("fork", A), thing("hand", A), thing("person", B)])
    assert [one.box for one in found.pieces] == [A] and [one.cls for one in found.hands] == ["hand"] and found.tray == tray.box


def test_without_a_tray_the_picture_is_one_and_people_count_where_they_reach_in():
    found = on_tray([thing("cake", A), thing("donut", B), thing("person", (0.25, 0.2, 0.2, 0.5)), thing("person", (0.4, 0.5, 0.1, 0.4))])
    assert len(found.pieces) == 2 and len(found.hands) == 1 and found.tray is None


def test_a_plate_is_a_piece_unless_one_lies_on_it():
    under, alone = thing("plate", (0.05, 0.05, 0.3, 0.3)), thing("plate", B)
    assert [one.box for one in on_tray([under, thing("cake", A), alone]).pieces] == [A, B]


def test_boxes_that_overlap_too_much_are_one_piece_whatever_their_classes():
    # shifted by 0.05 of 0.2: shared 0.03, union 0.05, iou 0.6
    assert one_each([A, (0.15, 0.1, 0.2, 0.2), B], [0.5, 0.9, 0.7], 0.5) == [1, 2]
    assert one_each([A, (0.15, 0.1, 0.2, 0.2), B], [0.5, 0.9, 0.7], 0.6 + 1e-9) == [0, 1, 2]
    assert one_each([], [], 0.5) == []


@pytest.mark.parametrize(
    ("before", "after", "still"),
    [
        ([A, B], [B, A], True),
        ([A], [(0.11, 0.1, 0.2, 0.2)], True),  # shared 0.038 of 0.042
        ([A], [(0.15, 0.1, 0.2, 0.2)], False),  # iou 0.6
        ([A, B], [A], False),
        ([A, B], [A, A], False),
        ([], [], True),
    ],
)
def test_pieces_lie_still_where_each_has_kept_its_place(before, after, still):
    assert lie_still(before, after) is still


@pytest.mark.parametrize(
    ("boxes", "tray", "spread"),
    [
        ([A, B], None, False),
        ([A, (0.2, 0.1, 0.2, 0.2)], None, True),  # iou 1/3
        ([(0.1, 0.1, 0.15, 0.2), (0.2, 0.1, 0.15, 0.2)], None, True),  # iou 0.2
        ([(0.1, 0.1, 0.14, 0.2), (0.2, 0.1, 0.14, 0.2)], None, False),  # iou 1/6
        ([(0.0, 0.1, 0.2, 0.2)], None, True),
        ([(0.85, 0.1, 0.15, 0.2)], None, True),
        ([A], (0.0, 0.0, 0.28, 0.5), True),  # a tenth beyond the tray
        ([A], (0.05, 0.05, 0.4, 0.4), False),
    ],
)
def test_pieces_that_overlap_or_are_cut_must_be_spread(boxes, tray, spread):
    assert must_be_spread(boxes, tray) is spread


@pytest.mark.parametrize(
    ("candidates", "item"),
    [
        ([("croissant", 0.91), ("pie", 0.62)], "croissant"),
        ([("bun", 0.84), ("bean bun", 0.79)], None),
        ([("bun", 0.84), ("bean bun", 0.74)], "bun"),  # 0.84 - 0.74 is a little less than 0.1 in binary
        ([("bun", 0.79)], None),
        ([("bun", 0.8)], "bun"),
        ([], None),
    ],
)
def test_score_and_lead_decide_what_is_recognised(candidates, item):
    assert recognised(candidates, least=0.8, lead=0.1) == item


def test_an_exchange_is_one_sure_item_for_another_at_its_place():
    before = [piece("croissant", A), piece("bun", B)]
    assert exchanged(before, [piece("bun", B), piece("pie", A)])
    assert not exchanged(before, [piece("bun", B), piece("croissant", A)])
    assert not exchanged(before, [piece("bun", B), piece("pie", A, sure=False)])
    assert not exchanged(before, [piece("pie", A)]) and not exchanged(before, [])


def test_looks_are_alike_with_the_same_likeliest_items_at_the_same_places():
    before = [piece("croissant", A), piece("bun", B)]
    assert alike(before, [piece("bun", B, sure=False), piece("croissant", A)])
    assert not alike(before, [piece("croissant", B), piece("bun", A)])
    assert not alike(before, before[:1]) and not alike([], [])
    assert same_place(before[0], [piece("x", B), piece("y", A)])["gtin"] == "y"
