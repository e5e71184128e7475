"""Whether a fixed camera still looks where it did: by the markers on fixtures.

A marker is a scene's object of class `marker`, or a QR code whose text is the marker's name. Where a row of `fixtures` gives `markers`
[{marker, camera, point}], these are the reference; without one it is where each marker was first seen. The camera has moved by the median
shift of the markers in sight, in shares of the picture's width.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from statistics import median
from typing import TYPE_CHECKING, Any

from storeloom.workers.vision.boxes import Point, centre

if TYPE_CHECKING:
    from storeloom.workers.vision.view import View

QR = ("QR Code", "QRCode", "QR")


def enrolled(fixtures: Iterable[Mapping[str, Any]], camera: str) -> dict[str, Point]:
    """The markers that the fixtures place in a camera's picture."""
    return {
        str(one["marker"]): (float(one["point"][0]), float(one["point"][1]))
        for fixture in fixtures
        for one in fixture.get("markers") or ()
        if one.get("camera", camera) == camera and one.get("point")
    }


def seen(view: View, known: Iterable[str]) -> dict[str, Point]:
    """Where the markers stand in a frame. In pixels only codes with `known` names are markers, and none are looked for without a name."""
    if view.pixels is None:
        things = [thing for thing in view.observation.of("marker") if thing.track or thing.attrs.get("text")]
        return {str(thing.attrs.get("text") or thing.track): centre(thing.box) for thing in things}
    names = set(known)
    return {code.text: centre(code.box) for code in view.codes() if code.format in QR and code.text in names} if names else {}


def shift(reference: Mapping[str, Point], now: Mapping[str, Point], aspect: float) -> float | None:
    """By how much the markers moved, in shares of the picture's width; None where none of them is in sight."""
    both = reference.keys() & now.keys()
    if not both:
        return None
    dx = median(now[name][0] - reference[name][0] for name in both)
    dy = median(now[name][1] - reference[name][1] for name in both)
    return math.hypot(dx, dy / aspect)
