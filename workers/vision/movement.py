"""Small moving things that no detector knows, by background subtraction: an animal on the floor of a closed store.

The background is a running mean of the grey picture (Piccardi 2004, Background subtraction techniques: a review), learnt slowly enough that
what crosses the picture is not taken into it. What differs from it in small regions moves; a region is the thing of the last frames that
was nearest, within what it can have run. A change of most of the picture is light, or the camera: all begins anew.
State is JSON; `step` takes the old state and returns the new one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from storeloom.workers.vision.boxes import Box, Floats, centre
from storeloom.workers.vision.pictures import pack, regions, shrink, unpack

State = dict[str, Any]
LONGEST = 160
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)
FLOOD = 0.3
LOST_S = 3.0


@dataclass(frozen=True)
class MovementRule:
    """`level`: grey levels that differ; `least`, `most`: smallest and largest region as shares of the picture; `slow_s`: time constant of
    the background; `speed`: shares of the picture's width that a thing runs in a second."""

    level: float = 18.0
    least: float = 0.0001
    most: float = 0.02
    slow_s: float = 60.0
    speed: float = 0.5


def step(state: Mapping[str, Any], rule: MovementRule, picture: NDArray[np.uint8], t_s: float) -> tuple[State, dict[str, Box]]:
    """Advance by one BGR picture: the boxes of what moves now, by a name that stays while it is followed.

    State: {"mean": packed, "t_s", "known": {name: [box, last_s]}, "next"}.
    """
    small = cv2.cvtColor(shrink(picture, WHOLE, LONGEST), cv2.COLOR_BGR2GRAY)
    now: Floats = cv2.GaussianBlur(small, (3, 3), 0).astype(np.float32)
    begun = "mean" in state and state["mean"]["shape"] == list(now.shape)
    mean = unpack(state["mean"]).astype(np.float32) if begun else now
    moving = np.abs(now - mean) > rule.level
    if not begun or moving.mean() > FLOOD:
        return {"mean": pack(now.astype(np.float16)), "t_s": t_s, "known": {}, "next": state.get("next", 0)}, {}
    moving = cv2.morphologyEx(moving.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)).astype(bool)
    found = [box for box, pixels in regions(moving, WHOLE, max(2, math.ceil(rule.least * now.size))) if pixels <= rule.most * now.size]
    mean += (1 - math.exp(-max(t_s - state["t_s"], 0.0) / rule.slow_s)) * (now - mean)
    known = {name: entry for name, entry in state["known"].items() if t_s - entry[1] <= LOST_S}
    after: State = {"mean": pack(mean.astype(np.float16)), "t_s": t_s, "known": known, "next": state["next"]}
    return after, _followed(after, rule, found, t_s)


def _followed(after: State, rule: MovementRule, found: list[Box], t_s: float) -> dict[str, Box]:
    """Give each region the nearest known name within reach, each name once, the nearest pair first; else a new one."""
    known = after["known"]
    pairs = sorted(
        (math.dist(centre(entry[0]), centre(box)), name, number)
        for name, entry in known.items()
        for number, box in enumerate(found)
        if math.dist(centre(entry[0]), centre(box)) <= rule.speed * max(t_s - entry[1], 0.1)
    )
    names: dict[int, str] = {}
    for _, name, number in pairs:
        if number not in names and name not in names.values():
            names[number] = name
    for number in range(len(found)):
        if number not in names:
            names[number] = str(after["next"])
            after["next"] += 1
    after["known"] = {**known, **{names[number]: [list(box), t_s] for number, box in enumerate(found)}}
    return {names[number]: box for number, box in enumerate(found)}
