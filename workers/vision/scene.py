"""Scenes: what a camera would see, written as data in place of pixels.

`{"objects": [{"id": "p1", "class": "person", "box": [x, y, w, h], "score": 0.9, "floor": [x_m, y_m], "colour": "#336699", ...}]}`.
Whatever else an object carries (`colour`, `text`, `gtins`, `staff`, `area_m2`...) becomes an attribute of its detection.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from storeloom.workers.vision.errors import SceneError
from storeloom.workers.vision.things import Detection

OWN_KEYS = frozenset({"id", "class", "box", "score", "floor", "move"})


def detections(scene: object, path: str = "scene") -> list[Detection]:
    """The objects of a scene as detections, in their order; an object's `id` is its track, its score 1 where none is given.

    SceneError names the place of the first fault, as `scene.objects[2].box`.
    """
    objects = scene.get("objects") if isinstance(scene, Mapping) else None
    if not isinstance(objects, list):
        raise SceneError("A scene needs a list of objects.", f"{path}.objects", "Give {objects: [...]}, empty for nothing seen.")
    found = [_detection(thing, f"{path}.objects[{k}]") for k, thing in enumerate(objects)]
    tracks = [d.track for d in found if d.track is not None]
    for k, detection in enumerate(found):
        if detection.track is not None and tracks.count(detection.track) > 1:
            what = f"The id {detection.track!r} stands at {tracks.count(detection.track)} objects."
            raise SceneError(what, f"{path}.objects[{k}].id", "Give each object of a scene an id of its own.")
    return found


def _detection(thing: object, path: str) -> Detection:
    if not isinstance(thing, Mapping):
        raise SceneError("An object must be a mapping.", path, "Give {class, box} and what else is known.")
    cls = thing.get("class")
    if not isinstance(cls, str) or not cls:
        raise SceneError(f"Class is {cls!r}.", f"{path}.class", "Give a class name, such as person.")
    track = thing.get("id")
    if track is not None and (not isinstance(track, str) or not track):
        raise SceneError(f"Id is {track!r}.", f"{path}.id", "Give a text, or leave the id out.")
    score = _numbers([thing.get("score", 1.0)], 1, f"{path}.score")[0]
    if not 0 <= score <= 1:
        raise SceneError(f"Score is {score}.", f"{path}.score", "Give a number from 0 to 1.")
    x, y, width, height = _numbers(thing.get("box"), 4, f"{path}.box")
    if width < 0 or height < 0:
        raise SceneError(f"The box is {width} by {height}.", f"{path}.box", "Give [x, y, width, height] in shares of the picture.")
    floor = _numbers(thing["floor"], 2, f"{path}.floor") if thing.get("floor") is not None else None
    attrs: dict[str, Any] = {key: value for key, value in thing.items() if key not in OWN_KEYS}
    return Detection(cls, score, (x, y, width, height), (floor[0], floor[1]) if floor else None, attrs, track)


def _numbers(value: object, count: int, path: str) -> tuple[float, ...]:
    """`count` finite numbers out of a list."""
    if not isinstance(value, list | tuple) or len(value) != count:
        raise SceneError(f"Found {value!r}.", path, f"Give {count} number{'s' if count > 1 else ''}.")
    for number in value:
        if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
            raise SceneError(f"Found {number!r}.", path, "Give finite numbers.")
    return tuple(float(number) for number in value)
