"""Patches on a floor (spills, stains) followed from frame to frame: how long each has lain unhidden, and whether its spot is clean again.

State is JSON: {name: {"box", "area_m2", "wet", "since_s", "held_s", "last_s", "look", "hidden_s"}}; `look` is what the last frame showed
of the spot (dirty, clean, hidden), `hidden_s` since when it has been hidden (None: it is not).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from storeloom.workers.vision import cleanliness
from storeloom.workers.vision.boxes import Box, share_inside
from storeloom.workers.vision.floorplan import shoelace
from storeloom.workers.vision.pictures import cover_mask
from storeloom.workers.vision.places import Place

State = dict[str, Any]
Look = Literal["dirty", "clean", "hidden"]
JOINS, HIDES = 0.3, 0.3
LONGEST_GAP_S = 900.0
RENEW_S = 3600.0
GLINT, PALE, MIRROR = 225, 45, 0.02


@dataclass(frozen=True)
class Patch:
    """A changed patch of floor in one frame: box in shares, area in square metres, and whether it mirrors like water."""

    box: Box
    area_m2: float
    wet: bool


def overlaps(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two patches are one: 30 % of either lies in the other."""
    return max(share_inside(one, other), share_inside(other, one)) >= JOINS - 1e-9


def follow(state: State, patches: Iterable[Patch], covers: Sequence[Box], t_s: float, keep: Iterable[str], start: int) -> list[str]:
    """Take in a frame, in place; the names of patches that are new, counted from `start`.

    A patch joins the known one that it overlaps. Behind `covers` (people, trolleys) nothing is known and no time counts. Of those whose
    spot is clean only the ones to `keep` stay.
    """
    fresh: list[str] = []
    found: dict[str, list[Patch]] = {}
    for patch in patches:
        name = next((known for known, one in state.items() if overlaps(patch.box, one["box"])), None)
        if name is None:
            name = str(start + len(fresh))
            fresh.append(name)
            state[name] = {"since_s": t_s, "held_s": 0.0, "last_s": t_s, "look": "dirty", "hidden_s": None, "box": list(patch.box)}
        found.setdefault(name, []).append(patch)
    kept = set(keep)
    for name, one in list(state.items()):
        seen = found.get(name, [])
        look: Look = "dirty" if seen else "clean"
        if any(share_inside(one["box"], cover) >= HIDES for cover in covers):
            look = "hidden"
        if look == one["look"] == "dirty":
            one["held_s"] += min(t_s - one["last_s"], LONGEST_GAP_S)
        one["hidden_s"] = None if look != "hidden" else t_s if one["hidden_s"] is None else one["hidden_s"]
        one |= {"look": look, "last_s": t_s}
        if seen:
            largest = max(seen, key=lambda patch: patch.area_m2)
            one |= {"box": list(largest.box), "area_m2": largest.area_m2, "wet": any(patch.wet for patch in seen)}
        if look == "clean" and name not in kept:
            del state[name]
    return fresh


def changed(
    state: Mapping[str, Any], place: Place, picture: NDArray[np.uint8], covers: Sequence[Box], t_s: float, *, settled: bool
) -> tuple[State, list[Patch]]:
    """What lies on a place's floor in a BGR picture against its clean reference (see `cleanliness`), which is learnt anew every hour from
    frames without people while the floor is clean and the place `settled` (no case is open). Areas need the place's homography or size."""
    outline = place.outline()
    if not outline:
        return dict(state), []
    kept = state.get("clean", {})
    if not covers and settled and not state.get("dirty") and t_s - state.get("learnt_s", t_s) >= RENEW_S and "reference" in kept:
        kept = {}
    learnt_s = t_s if "reference" not in kept else state.get("learnt_s", t_s)
    kept, now = cleanliness.step(kept, cleanliness.CleanRule(outline, hold_s=0.0, clear_s=0.0), picture, covers, t_s)
    patches = [Patch(box, area_m2(place, box), mirrors(picture, box)) for box in now.boxes]
    return {"clean": kept, "learnt_s": learnt_s, "dirty": bool(patches)}, patches


def area_m2(place: Place, box: Box) -> float:
    """Floor under a box: by the homography, else its share of the place's outline; the ellipse in it is taken for the patch."""
    from storeloom.workers.vision.heat import floor_point

    x, y, wide, high = box
    corners = [(x, y), (x + wide, y), (x + wide, y + high), (x, y + high)]
    if place.homography:
        floor = [floor_point(place.homography, corner) for corner in corners]
        if all(point is not None for point in floor):
            return np.pi / 4 * abs(shoelace([point for point in floor if point is not None]))
    whole = abs(shoelace(place.outline()))
    return np.pi / 4 * wide * high / whole * (place.area_m2 or 0.0) if whole else 0.0


def mirrors(picture: NDArray[np.uint8], box: Box) -> bool:
    """Whether a patch shines like water: pale glints on 2 % more of it than of the floor around it."""
    hsv = cv2.cvtColor(picture, cv2.COLOR_BGR2HSV)
    glints = (hsv[..., 2] >= GLINT) & (hsv[..., 1] <= PALE)
    inside = cover_mask([box], (0.0, 0.0, 1.0, 1.0), picture.shape, 0.0)
    around = cover_mask([box], (0.0, 0.0, 1.0, 1.0), picture.shape, 0.5) & ~inside
    beside = float(glints[around].mean()) if around.any() else 0.0
    return bool(inside.any() and float(glints[inside].mean()) - beside >= MIRROR)
