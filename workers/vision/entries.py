"""Entries through a door: crossings that are taken back, and people who come in together.

State and results are JSON; each function takes the old state and returns the new one, so a solution may keep it anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from storeloom.workers.vision.boxes import Box

State = dict[str, Any]
PERSON_M = 1.7


@dataclass(frozen=True)
class Passage:
    """A crossing with who crossed and where: `place` as [x_m, y_m] on the floor or as `picture_place` gives it, where known."""

    track: str
    direction: str
    t_s: float
    staff: bool = False
    place: Sequence[float] | None = None


@dataclass(frozen=True)
class Change:
    """What a passage changes in the counts: customers in and out, groups of customers, staff crossings. Below zero when taken back."""

    inward: int = 0
    outward: int = 0
    groups: int = 0
    staff: int = 0


def take(state: Mapping[str, Any], passage: Passage, *, flicker_s: float, group_s: float, group_m: float) -> tuple[State, Change]:
    """Count a passage at a line, or take back the opposite one of its track no more than `flicker_s` before.

    Entries within `group_s` and `group_m` of one another are one group, and so are those linked through others (single linkage).
    Where either place is unknown, time alone decides. State: {"recent": [[track, direction, t_s, staff, place, group]...],
    "sizes": {group: people}, "next": number of the next group}.
    """
    keep_s = max(flicker_s, group_s)
    recent = [list(entry) for entry in state.get("recent", ()) if passage.t_s - entry[2] <= keep_s]
    sizes = {entry[5]: state["sizes"][entry[5]] for entry in recent if entry[5] is not None}
    following = int(state.get("next", 0))
    taken_back = next((entry for entry in reversed(recent) if _returns(entry, passage, flicker_s)), None)
    if taken_back is not None:
        recent.remove(taken_back)
        _, direction, _, staff, _, group = taken_back
        ended = 0
        if group is not None:
            sizes[group] -= 1
            ended = -1 if sizes[group] == 0 else 0
        after = {"recent": recent, "sizes": sizes, "next": following}
        return after, Change(staff=-1) if staff else Change(-(direction == "in"), -(direction == "out"), ended)
    group, change = None, Change(staff=1) if passage.staff else Change(outward=1)
    if not passage.staff and passage.direction == "in":
        joined = sorted({entry[5] for entry in recent if _together(entry, passage, group_s, group_m)}, key=int)
        group = joined[0] if joined else str(following)
        following += not joined
        for entry in recent:
            entry[5] = group if entry[5] in joined else entry[5]
        sizes[group] = 1 + sum(sizes.pop(other) for other in joined)
        change = Change(inward=1, groups=1 - len(joined))
    place = None if passage.place is None else list(passage.place)
    recent.append([passage.track, passage.direction, passage.t_s, passage.staff, place, group])
    return {"recent": recent, "sizes": sizes, "next": following}, change


def picture_place(box: Box, aspect: float) -> tuple[float, float, float]:
    """Where a person stands whose place on the floor is unknown: foot point in picture heights (`aspect` is width over height), and
    the person's height, by which distances to others nearby are scaled, a person being taken as 1.7 m tall.
    """
    return (box[0] + box[2] / 2) * aspect, box[1] + box[3], box[3]


def metres(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Distance of two places, both [x_m, y_m] or both of `picture_place`; None where they cannot be compared."""
    if len(one) != len(other):
        return None
    apart = math.dist(one[:2], other[:2])
    if len(one) == 2:
        return apart
    height = (one[2] + other[2]) / 2
    return apart * PERSON_M / height if height > 0 else None


def _returns(entry: Sequence[Any], passage: Passage, flicker_s: float) -> bool:
    track, direction, t_s, staff = entry[:4]
    same = track == passage.track and staff == passage.staff and direction != passage.direction
    return bool(same and 0 <= passage.t_s - t_s <= flicker_s)


def _together(entry: Sequence[Any], passage: Passage, group_s: float, group_m: float) -> bool:
    if entry[5] is None or abs(passage.t_s - entry[2]) > group_s:
        return False
    apart = metres(entry[4], passage.place) if entry[4] is not None and passage.place is not None else None
    return apart is None or apart <= group_m
