"""Template planograms on a store's own boards, worked by hand."""

from storeloom.workers.optimise.boards import Board
from storeloom.workers.optimise.localise import Place, bay, best_local, used

A, B = Place("A", "1", 3, 80, 60), Place("B", "2", 2, 100, 18)
C, D = Place("C", "3", 2, 120, 30), Place("D", "4", 1, 200, 6, must=True)


def told(fit, shelf=1):
    return [(one.item, one.facings) for one in fit.shelves[shelf]]


def test_the_weakest_a_facing_gives_way_and_nothing_fits_into_what_is_left():
    fit = bay({1: [A, B, C, D]}, [Board(1, 700)], 20, 92, 8)
    assert told(fit) == [("A", 3), ("B", 1), ("C", 1), ("D", 1)]
    assert (used(fit.shelves[1]), fit.left_out) == (660, [])


def test_spare_width_goes_to_the_best_a_facing_up_to_the_target_and_the_most():
    # Of 1000: 880 used, under 92 %. A 60 / 3 = 20 is best: 960.
    assert told(bay({1: [A, B, C, D]}, [Board(1, 1000)], 20, 92, 8)) == [("A", 4), ("B", 2), ("C", 2), ("D", 1)]
    # To 100 %: A 3 is most, then C 15: 1000.
    assert told(bay({1: [A, B, C, D]}, [Board(1, 1000)], 20, 100, 3)) == [("A", 3), ("B", 2), ("C", 3), ("D", 1)]
    assert told(bay({1: [Place("Z", "1", 9, 100)]}, [Board(1, 1000)], 20, 92, 8)) == [("Z", 8)]


def test_the_weakest_seller_leaves_and_what_must_be_stocked_last():
    fit = bay({1: [A, B, C, D]}, [Board(1, 290)], 20, 92, 8)
    # All with one facing take 500; B 18 leaves, then C 30: 280.
    assert told(fit) == [("A", 1), ("D", 1)]
    assert [one.item for one in fit.left_out] == ["B", "C"]
    assert [one.item for one in bay({1: [D]}, [Board(1, 100)], 20, 92, 8).left_out] == ["D"]


def test_ties_by_item():
    fit = bay({1: [Place("Y", "1", 2, 100, 10), Place("X", "2", 2, 100, 10)]}, [Board(1, 300)], 20, 92, 8)
    assert told(fit) == [("Y", 2), ("X", 1)]


def test_what_is_too_tall_moves_up_else_down():
    tall = Place("T", "1", 1, 100, 5, height_mm=280)
    boards = [Board(3, 500, 250), Board(2, 500, 299), Board(1, 500, 300)]
    assert told(bay({3: [tall]}, boards, 20, 0, 8), 1) == [("T", 1)]
    assert told(bay({1: [tall]}, [Board(2, 500, 400), Board(1, 500, 250)], 20, 0, 8), 2) == [("T", 1)]
    assert [one.item for one in bay({1: [tall]}, [Board(1, 500, 250)], 20, 0, 8).left_out] == ["T"]
    assert told(bay({1: [tall]}, [Board(1, 500, None)], 20, 0, 8)) == [("T", 1)]


def test_a_board_that_is_not_here_gives_to_the_nearest():
    assert told(bay({4: [A]}, [Board(1, 500), Board(3, 500)], 20, 0, 8), 3) == [("A", 3)]


def test_best_local():
    candidates = {"L1": ("tea", 5.0), "L2": ("tea", 9.0), "L3": ("milk", 20.0), "L4": ("tea", 9.0), "L5": ("juice", 0.0)}
    assert best_local("tea", candidates, ()) == "L2"
    assert best_local("tea", candidates, ("L2",)) == "L4"
    assert best_local(None, candidates, ()) == "L3"
    assert best_local("juice", candidates, ()) is None
