"""Which output layout a network has, told from the names, shapes and values of its outputs on one noisy picture.

A guess is no more than that: it is said to who imports the model, and the layout can be named instead.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from storeloom.workers.vision.boxes import Floats
from storeloom.workers.vision.layouts.base import Tensors, cells

STRIDES = ((8, 16, 32), (8, 16, 32, 64))
MOST_QUERIES = 1000
LABEL_WORDS, SCORE_WORDS = ("class", "label"), ("score", "conf", "prob")
LOGIT_WORDS = ("logit", "pred_")


@dataclass(frozen=True)
class Guess:
    """A card's `task` and `output`, and how many classes the network tells apart (None where its outputs do not say)."""

    task: str
    output: Mapping[str, Any]
    classes: int | None


@dataclass(frozen=True)
class Outputs:
    """What is known of a network: its outputs, its input's size, and the lengths that its list of classes may have (empty: not known)."""

    tensors: Tensors
    width: int
    height: int
    counts: Collection[int] = ()

    def cells_of(self, rows: int) -> tuple[int, ...] | None:
        """The strides whose grids have so many cells together."""
        return next((strides for strides in STRIDES if len(cells(strides, self.width, self.height)[0]) == rows), None)


def guess(outputs: Outputs, layout: str = "auto") -> Guess | None:
    """The first layout, or the one named, that the outputs may have; None where they have none."""
    for name, found in ((name, look(outputs)) for name, look in LOOKS.items() if layout in ("auto", name)):
        if found is not None and (layout != "auto" or name != "yolov5" or _plausible_rows(found, outputs)):
            return found
    return None


def _plausible_rows(found: Guess, outputs: Outputs) -> bool:
    """Whether rows of boxes are many enough to be a detector's whole grid: at least one a cell of stride 32."""
    rows: int = outputs.tensors[found.output["rows"]].shape[1]
    return rows >= len(cells((32,), outputs.width, outputs.height)[0])


def _single(outputs: Outputs) -> tuple[str, Floats] | None:
    """The one output, where it is a table with a leading 1."""
    if len(outputs.tensors) != 1:
        return None
    name, tensor = next(iter(outputs.tensors.items()))
    return (name, tensor[0]) if tensor.ndim == 3 and tensor.shape[0] == 1 else None


def _boxes_and_scores(outputs: Outputs, *, box_columns: Callable[[int], bool]) -> tuple[str, str] | None:
    """Names of two tables of equally many rows, boxes first.

    Where both could be boxes, the boxes are those named so, else the scores are those that have `counts` columns or lie in 0..1.
    """
    tables = {name: tensor[0] for name, tensor in outputs.tensors.items() if tensor.ndim == 3 and tensor.shape[0] == 1}
    if len(tables) != 2 or len({len(table) for table in tables.values()}) != 1:
        return None
    first, second = tables
    pairs = [(one, other) for one, other in ((first, second), (second, first)) if box_columns(tables[one].shape[1])]
    if len(pairs) == 2:
        pairs.sort(
            key=lambda pair: ("box" not in pair[0].lower(), tables[pair[1]].shape[1] not in outputs.counts, not _shares(tables[pair[1]]))
        )
    return pairs[0] if pairs else None


def _shares(values: Floats) -> bool:
    return bool((values >= 0).all() and (values <= 1).all())


