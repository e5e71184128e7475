"""Zones by hand."""

import json
from typing import Any

import pytest

from storeloom.workers.vision import zones
from storeloom.workers.vision.errors import GeometryError

SQUARE = [(0.2, 0.2), (0.6, 0.2), (0.6, 0.6), (0.2, 0.6)]
ANGLE = [(0, 0), (4, 0), (4, 1), (1, 1), (1, 4), (0, 4)]
IN, OUT = (0.4, 0.4), (0.9, 0.9)


def run(*frames: tuple[float, dict[str, Any]], **settings: float) -> list[zones.ZoneStep]:
    state: dict[str, Any] = {}
    steps = []
    for t_s, points in frames:
        after, step = zones.step(state, SQUARE, points, t_s, **settings)
        state = json.loads(json.dumps(after))
        steps.append(step)
    return steps


@pytest.mark.parametrize(
    ("point", "inside"),
    [((0.5, 3), True), ((3, 0.5), True), ((2, 2), False), ((-0.1, 2), False), ((1, 2), True), ((0, 0), True), ((2, 1), True)],
)
def test_point_in_an_angle(point: tuple[float, float], inside: bool) -> None:
    assert zones.contains(ANGLE, point) is inside
    assert zones.contains(ANGLE[::-1], point) is inside


def test_a_polygon_needs_three_corners() -> None:
    with pytest.raises(GeometryError, match="2 corners"):
        zones.contains(ANGLE[:2], (0, 0))


def test_enter_dwell_and_leave() -> None:
    first, second, third, fourth = run((0, {"a": OUT, "b": IN}), (10, {"a": IN, "b": IN}), (11, {"a": IN, "b": OUT}), (12, {"a": IN}))
    assert (first.entered, first.occupancy) == (("b",), 1)
    assert (second.entered, second.present) == (("a",), {"b": 10, "a": 0})
    assert third.left == (zones.Stay("b", 0, 10),) and third.left[0].dwell_s == 10
    assert (fourth.present, fourth.left) == ({"a": 2}, ())


def test_a_vanished_track_leaves_after_the_time_out_dated_back() -> None:
    steps = run((0, {"a": IN}), (5, {"a": IN}), (6, {}), (7, {}), (7.1, {}))
    assert [s.occupancy for s in steps] == [1, 1, 1, 1, 0]
    assert steps[-1].left == (zones.Stay("a", 0, 5),)


def test_a_short_absence_is_the_same_stay() -> None:
    frames = ((0, {"a": IN}), (4, {"a": OUT}), (8, {"a": IN}), (12, {"a": IN}))
    assert run(*frames, leave_s=10)[-1].present == {"a": 12}
    assert [bool(s.left) for s in run(*frames, leave_s=3)] == [False, True, False, False]
    # out of sight altogether, the longer patience holds
    assert run((0, {"a": IN}), (9, {}), leave_s=10)[-1].occupancy == 1
    assert run((0, {"a": IN}), (9, {}), leave_s=1, vanish_s=2)[-1].occupancy == 0


def test_the_old_state_stays_as_it_was() -> None:
    state, _ = zones.step({}, SQUARE, {"a": IN}, 0)
    kept = json.dumps(state)
    zones.step(state, SQUARE, {"a": IN}, 1)
    assert json.dumps(state) == kept


def test_the_smallest_zone_around_a_point_and_the_way_to_an_edge() -> None:
    room = {"zone": "room", "polygon": [[0, 0], [4, 0], [4, 4], [0, 4]], "area_m2": 16}
    shelf = {"zone": "shelf", "polygon": [[1, 1], [2, 1], [2, 2], [1, 2]], "area_m2": 1}
    rows = [room, shelf, {"zone": "nowhere"}]
    assert [zones.zone_at(rows, point) for point in ((1.5, 1.5), (3, 3), (9, 9))] == ["shelf", "room", None]
    assert zones.distance_to_edge((3, 3), room["polygon"]) == 1
