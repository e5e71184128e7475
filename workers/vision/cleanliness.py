"""Change of a place against its clean reference: a spill on a floor, litter, a counter that is not wiped, a bin that fills.

The reference is the pixelwise median of the first pictures without people. Each later picture is first brought to the reference's light
by a gain and an offset a channel (least squares over the pixels that agree, the rest trimmed away twice), so that lamps and daylight do
not count. What then differs is dirt, unless it has the reference's colour and is only darker: a shadow, by the brightness and
chromaticity distortion of Horprasert, Harwood and Davis (1999). Hence a wet patch that only darkens a grey floor is taken for a shadow
(give `shadows=True` where none fall), and clear water on a bright floor may not show at all.

State is JSON; `step` takes the old state and returns the new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from storeloom.workers.vision.boxes import Box, Floats, Point
from storeloom.workers.vision.floorplan import bounds
from storeloom.workers.vision.holding import hold
from storeloom.workers.vision.pictures import Mask, Pixels, cover_mask, farthest, pack, polygon_mask, regions, relit, shrink, unpack

State = dict[str, Any]
LONGEST = 128
DARKEST_SHADOW = 0.4
OFF_COLOUR = 10.0
FEW = 0.3


@dataclass(frozen=True)
class CleanRule:
    """`polygon` in shares; `level`: grey levels of difference that count; `least_area`: smallest region that counts, as a share of the
    polygon; `learn`: pictures that make the reference; `hold_s`, `clear_s`: how long dirt must be there, and gone; `shadows`: whether a
    darker patch of the same colour counts; `relight`: whether the light is made equal first, which needs most of the place to be clean.
    """

    polygon: Sequence[Point]
    level: float = 25.0
    least_area: float = 0.005
    learn: int = 5
    hold_s: float = 10.0
    clear_s: float = 5.0
    shadows: bool = False
    relight: bool = True


@dataclass(frozen=True)
class CleanStep:
    """One look: share of the polygon that changed (None while learning, or where people hide most of it) with the boxes of the regions;
    since when it holds as dirty, None where it does not; and whether that has just begun or ended."""

    changed: float | None
    boxes: tuple[Box, ...]
    dirty_s: float | None
    began: bool
    ended: bool


def step(
    state: Mapping[str, Any], rule: CleanRule, picture: NDArray[np.uint8], covers: Iterable[Box], t_s: float
) -> tuple[State, CleanStep]:
    """Advance by one BGR picture; `covers` are the boxes of people in it.

    State: {"reference": packed, "learnt": [packed], "first_s", "last_s", "dirty_s"}.
    """
    box = bounds(rule.polygon)
    now = shrink(picture, box, LONGEST)
    inside = polygon_mask(rule.polygon, box, now.shape)
    seen = inside & ~cover_mask(covers, box, now.shape)
    after = dict(state)
    reference = _reference(after, rule, now, np.array_equal(seen, inside))
    enough = seen.sum() >= FEW * max(int(inside.sum()), 1)
    if reference is None or not enough:
        return after, CleanStep(None, (), after.get("dirty_s"), False, False)
    dirt = difference(reference, now, seen, rule.level, shadows=rule.shadows, relight=rule.relight)
    found = regions(dirt, box, max(1, round(rule.least_area * int(inside.sum()))))
    changed = sum(pixels for _, pixels in found) / max(int(seen.sum()), 1)
    began, ended = hold(after, changed > 0, t_s, rule.hold_s, rule.clear_s)
    return after, CleanStep(changed, tuple(place for place, _ in found), after.get("dirty_s"), began, ended)


def difference(reference: Pixels, now: Pixels, seen: Mask, level: float, *, shadows: bool = False, relight: bool = True) -> Mask:
    """Which seen pixels of `now` differ from the reference (both height x width x 3, uint8) once the light is made equal."""
    old, new = reference.astype(np.float32), now.astype(np.float32)
    new = relit(old, new, seen) if relight else new
    dirt = seen & (farthest(new, old) > level)
    if not shadows:
        dirt &= ~shadowed(old, new)
    return np.asarray(cv2.morphologyEx(dirt.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), bool)


def shadowed(old: Floats, new: Floats) -> Mask:
    """Which pixels are the reference's, only darker: their brightness distortion is below 1 and their colour distortion small."""
    brightness = (new * old).sum(axis=2) / np.maximum((old * old).sum(axis=2), 1.0)
    colour = np.linalg.norm(new - brightness[..., None] * old, axis=2)
    dark: Mask = (brightness >= DARKEST_SHADOW) & (brightness < 1.0) & (colour <= OFF_COLOUR)
    return dark


def _reference(state: State, rule: CleanRule, now: Pixels, empty: bool) -> Pixels | None:
    """The clean picture, learnt from the first ones in which nobody stands; None until then, and anew where the polygon changed."""
    if state.get("shape") != list(now.shape) or state.get("polygon") != [list(p) for p in rule.polygon]:
        state.clear()
        state.update(shape=list(now.shape), polygon=[list(p) for p in rule.polygon], learnt=[])
    if "reference" in state:
        return unpack(state["reference"])
    if empty:
        state["learnt"] = [*state["learnt"], pack(now)]
    if len(state["learnt"]) < rule.learn:
        return None
    clean = np.median([unpack(one) for one in state["learnt"]], axis=0).astype(np.uint8)
    state.update(reference=pack(clean), learnt=[])
    return clean
