"""The floor seen by a camera: metres from picture points, with the error of the calibration stated.

The map is the homography of `heat.homography` (normalised direct linear transform). It holds for points on the floor: feet, not heads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from storeloom.workers.vision.boxes import Box, Floats, Point
from storeloom.workers.vision.errors import GeometryError
from storeloom.workers.vision.heat import floor_point, homography

FEWEST = 4


@dataclass(frozen=True)
class FloorPlan:
    """A calibrated floor.

    `rms_m` and `worst_m` are the distances of the reference points from where the map puts them. Four pairs fix the map exactly, so with
    four these are zero and tell nothing; `held_out_m` is the worst distance of a point from where the others alone put it: None for four,
    infinite where the others do not fix a map.
    """

    matrix: tuple[tuple[float, ...], ...]
    points: int
    rms_m: float
    worst_m: float
    held_out_m: float | None

    def at(self, point: Point) -> Point | None:
        """Floor metres under a picture point (shares); None at the horizon and above it."""
        return floor_point(self.matrix, point) if self._depth(point) > 0 else None

    def area_m2(self, polygon: Sequence[Point]) -> float:
        """Floor area of a picture polygon (its sides stay straight under the map); GeometryError where it reaches the horizon."""
        corners = [self.at(corner) for corner in polygon]
        if any(corner is None for corner in corners):
            raise GeometryError(
                "The zone reaches the horizon.", "polygon", "Draw it on the floor that the camera sees.", zh="区域越过地平线。"
            )
        return shoelace([corner for corner in corners if corner is not None])

    def _depth(self, point: Point) -> float:
        row = self.matrix[2]
        return row[0] * point[0] + row[1] * point[1] + row[2]


def fit(picture: Sequence[Point], floor: Sequence[Point], *, most_error_m: float = 0.5) -> FloorPlan:
    """The floor through four or more pairs of picture points (shares) and floor points (metres).

    GeometryError for fewer than four pairs, for three points in a line where there are four, for pairs which no camera above the floor
    can see so (a point behind the horizon: usually two points swapped), and where a point is more than `most_error_m` off.
    """
    _check_spread(picture, "picture")
    _check_spread(floor, "floor")
    matrix = _in_front(homography(picture, floor), picture)
    off = _errors(matrix, picture, floor)
    worst = int(np.argmax(off))
    if off[worst] > most_error_m:
        what = f"Point {worst + 1} lies {off[worst]:.2f} m from where the other points put it, more than {most_error_m:g} m."
        raise GeometryError(
            what,
            f"floor[{worst}]",
            "Check that both of its positions are of one place, and that all lie on the floor.",
            zh=f"第 {worst + 1} 点与其余各点推算的位置相差 {off[worst]:.2f} m，超过 {most_error_m:g} m。",
        )
    held_out = None if len(picture) == FEWEST else max(_held_out(picture, floor, k) for k in range(len(picture)))
    return FloorPlan(matrix, len(picture), math.sqrt(float(np.mean(off**2))), float(off[worst]), held_out)


def shoelace(polygon: Sequence[Sequence[float]]) -> float:
    """Area of a simple polygon."""
    turns = (polygon[k - 1][0] * corner[1] - corner[0] * polygon[k - 1][1] for k, corner in enumerate(polygon))
    return abs(sum(turns)) / 2


def bounds(polygon: Sequence[Sequence[float]]) -> Box:
    """The upright box around a polygon."""
    xs, ys = [p[0] for p in polygon], [p[1] for p in polygon]
    return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)


def _check_spread(points: Sequence[Point], which: str) -> None:
    """GeometryError where the points do not span an area, or where three of only four lie in a line."""
    if len(points) < FEWEST:
        raise GeometryError(
            f"There are {len(points)} {which} points.", which, "Give four pairs or more.", zh=f"{which} 只有 {len(points)} 个点。"
        )
    array = np.asarray(points, np.float64)
    sizes = np.linalg.svd(array - array.mean(axis=0), compute_uv=False)
    degenerate = sizes[1] < 1e-3 * sizes[0]
    if len(points) == FEWEST and not degenerate:
        threes = [np.delete(array, k, axis=0) for k in range(FEWEST)]
        degenerate = any(shoelace(three.tolist()) < 1e-3 * sizes[0] ** 2 for three in threes)
    if degenerate:
        raise GeometryError(
            f"The {which} points lie in a line.", which, "Give four points, no three of them in a line.", zh=f"{which} 的各点共线。"
        )


def _in_front(matrix: Sequence[Sequence[float]], picture: Sequence[Point]) -> tuple[tuple[float, ...], ...]:
    """The map with the sign at which points in front of the camera have positive depth; GeometryError where they lie on both sides."""
    array = np.asarray(matrix, np.float64)
    depths = np.column_stack([np.asarray(picture, np.float64), np.ones(len(picture))]) @ array[2]
    if not (np.all(depths > 0) or np.all(depths < 0)):
        raise GeometryError(
            "The points lie on both sides of the horizon.", "homography", "Check that no two points are swapped.", zh="各点分处地平线两侧。"
        )
    return tuple(tuple(float(v) for v in row) for row in array * np.sign(depths[0]))


def _errors(matrix: Sequence[Sequence[float]], picture: Sequence[Point], floor: Sequence[Point]) -> Floats:
    found = np.array([floor_point(matrix, point) for point in picture])
    distances: Floats = np.linalg.norm(found - np.asarray(floor, np.float64), axis=1)
    return distances


def _held_out(picture: Sequence[Point], floor: Sequence[Point], k: int) -> float:
    """Distance in metres of a point from where the map through the others puts it; infinite where the others fix none."""
    others = [j for j in range(len(picture)) if j != k]
    try:
        matrix = homography([picture[j] for j in others], [floor[j] for j in others])
        return math.dist(floor_point(matrix, picture[k]), floor[k])
    except GeometryError:
        return math.inf
