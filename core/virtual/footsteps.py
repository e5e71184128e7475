"""Where a shopper walks inside the zones of a visit: a walk between places that are looked at, at the pace of a shopper."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import hypot

from storeloom.core.virtual.chance import Chance

STEP_S = 2.0
PACE_M_S = 1.1
Spot = tuple[float, float]
Box = tuple[float, float, float, float]


def walk(
    spots: Sequence[Spot], boxes: Sequence[Box], spans: Sequence[tuple[float, float]], chance: Chance
) -> Iterator[list[tuple[float, Spot]]]:
    """For each zone of the way its (epoch second, place), every two seconds and not at the stay's begin, where `spots` says the place.

    `boxes` are (left, low, right, high) of each zone. Inside one the shopper stands 4 to 40 s at places drawn evenly and walks on between;
    towards the end of the stay he makes for the place where the next one begins, faster where a short stay leaves no time. Metres, seconds.
    """
    for number, (begin, end) in enumerate(spans):
        place = target = spots[number]
        goal = spots[min(number + 1, len(spots) - 1)]
        rest = chance.uniform(4, 40)
        points: list[tuple[float, Spot]] = []
        stamp = begin + STEP_S
        while stamp < end:
            far, metres = hypot(goal[0] - place[0], goal[1] - place[1]), PACE_M_S * STEP_S
            if far >= PACE_M_S * (end - stamp):
                target, metres = goal, max(metres, far * STEP_S / (end - stamp + STEP_S))
            elif place == target and rest > 0:
                rest -= STEP_S
            elif place == target:
                left, low, right, high = boxes[number]
                target, rest = (chance.uniform(left, right), chance.uniform(low, high)), chance.uniform(4, 40)
            place = _towards(place, target, metres)
            points.append((stamp, place))
            stamp += STEP_S
        yield points


def box_of(polygon: Sequence[Sequence[float]]) -> Box:
    """Extent of a zone's polygon, a tenth in from each side."""
    across, along = [point[0] for point in polygon], [point[1] for point in polygon]
    wide, deep = (max(across) - min(across)) / 10, (max(along) - min(along)) / 10
    return min(across) + wide, min(along) + deep, max(across) - wide, max(along) - deep


def _towards(place: Spot, target: Spot, metres: float) -> Spot:
    far = hypot(target[0] - place[0], target[1] - place[1])
    if far <= metres:
        return target
    part = metres / far
    return place[0] + (target[0] - place[0]) * part, place[1] + (target[1] - place[1]) * part
