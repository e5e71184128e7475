"""Output layouts: how the tensors of a detector become boxes, scores and classes. A model's card names its layout; no code is needed."""

from __future__ import annotations

from collections.abc import Mapping

from storeloom.workers.vision.layouts import detr, gfl, ssd, yolo
from storeloom.workers.vision.layouts.base import Layout
from storeloom.workers.vision.models import ModelCard
from storeloom.workers.vision.models.faults import fault

LAYOUTS: Mapping[str, Layout] = {
    "gfl": gfl.LAYOUT,
    "yolov5": yolo.YOLOV5,
    "yolov8": yolo.YOLOV8,
    "yolox": yolo.YOLOX,
    "ssd": ssd.SSD,
    "ssd_nms": ssd.SSD_NMS,
    "detr": detr.LAYOUT,
}


def layout_of(card: ModelCard) -> Layout:
    """The layout that a detector's card names; ModelFault where it is not known."""
    name = str(card.output.get("layout"))
    if name not in LAYOUTS:
        raise fault("SL-MOD-14", card.folder / "card.json", {"layout": name, "known": list(LAYOUTS)})
    return LAYOUTS[name]
