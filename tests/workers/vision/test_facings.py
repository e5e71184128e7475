"""Facings against a plan, by hand-worked rows."""

import pytest

from storeloom.workers.vision.facings import UNKNOWN, Pack, Reading, align, hidden_share, read, recognised, rows, vote


def shelf(items: str, top: float = 0.0) -> list[Pack]:
    return [Pack(item, (0.1 * n, top, 0.08, 0.2)) for n, item in enumerate(items) if item != " "]


def test_a_missing_facing_and_an_intruder_are_told_apart() -> None:
    score, matched, intruders = align("AABCCCD", "ABCCXCD")
    assert (score, sum(matched), intruders) == (4, 6, ["X"])
    assert matched[2:] == [True] * 5


def test_a_wrong_pack_in_a_facing_is_both_missing_and_intruder() -> None:
    assert align("ABC", "AXC") == (1, [True, False, True], ["X"])


def test_an_empty_row_matches_nothing() -> None:
    assert align("AB", "") == (-2, [False, False], [])
    assert align("", "X") == (-1, [], ["X"])


def test_rows_are_read_from_the_top_and_from_the_left() -> None:
    packs = shelf("CD", top=0.5) + shelf("AB")
    tall = Pack("E", (0.3, -0.1, 0.08, 0.3))
    assert rows([*packs[::-1], tall]) == [["A", "B", "E"], ["C", "D"]]
    assert rows([]) == []


def test_an_empty_shelf_does_not_shift_those_below() -> None:
    reading = read(["AA", "BB", "CC"], shelf("AA") + shelf("CC", top=0.6))
    assert reading == Reading(((True, True), (False, False), (True, True)), ())


def test_a_row_that_no_shelf_plans_is_intruders_of_the_shelf_above() -> None:
    assert read(["AB"], shelf("AB") + shelf("XY", top=0.5)) == Reading(((True, True),), ((0, "X"), (0, "Y")))


def test_the_majority_decides_each_facing_and_each_intruder() -> None:
    frames = [read(["AB"], shelf(items)) for items in ("AB", "AX", "AXX")]
    verdict = vote(frames)
    assert verdict.matched == ((True, False),)
    assert [list(shelf) for shelf in verdict.support] == [pytest.approx([1, 2 / 3])]
    assert verdict.intruders == ((0, "X"),)


def test_hidden_share_counts_overlaps_once_and_only_inside() -> None:
    assert hidden_share((0, 0, 1, 1), [(0, 0, 0.5, 1), (0.25, 0, 0.5, 1)]) == pytest.approx(0.75)
    assert hidden_share((0, 0, 0.5, 1), [(0.4, -1, 2, 3)]) == pytest.approx(0.2)
    assert hidden_share((0, 0, 1, 1), []) == 0


@pytest.mark.parametrize(
    ("named", "item"),
    [
        ([["6901", 0.8], ["6902", 0.9]], "6902"),
        ([["6901", 0.7]], UNKNOWN),
        (["6901"], "6901"),
        ("6901", "6901"),
        ([{"gtin": "6901", "score": 0.76}], "6901"),
        (None, UNKNOWN),
    ],
)
def test_a_pack_is_recognised_from_the_least_similarity_on(named: object, item: str) -> None:
    assert recognised(named, 0.9, 0.75) == item
