"""Things left standing: how long each object of a camera has stayed where it is, as plain JSON between frames.

An object is known again by its track, else by its class where the boxes overlap. One that moves by more than half its size begins anew;
one that is not seen for `vanish_s` is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from storeloom.workers.vision.boxes import iou

State = dict[str, dict[str, Any]]
SAME_BOX, MOST_DRIFT = 0.3, 0.5


class Step(NamedTuple):
    """What a frame changed: all that is known, what came (or began anew) by its key, and what went, with what was known of it."""

    state: State
    came: list[str]
    gone: dict[str, dict[str, Any]]


def step(state: Mapping[str, Mapping[str, Any]], seen: Iterable[Mapping[str, Any]], t_s: float, vanish_s: float) -> Step:
    """Enter a frame. `seen`: `class`, `box` [x, y, w, h] in picture shares, `track` where it has one, and what else is to be kept of it.

    Each record keeps `since_s` and `last_s`; a frame older than what is known changes nothing.
    """
    known: State = {key: dict(one) for key, one in state.items()}
    if any(one["last_s"] > t_s for one in known.values()):
        return Step(known, [], {})
    came, gone, free = [], {}, set(known)
    for thing in seen:
        key = _known_as(known, free, thing)
        if key is None or _moved(known[key], thing):
            if key is not None:
                gone[key] = known.pop(key)
            key = f"{thing['class']}-{thing.get('track') or 'x'}-{t_s:.3f}-{len(known)}"
            known[key] = {**thing, "since_s": t_s}
            came.append(key)
        known[key]["last_s"] = t_s
        free.discard(key)
    for key in sorted(free & known.keys()):
        if t_s - known[key]["last_s"] >= vanish_s:
            gone[key] = known.pop(key)
    return Step(known, came, gone)


def _known_as(known: State, free: set[str], thing: Mapping[str, Any]) -> str | None:
    """The record of a thing: by track, else the one of its class whose box it covers most."""
    track = thing.get("track")
    if track is not None:
        found = next((key for key in sorted(free) if known[key].get("track") == track), None)
        if found is not None:
            return found
    alike = {key: iou(known[key]["box"], thing["box"]) for key in free if known[key]["class"] == thing["class"]}
    best = max(sorted(alike), key=lambda key: alike[key], default=None)
    return best if best is not None and alike[best] >= SAME_BOX else None


def _moved(before: Mapping[str, Any], thing: Mapping[str, Any]) -> bool:
    (x, y, w, h), (x2, y2, w2, h2) = before["box"], thing["box"]
    across, down = abs(x + w / 2 - x2 - w2 / 2), abs(y + h / 2 - y2 - h2 / 2)
    return bool(across > MOST_DRIFT * w or down > MOST_DRIFT * h)
