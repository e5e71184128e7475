"""Goods on their way over a lane, worked by hand."""

from storeloom.workers.checkout import passage
from storeloom.workers.vision.places import places_of
from storeloom.workers.vision.things import Seen


def thing(x: float, track: str = "t", floor: tuple[float, float] | None = None) -> Seen:
    return Seen(track, "product", 0.9, (x, 0.4, 0.1, 0.2), floor=floor)


def test_a_track_moves_between_tray_and_bag() -> None:
    settled, moves = None, []
    for seen in ("scan", "tray", "scan", None, "bag", "bag", "scan", "tray"):
        settled, move = passage.moved(settled, seen)
        moves.append(move)
    assert moves == [None, None, None, None, "transfer", None, None, "return"]


def test_tracks_are_forgotten_thirty_seconds_after_their_last_frame() -> None:
    first = passage.entered({}, "c", [thing(0.1)], 100.0)
    assert first["c|t"] == {
        "settled": None, "looks": 0, "candidates": [], "camera": "c", "track": "t", "t_s": 100.0, "box": [0.1, 0.4, 0.1, 0.2],
    }  # fmt: skip
    again = passage.entered(first, "c", [thing(0.3, "u")], 130.0)
    assert list(again) == ["c|t", "c|u"]
    assert list(passage.entered(again, "c", [], 130.1)) == ["c|u"]
    assert first["c|t"]["t_s"] == 100.0


def test_of_each_candidate_the_best_look_counts() -> None:
    entry = passage.entered({}, "c", [thing(0.1)], 100.0)["c|t"]
    passage.recognised(entry, [("wine", 0.6), ("cola", 0.3)])
    passage.recognised(entry, [("cola", 0.8)])
    assert entry["candidates"] == [["cola", 0.8], ["wine", 0.6]]
    assert entry["looks"] == 2


def test_goods_are_looked_at_on_their_way() -> None:
    fresh, tired, moved = {"settled": None, "looks": 2}, {"settled": "tray", "looks": 3}, {"settled": "bag", "looks": 4}
    assert [passage.worth_a_look(entry, "tray") for entry in (fresh, tired)] == [True, False]
    assert [passage.worth_a_look(entry, "scan") for entry in (fresh, tired)] == [True, True]
    assert [passage.worth_a_look(entry, "bag") for entry in (fresh, tired, moved)] == [False, True, False]


def test_a_thing_lies_where_its_middle_is() -> None:
    view = {"camera": "c", "polygon": [[0.6, 0], [1, 0], [1, 1], [0.6, 1]]}
    places = [("bag", place) for place in places_of("c", [{"zone": "z", "cameras": [view]}])]
    assert passage.role_at(places, thing(0.56)) == "bag"
    assert passage.role_at(places, thing(0.54)) is None
    metres = [
        ("bag", place)
        for place in places_of("c", [{"zone": "z", "polygon": [[2, 0], [3, 0], [3, 1], [2, 1]], "cameras": [{"camera": "c"}]}])
    ]
    assert passage.role_at(metres, thing(0.1, floor=(2.5, 0.5))) == "bag"
    assert passage.role_at(metres, thing(0.1, floor=(1.5, 0.5))) is None
