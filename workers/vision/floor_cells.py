"""The floor of a store cut into square cells, zone by zone: the cell under a point, the camera that answers for a cell, and the time
between the points of a track."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from storeloom.workers.vision.boxes import Point
from storeloom.workers.vision.errors import GeometryError
from storeloom.workers.vision.floorplan import bounds, shoelace
from storeloom.workers.vision.heat import Grid, floor_point
from storeloom.workers.vision.places import STAFF_ONLY
from storeloom.workers.vision.zones import contains

NO_SHOPPERS = STAFF_ONLY | {"parking", "grid"}
Sight = list[float]
Corners = list[Point]


@dataclass(frozen=True)
class FloorZone:
    """A zone with a polygon in metres; `level` is the floor of the building that it lies on."""

    zone: str
    kind: str | None
    level: Any
    polygon: tuple[Point, ...]


@dataclass(frozen=True)
class ZoneCells(FloorZone):
    """A zone's grid from the lower left corner of its polygon. `inside`: the cells whose middle lies in the polygon (all where none does);
    `owners`: the camera that answers for each cell, None where none is known to see it."""

    grid: Grid
    inside: frozenset[int]
    owners: tuple[str | None, ...]

    @property
    def mark(self) -> list[float]:
        """What tells this grid from another."""
        return [self.grid.cell_m, self.grid.cols, self.grid.rows, *self.grid.origin]

    def cell(self, point: Sequence[float]) -> int:
        """The cell under a point of the zone, its far border included."""
        col, row = (math.floor((point[k] - self.grid.origin[k]) / self.grid.cell_m) for k in (0, 1))
        return min(max(row, 0), self.grid.rows - 1) * self.grid.cols + min(max(col, 0), self.grid.cols - 1)


Z = TypeVar("Z", bound=FloorZone)


class Plan(Generic[Z]):
    """The zones with a polygon: which of them a point lies in."""

    def __init__(self, zones: Iterable[Z]) -> None:
        self.zones = tuple(sorted(zones, key=lambda zone: (shoelace(zone.polygon), zone.zone)))

    def find(self, point: Sequence[float], named: str | None = None) -> Z | None:
        """The smallest zone around a point, on the floor level of the zone that is named, where one is; None where no shoppers go."""
        level = next((zone.level for zone in self.zones if zone.zone == named), None)
        around = (zone for zone in self.zones if level in (None, zone.level) and contains(zone.polygon, point))
        found = next(around, None)
        return None if found is None or found.kind in NO_SHOPPERS else found

    @property
    def shopping(self) -> list[Z]:
        """The zones where shoppers go, by id."""
        return sorted((zone for zone in self.zones if zone.kind not in NO_SHOPPERS), key=lambda zone: zone.zone)


class Floor(Plan[ZoneCells]):
    """A plan in cells; `cameras` are those that are known to see a part of it."""

    def __init__(self, zones: Iterable[ZoneCells], cameras: Iterable[str]) -> None:
        super().__init__(zones)
        self.cameras = frozenset(cameras)

    def counts(self, zone: ZoneCells, cell: int, camera: str) -> bool:
        """Whether a camera's sight of a cell counts; that of a camera of which no zone tells anything always does."""
        return camera not in self.cameras or zone.owners[cell] in (None, camera)


def plan_of(rows: Iterable[Mapping[str, Any]]) -> Plan[FloorZone]:
    """The plan of the rows of the table `zones`."""
    return Plan(_zone(row, corners) for row in rows if (corners := _corners(row.get("polygon"))))


def floor_of(rows: Iterable[Mapping[str, Any]], cell_m: float) -> Floor:
    """The floor of the rows of the table `zones`. Where cameras overlap, a cell belongs to that whose polygon has the nearest centroid."""
    known = [(row, _corners(row.get("polygon"))) for row in rows]
    sights = []
    for row, corners in known:
        for entry in row.get("cameras") or ():
            seen = _on_floor(entry, corners)
            if seen:
                sights.append((str(entry["camera"]), seen, centroid(seen)))
    found = [_cells(row, corners, cell_m, sights) for row, corners in known if corners]
    return Floor(found, (camera for camera, _, _ in sights))


