"""How well items are recognised when they look different from the pictures that they were enrolled with.

Pictures taken in one go are so alike that leaving some out tells little about tomorrow's. On the Grocery Store data set, with networks that
never saw it, cross-validation in blocks says 99 % where pictures from other shops are recognised to 78 %. So the vectors of each class are
parted in two by look (Ward 1963), the larger part enrolled and the smaller one recognised. That is the other extreme, there 67 %: what a
shop will see lies between the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

from storeloom.workers.vision.items.calibration import prototypes, seen
from storeloom.workers.vision.items.whitening import Background, whitening

LEAST_PICTURES = 4  # a class with fewer stays whole


def other_looks(groups: Sequence[NDArray[Any]], background: Background | None) -> tuple[float, float] | None:
    """Shares right at first and among three of the smaller parts of the classes (n x d each); None where no class can be parted."""
    marks = [smaller_part(group) for group in groups]
    if not any(mark.any() for mark in marks):
        return None
    kept = [group[~mark] for group, mark in zip(groups, marks, strict=True)]
    space = whitening(seen(kept), background)
    held = np.concatenate([group[mark] for group, mark in zip(groups, marks, strict=True)])
    own = np.repeat(np.arange(len(groups)), [int(mark.sum()) for mark in marks])
    order = np.argsort(-(space(held) @ prototypes(space, kept).T), axis=1, kind="stable")[:, :3]
    return float((order[:, 0] == own).mean()), float((order == own[:, None]).any(axis=1).mean())


def smaller_part(group: NDArray[Any]) -> NDArray[np.bool_]:
    """Which of a class's vectors (n x d) belong to the smaller of its two looks."""
    if len(group) < LEAST_PICTURES:
        return np.zeros(len(group), bool)
    part = fcluster(linkage(np.asarray(group, np.float64), "ward"), 2, "maxclust")
    first = np.asarray(part == 1, bool)
    return first if 2 * int(first.sum()) <= len(group) else ~first
