"""What the decoders of all output layouts share: thresholding, grids, activations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storeloom.workers.vision.boxes import Floats
from storeloom.workers.vision.models import InputSpec, ModelCard

Tensors = Mapping[str, Floats]
Numbers = NDArray[np.integer[Any]]
Found = tuple[Floats, Floats, Numbers]
Decoder = Callable[[Mapping[str, Any], InputSpec, Tensors, float], Found]
Shape = tuple[int | None, ...]
Shapes = Callable[[ModelCard], dict[str, Shape | None]]
MAX_BOXES = 300


@dataclass(frozen=True)
class Layout:
    """How a detector's outputs are read.

    `decode(output, input, tensors, least)` gives boxes [x, y, w, h] in input pixels (n x 4), scores and class numbers (n each) from the
    score `least` on, at most MAX_BOXES; `shapes(card)` the output tensors that a network of this layout must
    have (None: of whatever shape).
    """

    decode: Decoder
    shapes: Shapes


def every(scores: Floats, least: float) -> tuple[Numbers, Numbers, Floats]:
    """Rows, classes and scores of every entry of `scores` (rows x classes) from `least` on, the best MAX_BOXES of them."""
    flat = np.flatnonzero(scores.ravel() >= least)
    rows, classes = np.divmod(flat, scores.shape[1])
    return _most(rows, classes, scores.ravel()[flat])


def best(scores: Floats, least: float) -> tuple[Numbers, Numbers, Floats]:
    """As `every`, but of each row only its best class."""
    classes = scores.argmax(axis=1)
    top = scores[np.arange(len(scores)), classes]
    rows = np.flatnonzero(top >= least)
    return _most(rows, classes[rows], top[rows])


def _most(rows: Numbers, classes: Numbers, scores: Floats) -> tuple[Numbers, Numbers, Floats]:
    if len(rows) <= MAX_BOXES:
        return rows, classes, scores
    kept = np.argpartition(-scores, MAX_BOXES)[:MAX_BOXES]
    return rows[kept], classes[kept], scores[kept]


def from_centres(boxes: Floats) -> Floats:
    """Boxes [centre x, centre y, w, h] as [x, y, w, h]."""
    return np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, 2:]], axis=1)


def from_corners(corners: Floats, order: str) -> Floats:
    """Boxes given by their corners, x or y first, as [x, y, w, h]."""
    ordered = corners if order == "xyxy" else corners[:, [1, 0, 3, 2]]
    return np.concatenate([ordered[:, :2], ordered[:, 2:] - ordered[:, :2]], axis=1)


def in_pixels(boxes: Floats, units: str, spec: InputSpec) -> Floats:
    """Boxes in the input's pixels, where `units` says `share` from shares of it."""
    return boxes if units == "pixels" else boxes * np.array([spec.width, spec.height] * 2, boxes.dtype)


def activated(values: Floats, activation: str) -> Floats:
    """Probabilities (n x classes) from a head's values: `sigmoid`, `softmax` over the last axis, or `none` where they are so already."""
    if activation == "none":
        return values
    if activation == "sigmoid":
        shares: Floats = np.exp(-np.logaddexp(0, -values))
        return shares
    weights: Floats = np.exp(values - values.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return weights


@lru_cache(maxsize=8)
def cells(strides: tuple[int, ...], width: int, height: int) -> tuple[Floats, Floats]:
    """Top left corners (n x 2, input pixels) and strides (n) of all cells, level by level, row by row."""
    corners, sizes = [], []
    for stride in strides:
        ys, xs = np.mgrid[0 : -(-height // stride), 0 : -(-width // stride)]
        corners.append(np.stack([xs.ravel(), ys.ravel()], axis=1) * stride)
        sizes.append(np.full(xs.size, stride))
    return np.concatenate(corners).astype(np.float32), np.concatenate(sizes).astype(np.float32)
