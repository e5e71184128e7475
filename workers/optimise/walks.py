"""Walking distances between zones, over the neighbours that the table `zones` names (Dijkstra 1959)."""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any


def distances(zones: Iterable[Mapping[str, Any]], start: str) -> dict[str, float]:
    """Metres from a zone to every zone that can be reached; a way between neighbours serves both directions, its shorter entry counts."""
    ways: dict[str, dict[str, float]] = defaultdict(dict)
    for row in zones:
        for way in row.get("neighbours") or ():
            here, there, metres = row["zone"], way["zone"], float(way.get("metres", 0))
            for one, other in ((here, there), (there, here)):
                ways[one][other] = min(metres, ways[one].get(other, metres))
    reached: dict[str, float] = {}
    edge = [(0.0, start)]
    while edge:
        metres, zone = heapq.heappop(edge)
        if zone in reached:
            continue
        reached[zone] = metres
        for other, step in ways[zone].items():
            if other not in reached:
                heapq.heappush(edge, (metres + step, other))
    return reached


def nearest(zones: Iterable[Mapping[str, Any]], start: str, people: Mapping[str, str | None]) -> str | None:
    """Who of people in zones has the shortest way to a zone; those whose way is unknown come last, equals by name."""
    metres = distances(zones, start)
    ways = [(metres.get(zone or "", math.inf), who) for who, zone in people.items()]
    return min(ways)[1] if ways else None
