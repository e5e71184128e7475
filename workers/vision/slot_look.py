"""How full a slot or a bin looks in pixels, without a detector that knows its products.

With a picture of the slot when it is empty, what differs from it in colour or texture is product; a patch that is only darker is shadow
(as in `cleanliness`). Without one, a part is product unless it is plain: the back of an empty shelf has no print, no edges and no gaps
between packs. A plain part counts as empty only where it is wide, for packs have plain patches too; so a shelf whose back is perforated,
mirrored or papered needs the picture. A slot with both an `empty` and a `full` picture is measured on the scale between them.

The pictures are PNG or JPEG in base64, cut to the upright box of the slot's polygon, as `enrol` makes them.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from storeloom.workers.vision.boxes import Box
from storeloom.workers.vision.cleanliness import shadowed
from storeloom.workers.vision.errors import GeometryError
from storeloom.workers.vision.floorplan import bounds
from storeloom.workers.vision.pictures import Mask, Pixels, cover_mask, farthest, polygon_mask, shrink

LONGEST = 96
LEVEL = 28.0
BUSY = 4.0
NEAR = 5
PLAIN = 0.35
DARK = 25.0


def enrol(picture: NDArray[np.uint8], polygon: Sequence[Sequence[float]]) -> str:
    """The picture of a slot as its `empty` or `full` reference: PNG in base64, out of a BGR uint8 frame."""
    done, packed = cv2.imencode(".png", shrink(picture, bounds(polygon), LONGEST))
    if not done:
        raise GeometryError("The slot's picture cannot be packed.", "polygon", "Give a polygon inside the picture.")
    return base64.b64encode(packed.tobytes()).decode("ascii")


def filled(
    picture: NDArray[np.uint8], slot: Mapping[str, Any], own: Iterable[Box], foreign: Iterable[Box], covers: Iterable[Box]
) -> tuple[bool, float]:
    """Whether the slot is too dark to tell, and the share of its visible part that is its product (0 where nothing is visible).

    `own` and `foreign` are boxes of the slot's and of other products that a detector found there. GeometryError for a reference that is
    no picture.
    """
    box, now, seen = _visible(picture, slot["polygon"], covers)
    if not seen.any():
        return False, 0.0
    empty = slot.get("empty")
    product = busy(now) if empty is None else differing(reference(empty, now.shape), now)
    product &= ~cover_mask(foreign, box, now.shape, 0.0)
    product |= cover_mask(own, box, now.shape, 0.0)
    return bool(now[seen].mean() < DARK), float(product[seen].mean())


def fullness(picture: NDArray[np.uint8], slot: Mapping[str, Any], covers: Iterable[Box]) -> tuple[bool, float | None]:
    """Whether the bin is too dark to tell, and how full it looks: 0 as its `empty` picture, 1 as its `full` one (or more).

    None without both pictures, and where these do not differ.
    """
    if slot.get("empty") is None or slot.get("full") is None:
        return False, None
    _, now, seen = _visible(picture, slot["polygon"], covers)
    if not seen.any():
        return False, None
    bare = reference(slot["empty"], now.shape)
    whole = float(differing(bare, reference(slot["full"], now.shape))[seen].mean())
    dark = bool(now[seen].mean() < DARK)
    return dark, float(differing(bare, now)[seen].mean()) / whole if whole > 0 else None


def too_dark(picture: NDArray[np.uint8], polygon: Sequence[Sequence[float]]) -> bool:
    """Whether a place is too dark to tell anything."""
    _, now, seen = _visible(picture, polygon, ())
    return bool(seen.any() and now[seen].mean() < DARK)


def busy(now: Pixels) -> Mask:
    """Which pixels show product by their texture: all but the plain parts that are wide."""
    plain = _texture(now) < BUSY
    wide = max(3, round(PLAIN * max(now.shape[:2])))
    wide = min(wide, *now.shape[:2])
    back = cv2.morphologyEx(plain.astype(np.uint8), cv2.MORPH_OPEN, np.ones((wide, wide), np.uint8))
    return np.asarray(back == 0, bool)


def differing(bare: Pixels, now: Pixels) -> Mask:
    """Which pixels differ from the empty slot in colour (shadows left out) or are busy where it is plain."""
    old, new = bare.astype(np.float32), now.astype(np.float32)
    colour = (farthest(old, new) > LEVEL) & ~shadowed(old, new)
    texture = _texture(now) > 2 * np.maximum(_texture(bare), BUSY)
    found = (colour | texture).astype(np.uint8)
    return np.asarray(cv2.morphologyEx(found, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), bool)


def reference(kept: str, shape: Sequence[int]) -> Pixels:
    """A kept picture at the size of the one that it is compared with."""
    try:
        picture = cv2.imdecode(np.frombuffer(base64.b64decode(kept, validate=True), np.uint8), cv2.IMREAD_COLOR)
    except (binascii.Error, cv2.error):
        picture = None
    if picture is None:
        raise GeometryError("The slot's reference is no picture.", "fixtures.slots", "Give a PNG or JPEG in base64.")
    return np.asarray(cv2.resize(picture, (shape[1], shape[0]), interpolation=cv2.INTER_AREA), np.uint8)


def _visible(picture: NDArray[np.uint8], polygon: Sequence[Sequence[float]], covers: Iterable[Box]) -> tuple[Box, Pixels, Mask]:
    box = bounds(polygon)
    now = shrink(picture, box, LONGEST)
    return box, now, polygon_mask([(p[0], p[1]) for p in polygon], box, now.shape) & ~cover_mask(covers, box, now.shape, 0.0)


def _texture(picture: Pixels) -> Pixels:
    """Standard deviation of the grey levels around each pixel."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float32)
    mean = cv2.blur(grey, (NEAR, NEAR))
    return np.sqrt(np.maximum(cv2.blur(grey * grey, (NEAR, NEAR)) - mean * mean, 0.0))
