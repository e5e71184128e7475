"""What a category keeps, drops and takes up."""

import pytest

from storeloom.workers.optimise.assortment import Choice, Option, choose, most_changes, transfer

MARGINS = {"A": (10000, 0.3), "B": (8000, 0.5), "C": (6000, 0.4), "D": (4000, 0.7), "E": (3500, 0.2)}


def five(firm="", **needs):
    return [Option(id, margin * (1 - caught), 10, needs.get(id, "all"), id in firm) for id, (margin, caught) in MARGINS.items()]


def test_the_least_true_loss_goes_not_the_least_seller():
    assert choose(five(), [], 40, 500, 1) == Choice(["D"])
    assert choose(five(firm="D"), [], 40, 500, 1) == Choice(["E"])


def test_a_swap_needs_its_gain_and_a_change_left():
    small, large = Option("F", 3100, 10, "all"), Option("F", 3400, 10, "all")
    present = five(D="other", X="other")
    present.append(Option("X", 9000, 10, "other"))
    assert choose(present, [small], 50, 500, 2) == Choice(["D"])
    assert choose(present, [large], 50, 500, 2) == Choice(["D"], [("E", "F")])
    assert choose(present, [large], 50, 500, 1) == Choice(["D"])


def test_one_drop_a_need_and_the_last_of_a_need_stays():
    assert choose(five(), [], 30, 500, 5) == Choice(["D"], wanted=["E"])
    assert choose(five(D="only"), [], 40, 500, 5) == Choice(["E"])
    assert choose(five(D="only"), [], 10, 500, 1) == Choice(["E"], wanted=["C", "B"])


def test_a_wide_candidate_does_not_fit():
    assert choose(five(), [Option("F", 9000, 20, "all")], 50, 500, 5) == Choice()
    assert choose(five(), [Option("F", 9000, 20, "all")], 60, 500, 5) == Choice([], [("D", "F")])


def test_transfer_and_changes():
    assert transfer(15, 50) == pytest.approx(0.3)
    assert (transfer(60, 50), transfer(-3, 50), transfer(3, 0)) == (0.95, 0, 0)
    assert (most_changes(0.1, 5), most_changes(0.1, 10), most_changes(0, 5)) == (1, 1, 0)
