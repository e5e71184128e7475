"""Counting lines: who crosses, and in which direction.

State and results are JSON; each function takes the old state and returns the new one, so a solution may keep it anywhere.
A line runs from -> to in the same coordinates as the points (picture shares with y down, or any other plane with y down). Crossing to
the right-hand side, as seen along the line, is "in".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from storeloom.workers.vision.boxes import Point
from storeloom.workers.vision.errors import GeometryError

State = dict[str, Any]


@dataclass(frozen=True)
class Line:
    """A counting line. Points nearer than `margin` lie on neither side, so that a box trembling on the line counts nothing."""

    start: Point
    end: Point
    margin: float = 0.0

    def __post_init__(self) -> None:
        if self.start == self.end:
            raise GeometryError("The line has no length.", "line", "Give two different points.", zh="计数线长度为零。")


@dataclass(frozen=True)
class Crossing:
    """One track's crossing: `direction` is "in" or "out", `t_s` the time of the first point clear of the line on the new side."""

    track: str
    direction: str
    t_s: float


def offset(line: Line, point: Point) -> float:
    """Signed distance of a point from the endless line, positive on the right-hand side (y down)."""
    (ax, ay), (bx, by) = line.start, line.end
    return ((bx - ax) * (point[1] - ay) - (by - ay) * (point[0] - ax)) / math.hypot(bx - ax, by - ay)


def step(
    state: Mapping[str, Any], line: Line, points: Mapping[str, Point], t_s: float, *, forget_s: float = 10.0
) -> tuple[State, list[Crossing]]:
    """Advance by one frame: `points` by track at `t_s`. A track unseen for `forget_s` starts anew when it comes back.

    State: {track: [x, y, t_s of the last sight]}, the point being the last one clear of the line.
    """
    after: State = {track: list(entry) for track, entry in state.items() if t_s - entry[2] <= forget_s}
    crossings = []
    for track, point in points.items():
        side = offset(line, point)
        before = after.get(track)
        if abs(side) <= line.margin:
            if before is not None:
                before[2] = t_s
            continue
        if before is not None:
            start = (before[0], before[1])
            was = offset(line, start)
            if was * side < 0 and 0 <= _along(line, start, was, point, side) <= 1:
                crossings.append(Crossing(track, "in" if side > 0 else "out", t_s))
        after[track] = [point[0], point[1], t_s]
    return after, crossings


def _along(line: Line, start: Point, was: float, end: Point, side: float) -> float:
    """Where the way start -> end meets the endless line, as a share of the line's length."""
    part = was / (was - side)
    x, y = start[0] + part * (end[0] - start[0]), start[1] + part * (end[1] - start[1])
    dx, dy = line.end[0] - line.start[0], line.end[1] - line.start[1]
    return ((x - line.start[0]) * dx + (y - line.start[1]) * dy) / (dx * dx + dy * dy)