def _gfl(outputs: Outputs) -> Guess | None:
    names = _boxes_and_scores(outputs, box_columns=lambda n: n >= 8 and n % 4 == 0)
    if names is None:
        return None
    sides, scores = (outputs.tensors[name][0] for name in names)
    strides = outputs.cells_of(len(sides))
    if strides is None or not _shares(scores):
        return None
    output = {"layout": "gfl", "scores": names[1], "sides": names[0], "strides": list(strides), "bins": sides.shape[1] // 4}
    return Guess("detect", output | {"score": 0.35, "nms_iou": 0.6}, scores.shape[1])


def _yolox(outputs: Outputs) -> Guess | None:
    single = _single(outputs)
    if single is None or single[1].shape[1] < 6:
        return None
    name, table = single
    strides = outputs.cells_of(len(table))
    if strides is None or np.median(table[:, :2]) > min(outputs.width, outputs.height) / 8:
        return None
    output = {"layout": "yolox", "rows": name, "strides": list(strides), "score": 0.35, "nms_iou": 0.45}
    return Guess("detect", output, table.shape[1] - 5)


def _yolov5(outputs: Outputs) -> Guess | None:
    single = _single(outputs)
    if single is None or single[1].shape[1] < 6 or single[1].shape[0] <= single[1].shape[1]:
        return None
    return Guess("detect", {"layout": "yolov5", "rows": single[0], "score": 0.35, "nms_iou": 0.45}, single[1].shape[1] - 5)


def _yolov8(outputs: Outputs) -> Guess | None:
    single = _single(outputs)
    if single is None or single[1].shape[0] < 5 or single[1].shape[1] <= single[1].shape[0]:
        return None
    return Guess("detect", {"layout": "yolov8", "rows": single[0], "score": 0.35, "nms_iou": 0.45}, single[1].shape[0] - 4)


def _detr(outputs: Outputs) -> Guess | None:
    names = _boxes_and_scores(outputs, box_columns=lambda n: n == 4)
    if names is None:
        return None
    boxes, logits = (outputs.tensors[name][0] for name in names)
    named = any(word in names[1].lower() for word in LOGIT_WORDS)
    if len(boxes) > MOST_QUERIES or not _shares(boxes) or (_shares(logits) and not named):
        return None
    columns = logits.shape[1]
    background = columns - 1 in outputs.counts and columns not in outputs.counts
    activation = "softmax" if background else "sigmoid"
    output = {"layout": "detr", "boxes": names[0], "scores": names[1], "activation": activation, "score": 0.5}
    return Guess("detect", output, columns - 1 if background else columns)


def _ssd(outputs: Outputs) -> Guess | None:
    names = _boxes_and_scores(outputs, box_columns=lambda n: n == 4)
    if names is None:
        return None
    boxes, scores = (outputs.tensors[name][0] for name in names)
    columns, shares = scores.shape[1], _shares(scores)
    sums_to_one = shares and bool(np.allclose(scores.sum(axis=1), 1, atol=1e-3))
    background = columns not in outputs.counts and (columns - 1 in outputs.counts or sums_to_one)
    output = {
        "layout": "ssd",
        "boxes": names[0],
        "scores": names[1],
        "corners": "xyxy",
        "units": _units(boxes),
        "background": background,
        "activation": "none" if shares else ("softmax" if background else "sigmoid"),
        "score": 0.5,
        "nms_iou": 0.45,
    }
    return Guess("detect", output, columns - 1 if background else columns)


def _units(boxes: Floats) -> str:
    """Pixels where a coordinate lies far outside the picture as a share of it."""
    return "pixels" if boxes.size and np.abs(boxes).max() > 4 else "share"


def _ssd_nms(outputs: Outputs) -> Guess | None:
    boxes = [name for name, t in outputs.tensors.items() if t.ndim in (2, 3) and t.shape[-1] == 4 and "raw" not in name.lower()]
    if len(boxes) != 1:
        return None
    found = outputs.tensors[boxes[0]]
    rows = found.reshape(-1, 4).shape[0]
    lists = {name: t for name, t in outputs.tensors.items() if t.size == rows and t.shape == found.shape[:-1] and name != boxes[0]}
    labels = next((n for n, t in lists.items() if t.dtype.kind == "i" or any(word in n.lower() for word in LABEL_WORDS)), None)
    scores = next((n for n in lists if n != labels and any(word in n.lower() for word in SCORE_WORDS)), None)
    scores = scores or next((n for n, t in lists.items() if n != labels and t.dtype.kind == "f"), None)
    if labels is None or scores is None:
        return None
    whole = outputs.tensors[labels].dtype.kind == "i"
    output = {
        "layout": "ssd_nms",
        "boxes": boxes[0],
        "scores": scores,
        "labels": labels,
        "corners": "xyxy" if whole else "yxyx",
        "units": "pixels" if whole and not rows else _units(found),
        "first_label": 1,
        "score": 0.5,
    }
    return Guess("detect", output, None)


def _vector(outputs: Outputs) -> tuple[str, Floats] | None:
    if len(outputs.tensors) != 1:
        return None
    name, tensor = next(iter(outputs.tensors.items()))
    return (name, tensor.reshape(-1)) if tensor.ndim == 2 and tensor.shape[0] == 1 and tensor.size > 1 else None


def _classify(outputs: Outputs) -> Guess | None:
    vector = _vector(outputs)
    if vector is None or not outputs.counts:
        return None
    name, values = vector
    activation = "none" if _shares(values) and abs(float(values.sum()) - 1) < 1e-3 else "softmax"
    return Guess("classify", {"layout": "classify", "scores": name, "activation": activation}, len(values))


def _embed(outputs: Outputs) -> Guess | None:
    vector = _vector(outputs)
    return None if vector is None else Guess("embed", {"layout": "embed", "embedding": vector[0], "size": len(vector[1])}, 0)


LOOKS: Mapping[str, Callable[[Outputs], Guess | None]] = {
    "gfl": _gfl,
    "yolox": _yolox,
    "yolov5": _yolov5,
    "yolov8": _yolov8,
    "detr": _detr,
    "ssd_nms": _ssd_nms,
    "ssd": _ssd,
    "classify": _classify,
    "embed": _embed,
}
