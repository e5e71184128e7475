"""Set-prediction detectors (Carion et al. 2020, arXiv:2005.12872; RT-DETR: Zhao et al. 2023, arXiv:2304.08069): no suppression needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storeloom.workers.vision.layouts.base import Found, Layout, Shape, Tensors, activated, best, from_centres, in_pixels
from storeloom.workers.vision.models import InputSpec, ModelCard


def decode(output: Mapping[str, Any], spec: InputSpec, tensors: Tensors, min_score: float) -> Found:
    """Boxes from `scores` (1 x queries x classes, logits; with softmax one more column, the last, for no object) and `boxes`
    (1 x queries x 4: centre and size in shares of the input)."""
    scores = activated(tensors[output["scores"]][0], output["activation"])
    rows, classes, picked = best(scores[:, :-1] if output["activation"] == "softmax" else scores, min_score)
    return in_pixels(from_centres(tensors[output["boxes"]][0][rows]), "share", spec), picked, classes


def shapes(card: ModelCard) -> dict[str, Shape | None]:
    columns = len(card.classes) + (1 if card.output["activation"] == "softmax" else 0)
    return {card.output["boxes"]: (1, None, 4), card.output["scores"]: (1, None, columns)}


LAYOUT = Layout(decode, shapes)
