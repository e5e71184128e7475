"""The zones that a camera sees."""

import pytest

from storeloom.workers.vision.errors import GeometryError
from storeloom.workers.vision.places import Place, place_at, places_of, stays
from storeloom.workers.vision.things import Seen

HALL = ((0.0, 0.0), (10.0, 0.0), (10.0, 5.0), (0.0, 5.0))
LEFT = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
# ten metres across the picture, five up and down
FLAT = ((10.0, 0.0, 0.0), (0.0, 5.0, 0.0), (0.0, 0.0, 1.0))


def person(x: float, y: float, floor: tuple[float, float] | None = None) -> Seen:
    """A person whose foot stands at x, y."""
    return Seen("t", "person", 0.9, (x - 0.05, y - 0.3, 0.1, 0.3), floor)


def test_the_floor_decides_before_the_picture() -> None:
    place = Place("hall", metres=HALL, picture=LEFT)
    assert place.holds(person(0.9, 0.5, floor=(1, 1)))
    assert not place.holds(person(0.1, 0.5, floor=(11, 1)))
    assert place.holds(person(0.1, 0.5)) and not place.holds(person(0.9, 0.5))


def test_a_homography_tells_the_floor() -> None:
    place = Place("corner", metres=((0, 0), (2, 0), (2, 2), (0, 2)), homography=FLAT)
    assert place.floor_of(person(0.1, 0.2)) == pytest.approx((1, 1))
    assert place.holds(person(0.1, 0.2)) and not place.holds(person(0.3, 0.2))


def test_where_nothing_is_known_the_only_zone_holds_all() -> None:
    assert Place("hall", metres=HALL, alone=True).holds(person(0.9, 0.9))
    assert not Place("hall", metres=HALL).holds(person(0.9, 0.9))


def test_the_outline_is_cut_at_the_picture() -> None:
    # 5..15 m across are 0.5..1.5 of the picture, of which half is seen
    seen = Place("side", metres=((5, 1), (15, 1), (15, 2), (5, 2)), homography=FLAT).outline()
    assert sorted((round(x, 9), round(y, 9)) for x, y in seen) == [(0.5, 0.2), (0.5, 0.4), (1.0, 0.2), (1.0, 0.4)]
    assert Place("far", metres=((20, 1), (30, 1), (30, 2)), homography=FLAT).outline() == ()
    assert Place("drawn", picture=LEFT).outline() == LEFT
    with pytest.raises(GeometryError, match="Calibrate the camera"):
        Place("bad", metres=HALL, homography=((0, 0, 0),) * 3).outline()


def test_the_tables_say_what_a_camera_sees() -> None:
    metres = [list(corner) for corner in HALL]
    rows = [
        {"zone": "a", "kind": "sales", "cameras": [{"camera": "c1", "polygon": [list(p) for p in LEFT]}]},
        {"zone": "b", "polygon": metres, "cameras": [{"camera": "c1", "polygon": metres}]},
        {"zone": "c", "polygon": metres},
    ]
    first, second = places_of("c1", rows)
    assert (first.zone, first.picture, first.metres, first.alone, first.certain) == ("a", LEFT, (), False, True)
    # corners beyond 0..1 are no picture's
    assert (second.picture, second.metres) == ((), HALL)
    (own,) = places_of("c2", rows, "c")
    assert own.zone == "c" and own.alone
    assert [(p.zone, p.certain) for p in places_of("c2", rows)] == [("b", False), ("c", False)]
    (only,) = places_of("c2", [{"zone": "z"}])
    assert only.alone and only.certain
    assert places_of("c2", []) == ()


def test_the_first_place_that_holds_a_thing() -> None:
    places = (Place("a", picture=LEFT), Place("b", alone=True))
    found = [place_at(places, person(x, 0.5)) for x in (0.1, 0.9)]
    assert [place.zone if place else None for place in found] == ["a", "b"]
    assert place_at(places[:1], person(0.9, 0.5)) is None


def test_stays_go_on_across_metres_and_picture() -> None:
    place = Place("hall", metres=HALL, picture=LEFT)
    state, _ = stays({}, place, {"t": person(0.1, 0.5)}, 0.0)
    state, now = stays(state, place, {"t": person(0.9, 0.5, floor=(1, 1))}, 1.0)
    assert now.present == {"t": 1.0}
    _, now = stays(state, place, {"t": person(0.9, 0.5)}, 2.0)
    assert [(stay.track, stay.dwell_s) for stay in now.left] == [("t", 1.0)]
