"""Slots of a shelf and bins in a picture: how much of one is seen and how much of it is filled.

A slot is an entry of a fixture's `slots`: {slot, camera, polygon in shares of the picture}. What covers it is measured exactly, by cutting
the polygon along the edges of the boxes (Sutherland and Hodgman 1974). In pixels the filled part also comes from `slot_look`, because most
packs are of no class that a detector knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from storeloom.workers.vision.boxes import Box, Point, centre
from storeloom.workers.vision.floorplan import bounds, shoelace
from storeloom.workers.vision.zones import contains

if TYPE_CHECKING:
    from storeloom.workers.vision.things import Seen
    from storeloom.workers.vision.view import View

Row = Mapping[str, Any]
HIDING = ("person", "trolley", "cart", "shopping_cart", "stroller", "backpack", "handbag", "suitcase")
NO_GOODS = (*HIDING, "price_label", "price_tag", "label", "barcode", "qr_code", "marker", "bin", "face", "poster")
EDGE = 1e-9
DIGITS = 9


@dataclass(frozen=True)
class Front:
    """What a frame shows of a slot: share not hidden, and of that the share without product; `dark` where it is too dark to tell."""

    visible: float
    empty: float
    dark: bool = False


def watched(fixtures: Iterable[Row], camera: str) -> list[tuple[Row, Row]]:
    """The slots that a camera sees, each with its fixture's row; a slot that names no camera is every camera's."""
    found = []
    for fixture in fixtures:
        slots = fixture.get("slots")
        for slot in slots if isinstance(slots, list) else ():
            if slot.get("polygon") and slot.get("camera", camera) == camera:
                found.append((fixture, slot))
    return found


def covered_share(polygon: Sequence[Sequence[float]], boxes: Iterable[Sequence[float]]) -> float:
    """Share of a simple polygon's area under boxes, overlaps counted once, to nine digits; 0 for a polygon without area."""
    x, y, width, height = bounds([(px, py) for px, py in polygon])
    near = [box for box in boxes if box[0] < x + width and box[0] + box[2] > x and box[1] < y + height and box[1] + box[3] > y]
    whole = shoelace([(px, py) for px, py in polygon])
    if not near or whole <= 0:
        return 0.0
    xs = sorted({min(max(edge, x), x + width) for box in near for edge in (box[0], box[0] + box[2])})
    covered = 0.0
    for left, right in pairwise(xs):
        middle = (left + right) / 2
        for top, bottom in _merged((box[1], box[1] + box[3]) for box in near if box[0] < middle < box[0] + box[2]):
            covered += shoelace(_cut(polygon, left, right, top, bottom))
    return min(round(covered / whole, DIGITS), 1.0)


def goods(objects: Iterable[Seen], polygon: Sequence[Sequence[float]]) -> list[Seen]:
    """What stands in a slot: objects whose middle lies in it, without people, labels and containers."""
    return [thing for thing in objects if thing.cls not in NO_GOODS and contains(polygon, centre(thing.box))]


def covers(view: View) -> list[Box]:
    """Boxes of what may stand before a shelf: people, trolleys, bags."""
    return [thing.box for thing in view.observation.of(*HIDING)]


def front(view: View, slot: Row, own: Iterable[Box], foreign: Iterable[Box] = ()) -> Front:
    """What a frame shows of a slot: `own` are the boxes of the products that belong there, `foreign` those of others, which do not fill it.

    In pixels a part also counts as filled where it is unlike the slot's `empty` picture or, without one, where it is not plain.
    """
    polygon, own, before = slot["polygon"], list(own), covers(view)
    hidden = covered_share(polygon, before)
    if view.pixels is not None:
        from storeloom.workers.vision import slot_look

        dark, filled = slot_look.filled(view.pixels, slot, own, foreign, before)
        return Front(1 - hidden, 1 - filled, dark)
    filled = covered_share(polygon, [*before, *own]) - hidden
    return Front(1 - hidden, 1 - filled / (1 - hidden) if hidden < 1 - EDGE else 1.0, too_dark(view, slot))


def fullness(view: View, slot: Row, before: Iterable[Box]) -> tuple[bool, float | None]:
    """Whether it is too dark to tell, and how full a bin looks (1 as its `full` picture), `before` being what stands in front of it.

    In a scene that is the `fill` of a `bin` in it, else the share that goods cover. None where the pictures that pixels need are absent.
    """
    if view.pixels is not None:
        from storeloom.workers.vision import slot_look

        return slot_look.fullness(view.pixels, slot, before)
    polygon, things = slot["polygon"], view.observation.objects
    inside = [thing for thing in things if contains(polygon, centre(thing.box))]
    told = [thing.attrs[name] for thing in inside for name in ("fill", "fullness") if name in thing.attrs]
    heap = [thing.box for thing in things if thing.cls not in NO_GOODS]
    return too_dark(view, slot), float(told[0]) if told else covered_share(polygon, heap)


def too_dark(view: View, slot: Row) -> bool:
    """Whether a slot is too dark to tell anything; a scene may say so of itself (`dark`)."""
    if view.pixels is None:
        return bool((view.scene or {}).get("dark"))
    from storeloom.workers.vision import slot_look

    return slot_look.too_dark(view.pixels, slot["polygon"])


def facings(counted: int, planned: int, empty: float) -> int:
    """Facings that stand: those counted, or what the filled share makes of the planned ones, whichever is more; never more than planned
    unless counted."""
    return max(counted, min(planned, int(planned * (1 - empty) + 0.5)))


def _merged(intervals: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Intervals joined where they touch."""
    joined: list[tuple[float, float]] = []
    for start, end in sorted(intervals):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((start, end))
    return joined


def _cut(polygon: Sequence[Sequence[float]], left: float, right: float, top: float, bottom: float) -> list[Point]:
    """The part of a polygon in an upright rectangle; parts of a concave one hang together by edges without area."""
    points = [(float(x), float(y)) for x, y in polygon]
    for axis, limit, sign in ((0, left, 1), (0, right, -1), (1, top, 1), (1, bottom, -1)):
        kept: list[Point] = []
        for before, after in zip([*points[-1:], *points[:-1]], points, strict=True):
            was, now = sign * (before[axis] - limit) >= 0, sign * (after[axis] - limit) >= 0
            if was != now:
                part = (limit - before[axis]) / (after[axis] - before[axis])
                kept.append((before[0] + part * (after[0] - before[0]), before[1] + part * (after[1] - before[1])))
            if now:
                kept.append(after)
        points = kept
    return points
