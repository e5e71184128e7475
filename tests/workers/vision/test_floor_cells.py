"""Cells of a floor, the cameras that answer for them, and the time between the points of a track."""

from typing import Any

import pytest

from storeloom.workers.vision.floor_cells import centroid, enter, floor_of, plan_of, speed

Sights = list[list[list[float]]]


def zone(name: str, x: float, y: float, wide: float, deep: float, **more: Any) -> dict[str, Any]:
    return {"zone": name, "polygon": [[x, y], [x + wide, y], [x + wide, y + deep], [x, y + deep]], **more}


def test_the_grid_begins_at_the_lower_left_corner_and_holds_its_far_border() -> None:
    (cells,) = floor_of([zone("a", 10, 20, 2.5, 1)], 1.0).zones
    assert (cells.grid.cols, cells.grid.rows, cells.grid.origin) == (3, 1, (10.0, 20.0))
    assert [cells.cell(point) for point in ((10, 20), (11.99, 20.5), (12.5, 21))] == [0, 1, 2]


def test_cells_outside_a_slanting_zone_are_not_its_own() -> None:
    (cells,) = floor_of([{"zone": "a", "polygon": [[0, 0], [3, 0], [0, 3]]}], 1.0).zones
    assert cells.inside == {0, 1, 2, 3, 4, 6}  # the middles on the slanting side included
    (narrow,) = floor_of([zone("b", 0, 0, 0.4, 0.4)], 1.0).zones
    assert narrow.inside == {0}


def test_the_smallest_zone_has_the_point_on_the_level_that_is_named() -> None:
    plan = plan_of([zone("hall", 0, 0, 10, 10, floor=1), zone("bay", 2, 2, 1, 1, floor=1), zone("up", 2, 2, 0.9, 0.9, floor=2)])
    names = [found.zone if (found := plan.find((2.5, 2.5), level)) else None for level in (None, "hall", "up")]
    assert names == ["up", "bay", "up"]
    assert plan_of([zone("k", 0, 0, 1, 1, kind="kitchen"), {"zone": "n"}]).find((0.5, 0.5)) is None


def test_a_cell_belongs_to_the_camera_with_the_nearest_centroid() -> None:
    cameras = [{"camera": "a", "polygon": [[0, 0], [3, 0], [3, 1], [0, 1]]}, {"camera": "b"}]
    floor = floor_of([zone("z", 0, 0, 4, 1, cameras=cameras)], 1.0)
    (cells,) = floor.zones
    assert cells.owners == ("a", "a", "b", "b")  # centroids at 1.5 and, for the camera without a polygon, at the zone's 2.0
    assert [floor.counts(cells, 0, name) for name in ("a", "b", "unknown")] == [True, False, True]


def test_a_polygon_in_the_picture_is_laid_on_the_floor() -> None:
    flat = [[10, 0, 0], [0, 10, 0], [0, 0, 1]]
    seen = {"camera": "a", "polygon": [[0, 0], [0.1, 0], [0.1, 0.1], [0, 0.1]], "homography": flat}
    (cells,) = floor_of([zone("z", 0, 0, 2, 1, cameras=[seen])], 1.0).zones
    assert cells.owners == ("a", None)


def test_the_centroid_is_that_of_the_area() -> None:
    assert centroid([(0, 0), (3, 0), (0, 3)]) == pytest.approx((1, 1))
    assert centroid([(5, 5), (7, 5), (7, 9), (5, 9)]) == pytest.approx((6, 7))


def legs(sights: list[list[float]], gap_s: float = 5) -> tuple[list[float], Sights]:
    spans: Sights = []
    return [round(b[0] - a[0], 6) for sight in sights for a, b in enter(spans, sight, gap_s)], spans


def test_legs_are_told_once_in_whatever_order_the_sights_come() -> None:
    at = [[t, 0.0, 0.0] for t in (0.0, 4.0, 8.0, 12.0)]
    assert legs(at)[0] == [4, 4, 4]
    assert sum(legs([at[0], at[3], at[1], at[2]])[0]) == 12
    found, spans = legs([*at, at[1], [6.0, 0.0, 0.0]])
    assert (sum(found), len(spans)) == (12, 1)
    found, spans = legs([[0.0, 0.0, 0.0], [5.1, 0.0, 0.0]])
    assert (found, len(spans)) == ([], 2)


def test_speed_is_metres_a_second() -> None:
    assert speed(([0.0, 0.0, 0.0], [2.0, 3.0, 4.0])) == 2.5
