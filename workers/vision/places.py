"""The zones that a camera sees, and who stands in them: by metres of the floor where a place on it is known, else by the picture.

A row of the `zones` table gives a zone's polygon in metres and, for each camera, the homography from picture shares to metres and the
zone's polygon in the picture. A camera's polygon with corners beyond 0..1 is one in metres.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from storeloom.workers.vision.boxes import Point
from storeloom.workers.vision.errors import GeometryError
from storeloom.workers.vision.floorplan import shoelace
from storeloom.workers.vision.heat import Homography, floor_point
from storeloom.workers.vision.things import Seen
from storeloom.workers.vision.zones import ZoneStep, contains, step

Polygon = tuple[Point, ...]
INSIDE: Point = (0.5, 0.5)
OUTSIDE: Point = (2.0, 2.0)
STAFF_ONLY = frozenset({"kitchen", "backroom", "restricted"})
WHOLE: Polygon = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
LEAST_AREA = 1e-4


@dataclass(frozen=True)
class Place:
    """A zone as one camera sees it: `metres` its polygon on the floor, `picture` in shares, either empty where it is not known.

    `alone`: the camera sees no other zone, so that whoever is in the picture is in it where nothing more is known. `certain`: the tables
    say that the camera sees it; where they do not, an empty zone is not told as empty.
    """

    zone: str
    kind: str | None = None
    metres: Polygon = ()
    picture: Polygon = ()
    homography: tuple[tuple[float, ...], ...] = ()
    capacity: float | None = None
    area_m2: float | None = None
    doors: tuple[str, ...] = ()
    alone: bool = False
    certain: bool = True

    def floor_of(self, thing: Seen) -> Point | None:
        """Where a thing stands in metres: what is known of it, else its foot through the homography."""
        if thing.floor is not None or not self.homography:
            return thing.floor
        return floor_point(self.homography, thing.foot)

    def holds(self, thing: Seen) -> bool:
        """Whether a thing stands in the zone, its border included."""
        floor = self.floor_of(thing) if self.metres else None
        if floor is not None:
            return contains(self.metres, floor)
        return contains(self.picture, thing.foot) if self.picture else self.alone

    def outline(self) -> Polygon:
        """The zone in the picture: as given, else its floor seen through the homography, else the whole picture of a camera of one zone;
        empty where none of them is known."""
        if self.picture or not (self.homography and self.metres):
            return self.picture or (WHOLE if self.alone else ())
        return _clipped(_seen_from(self.homography, self.metres))


def places_of(camera: str, rows: Iterable[Mapping[str, Any]], device_zone: str | None = None) -> tuple[Place, ...]:
    """The places of a camera: the zones that name it, else the zone its device stands in; else any, which then is not `certain`."""
    known = list(rows)
    named = [row for row in known if any(entry.get("camera") == camera for entry in row.get("cameras") or ())]
    named = named or [row for row in known if device_zone is not None and row["zone"] == device_zone]
    if named:
        return tuple(_place(camera, row, alone=len(named) == 1) for row in named)
    only = len(known) == 1 and not known[0].get("cameras")
    return tuple(_place(camera, row, alone=only, certain=only) for row in known if only or row.get("polygon"))


def place_at(places: Iterable[Place], thing: Seen) -> Place | None:
    """The first place that holds a thing."""
    return next((place for place in places if place.holds(thing)), None)


def stays(
    state: Mapping[str, Any], place: Place, things: Mapping[str, Seen], t_s: float, *, vanish_s: float = 2.0, leave_s: float = 0.0
) -> tuple[dict[str, Any], ZoneStep]:
    """Advance the stays in a place by one frame: `zones.step`, for things by track."""
    # a place may hold one thing by its metres and another by the picture, so its answers stand for the points
    points = {track: INSIDE if place.holds(thing) else OUTSIDE for track, thing in things.items()}
    return step(state, WHOLE, points, t_s, vanish_s=vanish_s, leave_s=leave_s)


def _place(camera: str, row: Mapping[str, Any], *, alone: bool, certain: bool = True) -> Place:
    entry: Mapping[str, Any] = next((entry for entry in row.get("cameras") or () if entry.get("camera") == camera), {})
    drawn = _polygon(entry.get("polygon"))
    in_picture = all(0 <= x <= 1 and 0 <= y <= 1 for x, y in drawn)
    matrix = tuple(tuple(float(v) for v in line) for line in entry.get("homography") or ())
    metres = _polygon(row.get("polygon")) or (() if in_picture else drawn)
    doors = tuple(str(door) for door in row.get("doors") or ())
    picture = drawn if in_picture else ()
    return Place(row["zone"], row.get("kind"), metres, picture, matrix, row.get("capacity"), row.get("area_m2"), doors, alone, certain)


def _polygon(corners: Sequence[Sequence[float]] | None) -> Polygon:
    """A polygon that spans something, else none."""
    points = tuple((float(c[0]), float(c[1])) for c in corners or ())
    return points if len(points) >= 3 and shoelace(points) > 0 else ()


def _seen_from(matrix: Homography, metres: Polygon) -> list[Point]:
    """The picture points of floor corners; none where the camera cannot see them all in front of it."""
    try:
        back = np.linalg.inv(np.asarray(matrix, np.float64))
    except np.linalg.LinAlgError:
        raise GeometryError(
            "The homography cannot be turned round.", "zones.cameras.homography", "Calibrate the camera anew.", zh="单应矩阵不可逆。"
        ) from None
    seen = [back @ np.array([x, y, 1.0]) for x, y in metres]
    in_front = all(v[2] > 0 for v in seen) or all(v[2] < 0 for v in seen)
    return [(float(v[0] / v[2]), float(v[1] / v[2])) for v in seen] if in_front else []


def _clipped(corners: Sequence[Point]) -> Polygon:
    """A polygon cut at the borders of the picture (Sutherland and Hodgman 1974); none where nothing is left."""
    for axis, limit, sign in ((0, 0.0, 1), (0, 1.0, -1), (1, 0.0, 1), (1, 1.0, -1)):
        kept: list[Point] = []
        for k, corner in enumerate(corners):
            before = corners[k - 1]
            inside, was = sign * (corner[axis] - limit) >= 0, sign * (before[axis] - limit) >= 0
            if inside != was:
                share = (limit - before[axis]) / (corner[axis] - before[axis])
                cut = [before[i] + share * (corner[i] - before[i]) for i in (0, 1)]
                cut[axis] = limit
                kept.append((cut[0], cut[1]))
            if inside:
                kept.append(corner)
        corners = kept
    return tuple(corners) if len(corners) >= 3 and shoelace(corners) > LEAST_AREA else ()
