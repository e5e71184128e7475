"""Walking distances between zones and fixtures, over the neighbours that the table `zones` names (Dijkstra 1959)."""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any


def distances(zones: Iterable[Mapping[str, Any]], start: str) -> dict[str, float]:
    """Metres from a zone to every zone that can be reached; a way between neighbours serves both directions, its shorter entry counts."""
    return _reach(_ways(zones), start)


def _ways(zones: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    ways: dict[str, dict[str, float]] = defaultdict(dict)
    for row in zones:
        for way in row.get("neighbours") or ():
            here, there, metres = row["zone"], way["zone"], float(way.get("metres", 0))
            for one, other in ((here, there), (there, here)):
                ways[one][other] = min(metres, ways[one].get(other, metres))
    return ways


def _reach(ways: Mapping[str, Mapping[str, float]], start: str) -> dict[str, float]:
    reached: dict[str, float] = {}
    edge = [(0.0, start)]
    while edge:
        metres, zone = heapq.heappop(edge)
        if zone in reached:
            continue
        reached[zone] = metres
        for other, step in ways.get(zone, {}).items():
            if other not in reached:
                heapq.heappush(edge, (metres + step, other))
    return reached


def path(zones: Iterable[Mapping[str, Any]], start: str, goal: str) -> tuple[float, list[str]] | None:
    """Metres and zones of the shortest way from one zone to another, both included; of equal ways the first by name. None without a way.

    A way that either of its ends calls `closed` (the `kind` of a neighbour) is left out.
    """
    rows = list(zones)
    shut = {frozenset((row["zone"], way["zone"])) for row in rows for way in row.get("neighbours") or () if way.get("kind") == "closed"}
    ways = {
        zone: {other: metres for other, metres in near.items() if frozenset((zone, other)) not in shut}
        for zone, near in _ways(rows).items()
    }
    reached, edge = set(), [(0.0, [start])]
    while edge:
        metres, walked = heapq.heappop(edge)
        if walked[-1] == goal:
            return metres, walked
        if walked[-1] in reached:
            continue
        reached.add(walked[-1])
        for other, step in ways.get(walked[-1], {}).items():
            if other not in reached:
                heapq.heappush(edge, (metres + step, [*walked, other]))
    return None


def nearest(zones: Iterable[Mapping[str, Any]], start: str, people: Mapping[str, str | None]) -> str | None:
    """Who of people in zones has the shortest way to a zone; those whose way is unknown come last, equals by name."""
    metres = distances(zones, start)
    ways = [(metres.get(zone or "", math.inf), who) for who, zone in people.items()]
    return min(ways)[1] if ways else None


class Floor:
    """Walks between places of a floor, a place being a fixture or a zone by its id; what is asked for is worked out once.

    Between neighbours it is the metres that the table names for the two, though a way through a third zone may be shorter on paper;
    between zones that a chain of neighbours joins it is the shortest chain. Within a zone, and where no neighbours join two, it is the way
    at right angles between their positions in floor metres (a fixture's x and y, the middle of a zone's corners), as aisles lie. A way of
    which neither is known counts as none: the walk is as long as it is known.
    """

    def __init__(self, zones: Iterable[Mapping[str, Any]], fixtures: Iterable[Mapping[str, Any]]) -> None:
        rows = list(zones)
        self._ways = _ways(rows)
        self._spots: dict[str, tuple[str | None, tuple[float, float] | None]] = {}
        for row in rows:
            self._spots[row["zone"]] = (row["zone"], _middle(row.get("polygon")))
        for row in fixtures:
            own = (float(row["x"]), float(row["y"])) if row.get("x") is not None and row.get("y") is not None else None
            self._spots[row["fixture"]] = (row.get("zone"), own)
        self._reached: dict[str, dict[str, float]] = {}

    def metres(self, here: str, there: str) -> float:
        """Metres of the walk from one place to another."""
        (zone, point), (other, goal) = self._spots.get(here, (here, None)), self._spots.get(there, (there, None))
        if zone is not None and other is not None and zone != other:
            if zone not in self._reached:
                self._reached[zone] = {**_reach(self._ways, zone), **self._ways.get(zone, {})}
            if other in self._reached[zone]:
                return self._reached[zone][other]
        if here == there or point is None or goal is None:
            return 0.0
        return abs(point[0] - goal[0]) + abs(point[1] - goal[1])


def _middle(polygon: Any) -> tuple[float, float] | None:
    if not polygon:
        return None
    return sum(float(x) for x, _ in polygon) / len(polygon), sum(float(y) for _, y in polygon) / len(polygon)