def centroid(polygon: Sequence[Sequence[float]]) -> Point:
    """Centre of gravity of a simple polygon's area."""
    turns = [(a[0] * b[1] - b[0] * a[1], a, b) for a, b in zip(polygon, [*polygon[1:], polygon[0]], strict=True)]
    whole = 3 * sum(turn for turn, _, _ in turns)
    return sum(t * (a[0] + b[0]) for t, a, b in turns) / whole, sum(t * (a[1] + b[1]) for t, a, b in turns) / whole


def enter(spans: list[list[Sight]], sight: Sight, gap_s: float) -> list[tuple[Sight, Sight]]:
    """Enter a sight [t_s, x, y] of a track; returns the legs (earlier, later) that it adds, none for what was told before.

    `spans`, changed in place, holds the first and last sight of each stretch without a gap of over `gap_s`; so a part of a track that
    arrives late closes the gap that it left.
    """
    t_s = sight[0]
    place = bisect_right([span[0][0] for span in spans], t_s)
    before = spans[place - 1] if place else None
    after = spans[place] if place < len(spans) else None
    if before is not None and t_s <= before[1][0]:
        return []
    legs = []
    joins_before = before is not None and round(t_s - before[1][0], 6) <= gap_s
    joins_after = after is not None and round(after[0][0] - t_s, 6) <= gap_s
    if before is not None and joins_before:
        legs.append((before[1], sight))
        before[1] = sight
    else:
        before = [sight, sight]
        spans.insert(place, before)
    if after is not None and joins_after:
        legs.append((sight, after[0]))
        before[1] = after[1]
        spans.remove(after)
    return legs


def speed(leg: tuple[Sight, Sight]) -> float:
    """Metres a second along a leg."""
    return math.dist(leg[0][1:3], leg[1][1:3]) / (leg[1][0] - leg[0][0])


def _cells(row: Mapping[str, Any], corners: Corners, cell_m: float, sights: Sequence[tuple[str, Corners, Point]]) -> ZoneCells:
    left, bottom, width, depth = bounds(corners)
    cols, rows = (max(1, math.ceil(round(length / cell_m, 9))) for length in (width, depth))
    inside, owners = set(), list[str | None]()
    for cell in range(cols * rows):
        middle = (left + (cell % cols + 0.5) * cell_m, bottom + (cell // cols + 0.5) * cell_m)
        if contains(corners, middle):
            inside.add(cell)
        seen_by = [(math.dist(middle, centre), camera) for camera, seen, centre in sights if contains(seen, middle)]
        owners.append(min(seen_by)[1] if seen_by else None)
    grid = Grid(cell_m, cols, rows, (left, bottom))
    zone = _zone(row, corners)
    cells = frozenset(inside or range(cols * rows))
    return ZoneCells(zone.zone, zone.kind, zone.level, zone.polygon, grid, cells, tuple(owners))


def _zone(row: Mapping[str, Any], corners: Corners) -> FloorZone:
    return FloorZone(row["zone"], row.get("kind"), row.get("floor"), tuple(corners))


def _on_floor(entry: Mapping[str, Any], zone: Corners) -> Corners:
    """What a camera sees of a zone, in metres: its polygon (corners within 0..1 are shares of the picture), else the whole zone."""
    drawn = _corners(entry.get("polygon"))
    if drawn and not all(0 <= x <= 1 and 0 <= y <= 1 for x, y in drawn):
        return drawn
    if drawn and entry.get("homography"):
        try:
            return _corners([floor_point(entry["homography"], corner) for corner in drawn])
        except GeometryError:  # a polygon up to the horizon has no end on the floor
            return zone
    return zone


def _corners(polygon: Iterable[Sequence[float]] | None) -> Corners:
    corners = [(float(corner[0]), float(corner[1])) for corner in polygon or ()]
    return corners if len(corners) >= 3 and shoelace(corners) > 0 else []
