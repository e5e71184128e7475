"""Small pictures that rules keep in their JSON state, and regions of a picture."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from storeloom.workers.vision.boxes import Box, Floats

Pixels = NDArray[Any]
Mask = NDArray[np.bool_]
TRIMS = 2
FITTING = 0.7


def pack(array: Pixels) -> dict[str, Any]:
    """An array as JSON, without loss."""
    raw = base64.b64encode(np.ascontiguousarray(array).tobytes())
    return {"shape": list(array.shape), "type": array.dtype.str, "data": raw.decode("ascii")}


def unpack(kept: dict[str, Any]) -> Pixels:
    """The array that `pack` kept."""
    return np.frombuffer(base64.b64decode(kept["data"]), kept["type"]).reshape(kept["shape"]).copy()


def farthest(one: Pixels, other: Pixels) -> Pixels:
    """The greatest difference over the three channels of each pixel (height x width)."""
    apart = cv2.absdiff(one, other)
    return np.maximum(np.maximum(apart[..., 0], apart[..., 1]), apart[..., 2])


def shrink(picture: NDArray[np.uint8], box: Box, longest: int) -> NDArray[np.uint8]:
    """The part of a BGR picture in a box (shares), averaged down so that its longer side is at most `longest` pixels."""
    height, width = picture.shape[:2]
    x0, x1 = round(box[0] * width), max(round((box[0] + box[2]) * width), round(box[0] * width) + 1)
    y0, y1 = round(box[1] * height), max(round((box[1] + box[3]) * height), round(box[1] * height) + 1)
    part = picture[y0:y1, x0:x1]
    scale = min(1.0, longest / max(part.shape[:2]))
    size = max(round(part.shape[1] * scale), 1), max(round(part.shape[0] * scale), 1)
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)


def polygon_mask(polygon: Sequence[Sequence[float]], box: Box, shape: Sequence[int]) -> Mask:
    """Which pixels of the shrunken box lie in the polygon; `shape` is their height and width."""
    points = [[(x - box[0]) / box[2] * shape[1], (y - box[1]) / box[3] * shape[0]] for x, y in polygon]
    canvas = np.zeros(tuple(shape[:2]), np.uint8)
    cv2.fillPoly(canvas, [np.round(np.array(points)).astype(np.int32)], 1)
    return canvas.astype(bool)


def cover_mask(covers: Iterable[Box], box: Box, shape: Sequence[int], margin: float = 0.1) -> Mask:
    """Which pixels of the shrunken box lie behind these boxes (shares), each grown by `margin` of its size on every side."""
    hidden = np.zeros(tuple(shape[:2]), bool)
    for x, y, wide, high in covers:
        left, right = (x - margin * wide - box[0]) / box[2], (x + (1 + margin) * wide - box[0]) / box[2]
        top, bottom = (y - margin * high - box[1]) / box[3], (y + (1 + margin) * high - box[1]) / box[3]
        rows = slice(max(int(top * shape[0]), 0), max(int(np.ceil(bottom * shape[0])), 0))
        columns = slice(max(int(left * shape[1]), 0), max(int(np.ceil(right * shape[1])), 0))
        hidden[rows, columns] = True
    return hidden


def regions(mask: Mask, box: Box, least: int) -> list[tuple[Box, int]]:
    """Connected regions of at least `least` pixels, biggest first: their boxes in shares of the picture and their pixels."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    high, wide = mask.shape
    found = []
    for left, top, width, height, pixels in stats[1:count].tolist():
        if pixels >= least:
            place = (box[0] + left / wide * box[2], box[1] + top / high * box[3], width / wide * box[2], height / high * box[3])
            found.append((place, pixels))
    return sorted(found, key=lambda one: (-one[1], one[0]))


def relit(old: Floats, new: Floats, seen: Mask) -> Floats:
    """`new` in the light of `old` (height x width x 3, float): gain and offset of each channel over the seen pixels.

    Least squares, the 30 % of the pixels that fit worst left out twice, so that what has changed there does not count as light.
    """
    if not seen.any():
        return new
    x, y = new[seen], old[seen]
    keep = np.ones(len(x), bool)
    gain, offset = np.ones(3), np.zeros(3)
    for _ in range(TRIMS + 1):
        spread = x[keep].std(axis=0)
        covered = ((x[keep] - x[keep].mean(axis=0)) * (y[keep] - y[keep].mean(axis=0))).mean(axis=0)
        gain = np.where(spread > 2.0, covered / np.maximum(spread, 1e-6) ** 2, 1.0).clip(0.25, 4.0)
        offset = np.median(y[keep] - gain * x[keep], axis=0)
        off = farthest((gain * x + offset)[None].astype(np.float32), y[None])[0]
        keep = off <= max(float(np.quantile(off, FITTING)), 1.0)
    equal: Floats = (new * gain + offset).astype(np.float32)
    return equal
