"""Heat cells and the map from picture to floor, by hand."""

import json

import pytest

from storeloom.workers.vision import heat
from storeloom.workers.vision.errors import GeometryError

GRID = heat.Grid(cell_m=0.5, cols=4, rows=2, origin=(1.0, 0.0))
CORNERS = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]


def test_cells_are_numbered_row_by_row() -> None:
    assert GRID.cell((1.0, 0.0)) == 0
    assert GRID.cell((2.99, 0.49)) == 3
    assert GRID.cell((1.6, 0.5)) == 5
    assert GRID.cell((3.0, 0.0)) is None and GRID.cell((0.99, 0.0)) is None


def test_time_goes_to_the_cell_where_a_track_was() -> None:
    state: dict[str, object] = {}
    for t_s, points in [(0.0, {"a": (1.1, 0.1)}), (1.5, {"a": (1.6, 0.1), "b": (2.9, 0.9)}), (2.0, {"a": (9, 9), "b": (2.9, 0.9)})]:
        state, seconds = heat.step(json.loads(json.dumps(state)), GRID, points, t_s)
    assert seconds == [1.5, 0.5, 0, 0, 0, 0, 0, 0.5]
    # a gap longer than 2 s counts nothing, and a new window starts at nought with the tracks going on
    state, seconds = heat.step(state, GRID, {"b": (2.9, 0.9)}, 4.5)
    assert seconds[7] == 0.5
    _, seconds = heat.step({"tracks": state["tracks"]}, GRID, {"b": (2.9, 0.9)}, 5.0)
    assert seconds == [0, 0, 0, 0, 0, 0, 0, 0.5]


def test_a_scaled_floor() -> None:
    matrix = heat.homography(CORNERS, [(2.0, 1.0), (6.0, 1.0), (6.0, 4.0), (2.0, 4.0)])
    assert heat.floor_point(matrix, (0.25, 0.5)) == pytest.approx((3.0, 2.5))


def test_a_floor_in_perspective() -> None:
    # x = 4 u / (1 + v), y = 2 v / (1 + v): the lower corners lie at (2, 1) and (0, 1)
    floor = [(4 * u / (1 + v), 2 * v / (1 + v)) for u, v in [*CORNERS, (0.3, 0.6)]]
    matrix = heat.homography([*CORNERS, (0.3, 0.6)], floor)
    assert heat.floor_point(matrix, (1.0, 1.0)) == pytest.approx((2.0, 1.0))
    assert heat.floor_point(matrix, (0.5, 0.5)) == pytest.approx((2 / 1.5, 1 / 1.5))
    with pytest.raises(GeometryError, match="horizon"):
        heat.floor_point([[1, 0, 0], [0, 1, 0], [0, 1, -0.5]], (0.2, 0.5))


@pytest.mark.parametrize(
    "picture",
    [CORNERS[:3], [(0.0, 0.0), (0.1, 0.1), (0.2, 0.2), (0.3, 0.3)], [(0.5, 0.5)] * 4, [(0, 0), (0.5, 0), (1, 0), (0.5, 1)]],
)
def test_points_that_fix_no_map_are_refused(picture: list[tuple[float, float]]) -> None:
    with pytest.raises(GeometryError):
        heat.homography(picture, CORNERS[: len(picture)])


def test_a_grid_needs_cells() -> None:
    with pytest.raises(GeometryError, match="no cells"):
        heat.Grid(0.5, 0, 2)
