"""Heads of the Generalized Focal Loss kind (Li et al. 2020, arXiv:2006.04388), such as NanoDet's.

Each cell gives class probabilities and, for each of its four sides, a distribution over `bins` distances in strides whose expectation is
the distance from the cell's centre.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from storeloom.workers.vision.layouts.base import Found, Layout, Shape, Tensors, cells, every
from storeloom.workers.vision.models import InputSpec, ModelCard


def decode(output: Mapping[str, Any], spec: InputSpec, tensors: Tensors, min_score: float) -> Found:
    """Boxes from `scores` (1 x cells x classes, probabilities) and `sides` (1 x cells x 4 bins, logits: left, top, right, bottom)."""
    rows, classes, picked = every(tensors[output["scores"]][0], min_score)
    corners, strides = cells(tuple(output["strides"]), spec.width, spec.height)
    centres = corners[rows] + strides[rows][:, None] / 2
    logits = tensors[output["sides"]][0][rows].reshape(-1, 4, output["bins"])
    weights = np.exp(logits - logits.max(axis=2, keepdims=True))
    reach = (weights @ np.arange(output["bins"], dtype=np.float32)) / weights.sum(axis=2)
    reach *= strides[rows][:, None]
    return np.concatenate([centres - reach[:, :2], reach[:, :2] + reach[:, 2:]], axis=1), picked, classes


def shapes(card: ModelCard) -> dict[str, Shape | None]:
    output = card.output
    count = len(cells(tuple(output["strides"]), card.input.width, card.input.height)[0])
    return {output["scores"]: (1, count, len(card.classes)), output["sides"]: (1, count, 4 * output["bins"])}


LAYOUT = Layout(decode, shapes)
