"""Boxes [x, y, w, h] (left, top, width, height) in shares 0..1 of the picture, y down, and what is computed from their overlap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Box = tuple[float, float, float, float]
Point = tuple[float, float]
Floats = NDArray[np.floating[Any]]


def foot(box: Sequence[float]) -> Point:
    """Bottom centre: where a standing person or a trolley meets the floor."""
    return box[0] + box[2] / 2, box[1] + box[3]


def centre(box: Sequence[float]) -> Point:
    return box[0] + box[2] / 2, box[1] + box[3] / 2


def area(box: Sequence[float]) -> float:
    return max(box[2], 0.0) * max(box[3], 0.0)


def intersection(a: Sequence[float], b: Sequence[float]) -> float:
    """Area shared by two boxes."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(width, 0.0) * max(height, 0.0)


def iou(a: Sequence[float], b: Sequence[float]) -> float:
    """Intersection over union, 0 for boxes without area."""
    shared = intersection(a, b)
    union = area(a) + area(b) - shared
    return shared / union if union > 0 else 0.0


def share_inside(inner: Sequence[float], outer: Sequence[float]) -> float:
    """Share of `inner`'s area that lies in `outer`: how much one thing hides, or whether a hat is on this person's box."""
    whole = area(inner)
    return intersection(inner, outer) / whole if whole > 0 else 0.0


def iou_matrix(a: ArrayLike, b: ArrayLike) -> Floats:
    """Intersection over union of every box of `a` (n x 4) with every box of `b` (m x 4): n x m."""
    left = np.asarray(a, np.float64).reshape(-1, 4)
    right = np.asarray(b, np.float64).reshape(-1, 4)
    low, high = left[:, :2], left[:, :2] + left[:, 2:]
    other_low, other_high = right[:, :2], right[:, :2] + right[:, 2:]
    width = np.minimum(high[:, 0, None], other_high[:, 0]) - np.maximum(low[:, 0, None], other_low[:, 0])
    height = np.minimum(high[:, 1, None], other_high[:, 1]) - np.maximum(low[:, 1, None], other_low[:, 1])
    shared = np.maximum(width, 0.0) * np.maximum(height, 0.0)
    union = (left[:, 2] * left[:, 3])[:, None] + right[:, 2] * right[:, 3] - shared
    overlaps: Floats = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return overlaps


def suppress(boxes: Floats, scores: Floats, classes: NDArray[np.integer[Any]], max_iou: float) -> list[int]:
    """Greedy non-maximum suppression within each class: indices that stay, best score first.

    `boxes` is n x 4, `scores` and `classes` have n elements. A box goes where it overlaps a better one by more than `max_iou`.
    """
    order = np.argsort(-scores, kind="stable")
    ranked = boxes[order]
    clashes = (iou_matrix(ranked, ranked) > max_iou) & (classes[order][:, None] == classes[order])
    clashes = np.triu(clashes, 1)
    alive = np.ones(len(order), bool)
    for k in np.flatnonzero(clashes.any(axis=1)):
        if alive[k]:
            alive[clashes[k]] = False
    return [int(i) for i in order[alive]]


def fuse(boxes: Sequence[Sequence[float]], scores: Sequence[float]) -> tuple[Box, float]:
    """One box for the same object found by several algorithms.

    The confidence is 1 - product(1 - c), the corners are averaged weighted by confidence.
    """
    weights = np.asarray(scores, np.float64)
    stack = np.asarray(boxes, np.float64).reshape(-1, 4)
    corners = np.concatenate([stack[:, :2], stack[:, :2] + stack[:, 2:]], axis=1)
    x0, y0, x1, y1 = (float(v) for v in np.average(corners, axis=0, weights=weights))
    return (x0, y0, x1 - x0, y1 - y0), float(1.0 - np.prod(1.0 - weights))
