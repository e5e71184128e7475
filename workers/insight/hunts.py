"""A treasure hunt through a building: which zones are its spots, how far apart they are, what it changed; rounds before a motion wall."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from storeloom.core.kernel.events import draw

Row = Mapping[str, Any]
Points = Sequence[Sequence[float]]
NO_SPOT = frozenset(("backroom", "restricted", "parking", "checkout", "exit", "fitting", "kitchen"))
BOX_S, BOXES_A_SIDE = 2, 3


def spots(zones: Iterable[Row], heat: Mapping[str, float], themes: Mapping[str, str], count: int, cold: int) -> tuple[list[str], list[str]]:
    """All spots, and those among them that were chosen because they are quietest (of the zones whose heat is known).

    The rest are chosen by theme: zones of themes that are not in the hunt yet come first, in the order of the table.
    """
    names = [row["zone"] for row in zones if row.get("kind", "sales") not in NO_SPOT]
    quiet = sorted((name for name in names if name in heat), key=lambda name: (heat[name], name))[: min(cold, count)]
    chosen = list(quiet)
    while len(chosen) < min(count, len(names)):
        known = {themes.get(name) for name in chosen}
        rest = [name for name in names if name not in chosen]
        chosen.append(next((name for name in rest if themes.get(name) not in known), rest[0]))
    return chosen, quiet


def centroid(polygon: Points) -> tuple[float, float]:
    """Centre of area of a simple polygon, of its corners where it has no area."""
    area = x = y = 0.0
    for (x0, y0), (x1, y1) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        part = x0 * y1 - x1 * y0
        area, x, y = area + part, x + (x0 + x1) * part, y + (y0 + y1) * part
    if area == 0:
        return sum(p[0] for p in polygon) / len(polygon), sum(p[1] for p in polygon) / len(polygon)
    return x / (3 * area), y / (3 * area)


def metres(one: Row | None, other: Row | None) -> float:
    """Between the centroids of two zones of the table; 0 where one has no polygon."""
    polygons = [(zone or {}).get("polygon") for zone in (one, other)]
    return math.dist(*(centroid(polygon) for polygon in polygons if polygon)) if all(polygons) else 0.0


def change_pct(now: float | None, before: Sequence[float]) -> float | None:
    """Change against the mean of the days before; None without either."""
    mean = sum(before) / len(before) if before else 0
    return None if now is None or mean <= 0 else 100 * (now - mean) / mean


def lit_box(seed: str, number: int) -> tuple[float, float, float, float]:
    """The box [x, y, w, h] of the wall that is lit as the n-th, in shares of it."""
    place, side = draw(seed, number, modulus=BOXES_A_SIDE**2), 1 / BOXES_A_SIDE
    return place % BOXES_A_SIDE * side, place // BOXES_A_SIDE * side, side, side


def on_wall(x: float, y: float, polygon: Points | None) -> tuple[float, float]:
    """A floor point in shares of the zone's bounds; it stays as it is where the zone has no polygon."""
    if not polygon:
        return x, y
    xs, ys = [p[0] for p in polygon], [p[1] for p in polygon]
    return (x - min(xs)) / ((max(xs) - min(xs)) or 1), (y - min(ys)) / ((max(ys) - min(ys)) or 1)


def hit(seed: str, since_s: float, x: float, y: float) -> int | None:
    """The number of the box that is lit so many seconds into the round, if the point is inside."""
    number = int(since_s // BOX_S)
    left, top, width, height = lit_box(seed, number)
    return number if left <= x < left + width and top <= y < top + height else None
