"""Heat maps: seconds that people spend on each cell of a floor grid, and the way from picture to floor.

State is JSON; `step` takes the old state and returns the new one. The grid's values are `vision.heatmap`'s, row by row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from storeloom.workers.vision.boxes import Floats, Point
from storeloom.workers.vision.errors import GeometryError

State = dict[str, Any]
Homography = Sequence[Sequence[float]]


@dataclass(frozen=True)
class Grid:
    """Square cells of `cell_m` metres, `cols` x `rows`, whose first corner lies at `origin` on the floor."""

    cell_m: float
    cols: int
    rows: int
    origin: Point = (0.0, 0.0)

    def __post_init__(self) -> None:
        if not (self.cell_m > 0 and self.cols > 0 and self.rows > 0):
            raise GeometryError("The grid has no cells.", "grid", "Give a positive cell size, columns and rows.")

    def cell(self, point: Sequence[float]) -> int | None:
        """Index of the cell under a floor point, None off the grid."""
        col = math.floor((point[0] - self.origin[0]) / self.cell_m)
        row = math.floor((point[1] - self.origin[1]) / self.cell_m)
        return row * self.cols + col if 0 <= col < self.cols and 0 <= row < self.rows else None


def step(state: Mapping[str, Any], grid: Grid, points: Mapping[str, Point], t_s: float, *, gap_s: float = 2.0) -> tuple[State, list[float]]:
    """Advance by one frame: floor points by track at `t_s`. Returns the new state and the seconds of each cell, row by row.

    The time since a track's last sight goes to the cell where it was then; a gap longer than `gap_s` counts nothing.
    State: {"values": {cell: seconds}, "tracks": {track: [t_s, x, y]}}; drop "values" to begin a new window.
    """
    values = dict(state.get("values", {}))
    before: Mapping[str, Sequence[float]] = state.get("tracks", {})
    for track in points:
        if track in before:
            last_s, x, y = before[track]
            cell = grid.cell((x, y))
            if cell is not None and 0 < t_s - last_s <= gap_s:
                values[str(cell)] = values.get(str(cell), 0.0) + t_s - last_s
    tracks = {track: list(entry) for track, entry in before.items() if t_s - entry[0] <= gap_s}
    tracks |= {track: [t_s, point[0], point[1]] for track, point in points.items()}
    seconds = [float(values.get(str(cell), 0.0)) for cell in range(grid.cols * grid.rows)]
    return {"values": values, "tracks": tracks}, seconds


def homography(picture: Sequence[Point], floor: Sequence[Point]) -> list[list[float]]:
    """The 3 x 3 map from picture shares to floor metres through four or more pairs of points, least squares.

    Normalised direct linear transform (Hartley and Zisserman, Multiple View Geometry, algorithm 4.2). GeometryError where the
    points do not fix one: fewer than four pairs, or three in a line.
    """
    if len(picture) != len(floor) or len(picture) < 4:
        what = f"There are {len(picture)} picture and {len(floor)} floor points."
        raise GeometryError(what, "homography", "Give four pairs or more.")
    source, shift_in = _normalised(picture)
    target, shift_out = _normalised(floor)
    rows = []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y, -u])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y, -v])
    _, sizes, vectors = np.linalg.svd(np.array(rows))
    middle = vectors[-1].reshape(3, 3)
    if sizes[7] < 1e-9 * sizes[0] or abs(np.linalg.det(middle)) < 1e-9:
        raise GeometryError("The points lie in a line.", "homography", "Give four points, no three of them in a line.")
    full = np.linalg.inv(shift_out) @ middle @ shift_in
    full = full / full[2, 2] if abs(full[2, 2]) > 1e-12 else full
    return [[float(v) for v in row] for row in full]


def floor_point(matrix: Homography, point: Point) -> Point:
    """Floor metres under a point of the picture, which must lie below the horizon; GeometryError on the horizon itself."""
    x, y, depth = np.asarray(matrix, np.float64) @ np.array([point[0], point[1], 1.0])
    if abs(depth) < 1e-12:
        raise GeometryError(f"The point {point} lies on the horizon.", "homography", "Use foot points below it.")
    return float(x / depth), float(y / depth)


def _normalised(points: Sequence[Point]) -> tuple[Floats, Floats]:
    """Points about the origin at mean distance sqrt(2), and the 3 x 3 map that takes the given ones there."""
    array = np.asarray(points, np.float64)
    middle = array.mean(axis=0)
    spread = float(np.linalg.norm(array - middle, axis=1).mean())
    if spread == 0:
        raise GeometryError("All points are one.", "homography", "Give four different points.")
    scale = math.sqrt(2) / spread
    shift = np.array([[scale, 0, -scale * middle[0]], [0, scale, -scale * middle[1]], [0, 0, 1]])
    return (array - middle) * scale, shift
