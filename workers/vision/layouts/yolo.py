"""The row layouts of the YOLO family, as its usual exports write them: one tensor, `rows`, without non-maximum suppression.

yolov5 (also v6 and v7): 1 x N x (5 + classes), centre, size in input pixels, objectness, class probabilities. yolov8 (also v9 and 11):
1 x (4 + classes) x N, the same without objectness. yolox: rows as yolov5, but centre and size still relative to the cells of a grid
without anchors (Ge et al. 2021, arXiv:2107.08430): (offset + cell) x stride, exp(size) x stride.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from storeloom.workers.vision.boxes import Floats
from storeloom.workers.vision.layouts.base import Found, Layout, Numbers, Shape, Tensors, best, cells, from_centres
from storeloom.workers.vision.models import InputSpec, ModelCard


def decode_v5(output: Mapping[str, Any], spec: InputSpec, tensors: Tensors, min_score: float) -> Found:
    """Boxes whose objectness times best class probability reaches `min_score`."""
    table = tensors[output["rows"]][0]
    rows, classes, scores = best_of_likely(table, min_score)
    return from_centres(table[rows, :4]), scores, classes


def decode_v8(output: Mapping[str, Any], spec: InputSpec, tensors: Tensors, min_score: float) -> Found:
    """Boxes whose best class probability reaches `min_score`."""
    table = tensors[output["rows"]][0].T
    rows, classes, scores = best(table[:, 4:], min_score)
    return from_centres(table[rows, :4]), scores, classes


def decode_x(output: Mapping[str, Any], spec: InputSpec, tensors: Tensors, min_score: float) -> Found:
    """As decode_v5, after the rows are laid on the grid of `strides`."""
    table = tensors[output["rows"]][0]
    rows, classes, scores = best_of_likely(table, min_score)
    corners, strides = cells(tuple(output["strides"]), spec.width, spec.height)
    sizes = strides[rows][:, None]
    centred = np.concatenate([table[rows, :2] * sizes + corners[rows], np.exp(table[rows, 2:4]) * sizes], axis=1)
    return from_centres(centred), scores, classes


def best_of_likely(table: Floats, min_score: float) -> tuple[Numbers, Numbers, Floats]:
    """Rows, best classes and scores; the class product is worked out only for rows whose objectness alone could reach the threshold."""
    likely = np.flatnonzero(table[:, 4] >= min_score)
    rows, classes, scores = best(table[likely, 5:] * table[likely, 4:5], min_score)
    return likely[rows], classes, scores


def shapes_v5(card: ModelCard) -> dict[str, Shape | None]:
    return {card.output["rows"]: (1, None, 5 + len(card.classes))}


def shapes_v8(card: ModelCard) -> dict[str, Shape | None]:
    return {card.output["rows"]: (1, 4 + len(card.classes), None)}


def shapes_x(card: ModelCard) -> dict[str, Shape | None]:
    count = len(cells(tuple(card.output["strides"]), card.input.width, card.input.height)[0])
    return {card.output["rows"]: (1, count, 5 + len(card.classes))}


YOLOV5 = Layout(decode_v5, shapes_v5)
YOLOV8 = Layout(decode_v8, shapes_v8)
YOLOX = Layout(decode_x, shapes_x)
