"""Networks on a CPU: a picture is fitted into the input, run once, and the outputs are read by the layout of the model's card.

A `Detector`, `Classifier` or `Embedder` may be shared by threads: the session is, the buffers are per thread. Each run uses `threads`
cores; the fastest use of n cores is n streams of one thread each.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from storeloom.workers.vision.boxes import Box, Floats, suppress
from storeloom.workers.vision.errors import FrameError
from storeloom.workers.vision.layouts import layout_of, vectors
from storeloom.workers.vision.layouts.base import Numbers, Shape
from storeloom.workers.vision.models import Model, load
from storeloom.workers.vision.models.faults import fault
from storeloom.workers.vision.models.fit import Fitter, Placement
from storeloom.workers.vision.models.session import check_finite, check_network, shared_session
from storeloom.workers.vision.things import Detection

Image = NDArray[np.uint8]


class Network:
    """A model in a session that all users of the model share.

    Raises ModelFault for a network which onnxruntime refuses, or whose tensors are not those (`shapes`) of its card.
    """

    def __init__(self, model: Model, shapes: dict[str, Shape | None], threads: int) -> None:
        self.card = model.card
        self._fitter = Fitter(self.card.input)
        self.session = shared_session(model, threads)
        check_network(self.session, self.card, shapes)
        self._input = self.session.get_inputs()[0].name
        self._outputs = [tensor.name for tensor in self.session.get_outputs()]

    @property
    def classes(self) -> tuple[str, ...]:
        """All that it can report."""
        return self.card.classes

    def run(self, frame: Image) -> tuple[dict[str, Floats], Placement]:
        """The outputs for a BGR uint8 picture (height x width x 3), and where the picture lies in the input.

        FrameError where the array is no such picture, ModelFault where an output holds NaN or infinity.
        """
        check_picture(frame)
        blob, placed = self._fitter.fit(frame)
        tensors = dict(zip(self._outputs, self.session.run(self._outputs, {self._input: blob}), strict=True))
        check_finite(tensors, self.card)
        return tensors, placed


class Detector(Network):
    """A detection model. `model` defaults to the COCO detector that ships with the engine."""

    def __init__(self, model: Model | None = None, *, threads: int = 1) -> None:
        chosen = model if model is not None else load()
        layout = layout_of(chosen.card)
        self._decode = layout.decode
        super().__init__(chosen, layout.shapes(chosen.card), threads)

    @property
    def score(self) -> float:
        """The score from which the model's card trusts a box."""
        return float(self.card.output["score"])

    def detect(self, frame: Image, *, min_score: float | None = None) -> list[Detection]:
        """Objects in a BGR uint8 picture (height x width x 3), best first, with boxes clipped to the picture.

        `min_score` defaults to the card's. Raises as `run`, and ModelFault for a class that the card does not list.
        """
        tensors, placed = self.run(frame)
        wanted = self.score if min_score is None else min_score
        boxes, scores, classes = self._decode(self.card.output, self.card.input, tensors, wanted)
        beyond = [int(number) for number in classes if not 0 <= number < len(self.classes)]
        if beyond:
            raise fault("SL-MOD-12", self.card.path, {"index": str(beyond[0]), "count": str(len(self.classes))})
        shares = placed.to_picture(boxes)
        found = []
        for index in self._kept(boxes, scores, classes):
            box = clip(shares[index])
            if box[2] > 0 and box[3] > 0:
                found.append(Detection(self.classes[classes[index]], float(scores[index]), box))
        return found

    def _kept(self, boxes: Floats, scores: Floats, classes: Numbers) -> list[int]:
        """Indices, best score first, of the boxes that stay; a layout whose network has no duplicates states no overlap."""
        most = self.card.output.get("nms_iou")
        if most is None:
            return [int(index) for index in np.argsort(-scores, kind="stable")]
        return suppress(boxes, scores, classes, float(most))


class Classifier(Network):
    """A model that says which of its card's classes a whole picture shows."""

    def __init__(self, model: Model, *, threads: int = 1) -> None:
        super().__init__(model, vectors.shapes(model.card), threads)

    def classify(self, picture: Image, *, most: int = 5) -> list[tuple[str, float]]:
        """The `most` likeliest classes of a BGR uint8 picture with their probabilities, best first; raises as `run`."""
        shares = vectors.probabilities(self.card, self.run(picture)[0])
        return [(self.classes[index], float(shares[index])) for index in np.argsort(-shares, kind="stable")[:most]]


class Embedder(Network):
    """A model that turns a picture into a vector whose cosine with another's says how alike the pictures are."""

    def __init__(self, model: Model, *, threads: int = 1) -> None:
        super().__init__(model, vectors.shapes(model.card), threads)

    def embed(self, picture: Image) -> Floats:
        """The vector of a BGR uint8 picture, of length 1; raises as `run`."""
        return vectors.embedding(self.card, self.run(picture)[0])


def clip(box: Floats) -> Box:
    """The part of a box that lies in the picture."""
    x0, y0 = min(max(float(box[0]), 0.0), 1.0), min(max(float(box[1]), 0.0), 1.0)
    x1, y1 = min(max(float(box[0] + box[2]), 0.0), 1.0), min(max(float(box[1] + box[3]), 0.0), 1.0)
    return x0, y0, x1 - x0, y1 - y0


def check_picture(frame: object) -> None:
    """FrameError unless `frame` is a picture of uint8, height x width x 3, neither side 0."""
    if not isinstance(frame, np.ndarray):
        kind = type(frame).__name__
        raise FrameError(f"Pixels are {kind}, not an array.", "pixels", "Give a BGR uint8 array.", zh=f"画面像素为 {kind}，不是数组。")
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
        what = f"Pixels are {frame.dtype} of shape {frame.shape}."
        zh = f"画面像素为 {frame.dtype}，形状 {frame.shape}。"
        raise FrameError(what, "pixels", "Give uint8 of shape (height, width, 3), channels blue, green, red.", zh=zh)
