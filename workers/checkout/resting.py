"""Things that come to rest at a place, each told once: plates at a pass, trays at a counter.

State is JSON: {"last_s", "free_s", "seen": {track: {"box", "still_s", "first_s", "last_s", "told"}}}. `free_s` is when the last thing told
was last seen before it went, so what a scale says later is of another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storeloom.workers.vision.boxes import Box, iou

State = dict[str, Any]
STILL_IOU = 0.85
GONE_S, LONG_AWAY_S = 2.0, 60.0


def begin() -> State:
    return {"last_s": 0.0, "free_s": 0.0, "seen": {}}


def advance(state: State, boxes: Mapping[str, Box], t_s: float, rest_s: float) -> dict[str, float]:
    """Take in a frame, in place: boxes by track. Those that have now stood still for `rest_s`, with the time since which a reading may be
    theirs: when they came, and not before the last thing went.

    Still is what keeps 85 % (intersection over union) with where it stopped; what is out of sight for two seconds of frames, or for a
    minute without frames, is another thing when it comes again. A frame older than the last one tells nothing.
    """
    if t_s < state["last_s"]:
        return {}
    state["last_s"] = t_s
    seen = state["seen"]
    for track, one in list(seen.items()):
        away_s = t_s - one["last_s"]
        if (track not in boxes and away_s > GONE_S) or away_s > LONG_AWAY_S:
            state["free_s"] = max(state["free_s"], one["last_s"]) if one["told"] else state["free_s"]
            del seen[track]
    rested = {}
    for track, box in boxes.items():
        one = seen.setdefault(track, {"box": list(box), "still_s": t_s, "first_s": t_s, "told": False})
        one["last_s"] = t_s
        if iou(one["box"], box) < STILL_IOU:
            one |= {"box": list(box), "still_s": t_s}
        if not one["told"] and t_s - one["still_s"] >= rest_s - 1e-6:
            one["told"] = True
            rested[track] = max(one["first_s"], state["free_s"])
    return rested
