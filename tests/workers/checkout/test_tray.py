"""Things on a tray."""

import pytest

from storeloom.workers.checkout.tray import Priced, entangled, look_at, new_thing, priced, receipt_lines, rejoined, see


def test_things_that_overlap_too_much_must_be_spread():
    # two squares of side 0.2 shifted by 0.1: shared 0.02, union 0.06, iou 1/3
    one, other, far = (0.0, 0.0, 0.2, 0.2), (0.1, 0.0, 0.2, 0.2), (0.7, 0.7, 0.2, 0.2)
    assert entangled([one, other, far], 0.3) and not entangled([one, other, far], 0.34) and not entangled([one], 0.0)


def test_what_lies_still_keeps_its_name():
    known = {"a": (0.0, 0.0, 0.2, 0.2), "b": (0.5, 0.5, 0.2, 0.2)}
    seen = {"b": (0.5, 0.5, 0.2, 0.2), "c": (0.01, 0.0, 0.2, 0.2), "d": (0.51, 0.5, 0.2, 0.2)}
    assert rejoined(known, seen) == {"b": "b", "c": "a", "d": "d"}
    assert rejoined({}, {"x": (0, 0, 1, 1)}) == {"x": "x"}


def test_equal_pieces_make_one_line():
    assert receipt_lines([("croissant", 650), ("bun", 480), ("croissant", 650)]) == [
        {"line": 1, "gtin": "croissant", "qty": 2, "price": 650, "amount": 1300, "entry": "vision"},
        {"line": 2, "gtin": "bun", "qty": 1, "price": 480, "amount": 480, "entry": "vision"},
    ]


BOX = (0.1, 0.1, 0.2, 0.2)
PRICES = {"pork": 1200, "greens": 500, "tofu": 700, "egg": 300}


def plate(*frames, colour=None, sure=True):
    thing = new_thing() | {"colour": colour}
    for frame in frames:
        see(thing, BOX, [frame], sure=sure, least=0.8, frames=5)
    return thing


@pytest.mark.parametrize(
    ("thing", "sold"),
    [
        (plate(*[("pork", 0.9)] * 3, ("beef", 0.9), ("pork", 0.9)), Priced("pork", 1200, "votes")),
        (plate(*[("greens", score) for score in (0.82, 0.79, 0.85, 0.9, 0.78)]), Priced("greens", 500, "votes")),
        (plate(*[("tofu", 0.9), ("egg", 0.9)] * 2, ("egg", 0.7), colour="red"), Priced("plate-red", 600, "colour")),
        (plate(*[("pork", 0.9)] * 3), Priced("pork", 1200, "votes")),
        (plate(*[("pork", 0.9)] * 2), "reading"),
        (plate(*[("pork", 0.9)] * 5, sure=False) | {"picked": "tofu"}, Priced("tofu", 700, "picked")),
    ],
)
def test_votes_then_the_colour_decide_what_a_plate_is_sold_as(thing, sold):
    assert priced(thing, PRICES, 600 if thing["colour"] else None, agree=3, frames=5) == sold


def test_without_votes_and_without_a_colour_a_person_must_pick():
    assert priced(plate(*[("pork", 0.9)] * 5, sure=False), PRICES, None, agree=3, frames=5) == "unknown"
    assert priced(plate(*[("stew", 0.9)] * 5), PRICES, None, agree=3, frames=5) == "unknown"  # not on the menu


def test_by_colour_alone_no_frames_are_waited_for():
    assert priced(plate(("pork", 0.9), colour="red"), PRICES, 600, agree=3, frames=5, by_colour=True) == Priced("plate-red", 600, "colour")
    assert priced(plate(("pork", 0.9)), PRICES, None, agree=1, frames=5, by_colour=True) == "unknown"


def test_a_frame_is_taken_in_under_the_names_that_are_known():
    things = {"a": plate(("pork", 0.9))}
    looks = [([("pork", 0.9)], True, "red"), ([], False, None)]
    assert look_at(things, {"b": BOX, "c": (0.6, 0.6, 0.2, 0.2)}, looks, least=0.8, frames=5) == ["a", "c"]
    assert (things["a"]["votes"], things["a"]["frames"], things["a"]["colour"]) == (["pork", "pork"], 2, "red")
    assert things["c"]["votes"] == [None] and things["c"]["colour"] is None
