"""Boards read from rows of fixtures: heights over the floor or clear heights, which is the bottom, which is at eye level."""

from storeloom.workers.optimise.boards import Board, boards


def row(shelf, height=None, **more):
    return {"shelf": shelf, "width_mm": 1000, **({"height_mm": height} if height is not None else {}), **more}


def test_heights_over_the_floor_clear_up_to_the_next_board():
    found = boards([row(1, 1400), row(2, 300), row(3, 900)], {})
    assert [(one.number, one.clear_mm, one.from_eye) for one in found] == [(2, 600, 2), (3, 500, 1), (1, None, 0)]


def test_equal_heights_are_clear_heights_and_number_one_is_on_top():
    found = boards([row(1, 350), row(2, 350), row(3, 350)], {})
    assert [(one.number, one.clear_mm, one.from_eye) for one in found] == [(3, 350, 0), (2, 350, 0), (1, 350, 0)]


def test_heights_less_than_a_hand_apart_are_clear_heights():
    assert [one.clear_mm for one in boards([row(1, 300), row(2, 350), row(3, 400)], {})] == [400, 350, 300]


def test_the_bottom_is_farther_from_eye_level():
    assert [one.number for one in boards([row(1), row(2), row(3), row(4, eye=True)], {})] == [1, 2, 3, 4]
    assert [(one.number, one.from_eye) for one in boards([row(1), row(2, eye=True), row(3), row(4)], {})] == [
        (4, 2),
        (3, 1),
        (2, 0),
        (1, 1),
    ]


def test_widths_from_what_stands_there_and_the_share_that_may_be_used():
    assert boards([{"shelf": 1}, {"shelf": 2}], {1: 800}, 0.97) == (Board(1, 776),)
