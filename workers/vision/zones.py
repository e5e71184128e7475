"""Zones: who is in, who came, who left, and how long they stayed.

State and results are JSON; each function takes the old state and returns the new one, so a solution may keep it anywhere. Polygons
and points share one plane: picture shares or floor metres.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from storeloom.workers.vision.errors import GeometryError

if TYPE_CHECKING:
    from storeloom.workers.vision.boxes import Point

State = dict[str, Any]
EDGE = 1e-12


@dataclass(frozen=True)
class Stay:
    """One track's stay that ended: first and last sight inside, in seconds."""

    track: str
    from_s: float
    to_s: float

    @property
    def dwell_s(self) -> float:
        return self.to_s - self.from_s


@dataclass(frozen=True)
class ZoneStep:
    """A zone after one frame: `present` gives each track's dwell so far in seconds, `entered` and `left` what changed."""

    present: Mapping[str, float]
    entered: tuple[str, ...]
    left: tuple[Stay, ...]

    @property
    def occupancy(self) -> int:
        return len(self.present)


def contains(polygon: Sequence[Sequence[float]], point: Sequence[float]) -> bool:
    """Whether a point lies in a simple polygon, its border included (even-odd rule)."""
    if len(polygon) < 3:
        raise GeometryError(
            f"A polygon of {len(polygon)} corners spans nothing.",
            "polygon",
            "Give three corners or more.",
            zh=f"{len(polygon)} 个顶点围不成区域。",
        )
    x, y = point[0], point[1]
    inside = False
    for k, (bx, by) in enumerate((p[0], p[1]) for p in polygon):
        ax, ay = polygon[k - 1][0], polygon[k - 1][1]
        turn = (bx - ax) * (y - ay) - (by - ay) * (x - ax)
        if abs(turn) <= EDGE and min(ax, bx) <= x <= max(ax, bx) and min(ay, by) <= y <= max(ay, by):
            return True
        if (ay > y) != (by > y) and x < ax + (y - ay) * (bx - ax) / (by - ay):
            inside = not inside
    return inside


def zone_at(rows: Iterable[Mapping[str, Any]], point: Sequence[float]) -> str | None:
    """The id of the smallest zone (rows of the table `zones`) around a floor point in metres."""
    around = [row for row in rows if len(row.get("polygon") or ()) >= 3 and contains(row["polygon"], point)]
    return str(min(around, key=lambda row: (row.get("area_m2") or 0, row["zone"]))["zone"]) if around else None


def distance_to_edge(point: Sequence[float], polygon: Sequence[Sequence[float]]) -> float:
    """How far a point is from the nearest side of a polygon, in the unit of their plane; infinite for one without sides."""
    best = math.inf
    for k, (bx, by) in enumerate(polygon):
        ax, ay = polygon[k - 1]
        dx, dy = bx - ax, by - ay
        length = dx * dx + dy * dy
        share = 0.0 if length == 0 else max(0.0, min(1.0, ((point[0] - ax) * dx + (point[1] - ay) * dy) / length))
        best = min(best, math.dist(point, (ax + share * dx, ay + share * dy)))
    return best


def step(
    state: Mapping[str, Any],
    polygon: Sequence[Sequence[float]],
    points: Mapping[str, Point],
    t_s: float,
    *,
    vanish_s: float = 2.0,
    leave_s: float = 0.0,
) -> tuple[State, ZoneStep]:
    """Advance by one frame: `points` by track at `t_s`; with no points it serves as a timer.

    A stay ends when its track is seen outside and was last seen inside more than `leave_s` ago, or is not seen at all for more than
    `vanish_s` (or `leave_s`, if that is longer); either way it is dated to the last sight inside. A return before that is the same stay.
    State: {track: [first sight inside, last sight inside]} in seconds.
    """
    after: State = {track: list(entry) for track, entry in state.items()}
    entered, left = [], []
    inside = {track for track, point in points.items() if contains(polygon, point)}
    for track in inside & after.keys():
        after[track][1] = t_s
    for track in points:
        if track in inside and track not in after:
            after[track] = [t_s, t_s]
            entered.append(track)
    for track, (first_s, last_s) in list(after.items()):
        patience_s = leave_s if track in points else max(vanish_s, leave_s)
        if track not in inside and t_s - last_s > patience_s:
            left.append(Stay(track, first_s, last_s))
            del after[track]
    present = {track: last_s - first_s for track, (first_s, last_s) in after.items()}
    return after, ZoneStep(present, tuple(entered), tuple(left))
