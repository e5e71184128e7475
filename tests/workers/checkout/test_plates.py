"""Plates in a picture."""

from storeloom.workers.checkout.plates import dishes, in_zone, obstructed, on_tray
from storeloom.workers.vision.things import Seen

METRES = [[0, 0], [2, 0], [2, 2], [0, 2]]


def thing(cls, *box, floor=None):
    return Seen(f"{cls}{box}", cls, 0.9, box, floor)


LEFT, RIGHT = thing("plate", 0.1, 0.1, 0.2, 0.2, floor=(1, 1)), thing("plate", 0.6, 0.1, 0.2, 0.2, floor=(3, 1))


def zone(**row):
    return {"zone": "pay", "name": "Pay", "kind": "checkout"} | row


def test_a_zone_is_known_by_the_picture_else_by_the_floor_else_everything_counts():
    both = [LEFT, RIGHT]
    drawn = {"camera": "c1", "polygon": [[0.5, 0], [1, 0], [1, 1], [0.5, 1]]}
    assert in_zone(both, "c1", zone(cameras=[drawn], polygon=METRES)) == [RIGHT]
    assert in_zone(both, "c2", zone(cameras=[drawn], polygon=METRES)) == [LEFT]
    assert in_zone([thing("plate", 0, 0, 0.1, 0.1)], "c1", zone(polygon=METRES)) != []  # its place on the floor is unknown
    assert in_zone(both, "c2", zone(cameras=[drawn])) == in_zone(both, "c1", zone()) == in_zone(both, "c1", None) == both


def test_a_homography_tells_the_floor():
    # shares times ten are metres: the foot of LEFT, (0.2, 0.3), is (2, 3) on the floor, that of RIGHT (7, 3)
    seen = [thing("plate", *LEFT.box), thing("plate", *RIGHT.box)]
    scaled = {"camera": "c1", "homography": [[10, 0, 0], [0, 10, 0], [0, 0, 1]]}
    assert in_zone(seen, "c1", zone(cameras=[scaled], polygon=[[0, 0], [4, 0], [4, 4], [0, 4]])) == seen[:1]


def test_plates_and_the_foods_that_lie_on_none():
    on_plate, loose = thing("apple", 0.15, 0.15, 0.1, 0.1), thing("donut", 0.4, 0.4, 0.1, 0.1)
    assert dishes([on_plate, loose, LEFT, thing("fork", 0, 0, 0.1, 0.1)]) == [LEFT, loose]
    assert on_tray((0.0, 0.0, 0.5, 0.5), [LEFT, RIGHT]) == [LEFT]


def test_hands_people_and_overlaps_are_in_the_way():
    assert not obstructed([LEFT, RIGHT, thing("person", 0.9, 0, 0.1, 1)], [LEFT, RIGHT], 0.3)
    assert obstructed([LEFT, thing("hand", 0.8, 0.8, 0.1, 0.1)], [LEFT], 0.3)
    assert obstructed([LEFT, thing("person", 0, 0, 0.2, 1)], [LEFT], 0.3)  # half of the plate
    # shifted by half its side: shared 0.02 of 0.06
    assert obstructed([], [LEFT, thing("plate", 0.2, 0.1, 0.2, 0.2)], 0.3) and not obstructed([], [LEFT, RIGHT], 0.0)
