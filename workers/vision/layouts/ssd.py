"""Detectors with boxes and scores in tensors of their own, the boxes decoded in the graph.

ssd: every prior's box with its class scores (Liu et al. 2016, arXiv:1512.02325), non-maximum suppression still to do. ssd_nms: the boxes
that the graph's own suppression left, with class numbers; as TensorFlow's detection models and torchvision's export them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from storeloom.workers.vision.layouts.base import MAX_BOXES, Found, Layout, Shape, Tensors, activated, every, from_corners, in_pixels
from storeloom.workers.vision.models import InputSpec, ModelCard


def decode(output: Mapping[str, Any], spec: InputSpec, tensors: Tensors, min_score: float) -> Found:
    """Boxes from `boxes` (1 x N x 4) and `scores` (1 x N x classes, with a first column for the background where `background`)."""
    scores = activated(tensors[output["scores"]][0], output["activation"])
    rows, classes, picked = every(scores[:, 1:] if output["background"] else scores, min_score)
    boxes = from_corners(tensors[output["boxes"]][0][rows], output["corners"])
    return in_pixels(boxes, output["units"], spec), picked, classes


def decode_nms(output: Mapping[str, Any], spec: InputSpec, tensors: Tensors, min_score: float) -> Found:
    """Boxes from `boxes` (N x 4), `scores` and `labels` (N each), all with or without a leading 1; the first class is `first_label`."""
    scores = tensors[output["scores"]].reshape(-1)
    kept = np.flatnonzero(scores >= min_score)
    kept = kept[np.argsort(-scores[kept], kind="stable")][:MAX_BOXES]
    classes = tensors[output["labels"]].reshape(-1)[kept].astype(np.int64) - output["first_label"]
    boxes = from_corners(tensors[output["boxes"]].reshape(-1, 4)[kept].astype(np.float32), output["corners"])
    return in_pixels(boxes, output["units"], spec), scores[kept], classes


def shapes(card: ModelCard) -> dict[str, Shape | None]:
    columns = len(card.classes) + (1 if card.output["background"] else 0)
    return {card.output["boxes"]: (1, None, 4), card.output["scores"]: (1, None, columns)}


def shapes_nms(card: ModelCard) -> dict[str, Shape | None]:
    """Such exports leave the number of boxes and even the rank open."""
    return {card.output[key]: None for key in ("boxes", "scores", "labels")}


SSD = Layout(decode, shapes)
SSD_NMS = Layout(decode_nms, shapes_nms)
