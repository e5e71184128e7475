"""Object detection on a CPU: letterbox, one run of the network, decoding of its output layout, non-maximum suppression.

A `Detector` may be shared by threads: the session is, the buffers are per thread. Each run uses `threads` cores; the fastest
use of n cores is n streams of one thread each.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from storeloom.workers.vision.boxes import Box, Floats, suppress
from storeloom.workers.vision.errors import FrameError, ModelError
from storeloom.workers.vision.models import InputSpec, Model, ModelCard, load
from storeloom.workers.vision.things import Detection

Image = NDArray[np.uint8]
Decoder = Callable[[Mapping[str, Any], InputSpec, Mapping[str, Floats], float], tuple[Floats, Floats, NDArray[Any]]]
MAX_BOXES = 300


@dataclass(frozen=True)
class Buffer:
    """A reusable network input, black outside the picture, and its picture area by channel."""

    blob: NDArray[np.float32]
    views: tuple[NDArray[np.float32], ...]


class Buffers(threading.local):
    """One thread's buffers by the height and width of the fitted picture."""

    def __init__(self) -> None:
        self.by_size: dict[tuple[int, int], Buffer] = {}


class Letterbox:
    """Fits BGR uint8 pictures into the top left of a network's input, normalised, the rest black.

    The 256 possible values of each channel are normalised once, so a frame costs a resize and a table look-up.
    """

    def __init__(self, spec: InputSpec) -> None:
        if (spec.layout, spec.fit) != ("NCHW", "letterbox_top_left") or spec.channels not in ("BGR", "RGB"):
            what = f"Input {spec.layout}, {spec.channels}, {spec.fit} is not known."
            raise ModelError(what, "input", "Known: NCHW, BGR or RGB, letterbox_top_left.")
        self._spec = spec
        self._planes = (0, 1, 2) if spec.channels == "BGR" else (2, 1, 0)
        values = np.arange(256, dtype=np.float32)
        self._tables = [
            ((values - np.float32(mean)) / np.float32(std)).reshape(256, 1) for mean, std in zip(spec.mean, spec.std, strict=True)
        ]
        self._local = Buffers()

    def fit(self, frame: Image) -> tuple[NDArray[np.float32], float]:
        """The network's input 1x3xHxW (valid until this thread's next call) and the scale from frame to input pixels."""
        height, width = frame.shape[:2]
        scale = min(self._spec.width / width, self._spec.height / height)
        wide, high = max(round(width * scale), 1), max(round(height * scale), 1)
        small = frame if (wide, high) == (width, height) else cv2.resize(frame, (wide, high), interpolation=cv2.INTER_LINEAR)
        buffer = self._buffer(high, wide)
        planes = cv2.split(small)
        for view, plane, table in zip(buffer.views, self._planes, self._tables, strict=True):
            cv2.LUT(planes[plane], table, dst=view)
        return buffer.blob, scale

    def _buffer(self, high: int, wide: int) -> Buffer:
        known = self._local.by_size.get((high, wide))
        if known is None:
            blob = np.empty((1, 3, self._spec.height, self._spec.width), np.float32)
            for channel, table in enumerate(self._tables):
                blob[0, channel] = table[0, 0]
            known = Buffer(blob, tuple(blob[0, channel, :high, :wide] for channel in range(3)))
            self._local.by_size[(high, wide)] = known
        return known


def decode_gfl(
    output: Mapping[str, Any], spec: InputSpec, tensors: Mapping[str, Floats], min_score: float
) -> tuple[Floats, Floats, NDArray[Any]]:
    """Boxes [x, y, w, h] in input pixels, scores and class numbers from a head of the Generalized Focal Loss kind.

    Each cell gives class probabilities and, for each of its four sides, a distribution over `bins` distances in strides whose
    expectation is the distance from the cell's centre (Li et al. 2020, arXiv:2006.04388).
    """
    scores = tensors[output["scores"]][0]
    flat = np.flatnonzero(scores.ravel() >= min_score)
    rows, classes = np.divmod(flat, scores.shape[1])
    picked = scores.ravel()[flat]
    if len(rows) > MAX_BOXES:
        best = np.argpartition(-picked, MAX_BOXES)[:MAX_BOXES]
        rows, classes, picked = rows[best], classes[best], picked[best]
    centres, strides = gfl_cells(tuple(output["strides"]), spec.width, spec.height)
    logits = tensors[output["sides"]][0][rows].reshape(-1, 4, output["bins"])
    weights = np.exp(logits - logits.max(axis=2, keepdims=True))
    reach = (weights @ np.arange(output["bins"], dtype=np.float32)) / weights.sum(axis=2)
    reach *= strides[rows][:, None]
    low = centres[rows] - reach[:, :2]
    return np.concatenate([low, reach[:, :2] + reach[:, 2:]], axis=1), picked, classes


@lru_cache(maxsize=8)
def gfl_cells(strides: tuple[int, ...], width: int, height: int) -> tuple[Floats, Floats]:
    """Centres (n x 2, input pixels) and strides (n) of all cells, level by level, row by row."""
    centres, sizes = [], []
    for stride in strides:
        ys, xs = np.mgrid[0 : -(-height // stride), 0 : -(-width // stride)]
        centres.append((np.stack([xs.ravel(), ys.ravel()], axis=1) + 0.5) * stride)
        sizes.append(np.full(xs.size, stride))
    return np.concatenate(centres).astype(np.float32), np.concatenate(sizes).astype(np.float32)


def gfl_shapes(card: ModelCard) -> dict[str, tuple[int, ...]]:
    """The output tensors that a network of the Generalized Focal Loss kind must have by its card."""
    output = card.output
    cells = len(gfl_cells(tuple(output["strides"]), card.input.width, card.input.height)[0])
    return {output["scores"]: (1, cells, len(card.classes)), output["sides"]: (1, cells, 4 * output["bins"])}


DECODERS: Mapping[str, Decoder] = {"gfl": decode_gfl}
SHAPES: Mapping[str, Callable[[ModelCard], dict[str, tuple[int, ...]]]] = {"gfl": gfl_shapes}


class Detector:
    """A detection model in an onnxruntime CPU session. `model` defaults to the COCO detector that ships with the engine.

    Raises ModelError for a model whose output layout is not known, which onnxruntime refuses, or whose tensors are not those of its card.
    """

    def __init__(self, model: Model | None = None, *, threads: int = 1) -> None:
        chosen = model if model is not None else load()
        self.card = chosen.card
        layout = str(self.card.output.get("layout"))
        if layout not in DECODERS:
            what = f"Output layout {layout!r} is not known."
            raise ModelError(what, str(self.card.folder / "card.json"), f"Known: {', '.join(sorted(DECODERS))}.")
        self._decode = DECODERS[layout]
        self._letterbox = Letterbox(self.card.input)
        self.session = open_session(chosen, threads)
        check_network(self.session, self.card, SHAPES[layout])
        self._input = self.session.get_inputs()[0].name
        self._outputs = [tensor.name for tensor in self.session.get_outputs()]

    @property
    def score(self) -> float:
        """The score from which the model's card trusts a box."""
        return float(self.card.output["score"])

    @property
    def classes(self) -> tuple[str, ...]:
        """All that it can report."""
        return self.card.classes

    def detect(self, frame: Image, *, min_score: float | None = None) -> list[Detection]:
        """Objects in a BGR uint8 picture (height x width x 3), best first, with boxes clipped to the picture.

        `min_score` defaults to the card's; FrameError where the array is no such picture, ModelError where the network's output holds
        NaN or infinity (which would otherwise read as an empty picture).
        """
        check_picture(frame)
        blob, scale = self._letterbox.fit(frame)
        tensors = dict(zip(self._outputs, self.session.run(self._outputs, {self._input: blob}), strict=True))
        broken = [name for name, tensor in tensors.items() if not np.isfinite(tensor).all()]
        if broken:
            what = f"The network's output {', '.join(broken)} holds NaN or infinity."
            raise ModelError(what, str(self.card.path), "Restore the model, or export it again.")
        wanted = self.score if min_score is None else min_score
        boxes, scores, classes = self._decode(self.card.output, self.card.input, tensors, wanted)
        kept = suppress(boxes, scores, classes, float(self.card.output["nms_iou"]))
        height, width = frame.shape[:2]
        shares = np.array([1 / (width * scale), 1 / (height * scale)] * 2)
        found = []
        for index in kept:
            box = clip(boxes[index] * shares)
            if box[2] > 0 and box[3] > 0:
                found.append(Detection(self.card.classes[classes[index]], float(scores[index]), box))
        return found


def clip(box: Floats) -> Box:
    """The part of a box that lies in the picture."""
    x0, y0 = min(max(float(box[0]), 0.0), 1.0), min(max(float(box[1]), 0.0), 1.0)
    x1, y1 = min(max(float(box[0] + box[2]), 0.0), 1.0), min(max(float(box[1] + box[3]), 0.0), 1.0)
    return x0, y0, x1 - x0, y1 - y0


def check_picture(frame: object) -> None:
    """FrameError unless `frame` is a picture of uint8, height x width x 3, neither side 0."""
    if not isinstance(frame, np.ndarray):
        raise FrameError(f"Pixels are {type(frame).__name__}, not an array.", "pixels", "Give a BGR uint8 array.")
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
        what = f"Pixels are {frame.dtype} of shape {frame.shape}."
        raise FrameError(what, "pixels", "Give uint8 of shape (height, width, 3), channels blue, green, red.")


def open_session(model: Model, threads: int) -> onnxruntime.InferenceSession:
    """A CPU session of fixed thread count whose threads sleep between runs (spinning ones starve the other streams)."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(model.network, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        what = f"onnxruntime refuses the network ({error})."
        raise ModelError(what, str(model.card.path), "Use a network of an opset that this onnxruntime knows.") from error


def check_network(
    session: onnxruntime.InferenceSession, card: ModelCard, shapes: Callable[[ModelCard], dict[str, tuple[int, ...]]]
) -> None:
    """ModelError unless the network takes one picture of the card's size and gives the tensors that `shapes` reads from the card.

    A dimension that the network leaves open fits any size.
    """
    try:
        wanted = shapes(card)
    except (KeyError, TypeError) as error:
        what = f"The card's output does not say what its layout needs ({type(error).__name__}: {error})."
        raise ModelError(what, str(card.folder / "card.json"), "Correct the card's output.") from error
    faults = []
    given = session.get_inputs()
    picture = (1, 3, card.input.height, card.input.width)
    if len(given) != 1 or given[0].type != "tensor(float)" or not fits(given[0].shape, picture):
        found = "; ".join(f"{tensor.name} {tensor.type} {tensor.shape}" for tensor in given)
        faults.append(f"It takes {found}; the card says one tensor(float) {list(picture)}.")
    outputs = {tensor.name: tensor.shape for tensor in session.get_outputs()}
    for name, shape in wanted.items():
        if name not in outputs:
            faults.append(f"It gives no {name!r}, only {', '.join(outputs)}.")
        elif not fits(outputs[name], shape):
            faults.append(f"Its output {name!r} is {outputs[name]}; by the card ({len(card.classes)} classes) it is {list(shape)}.")
    if faults:
        raise ModelError("The network is not the one of the card. " + " ".join(faults), str(card.path), "Correct the card or the network.")


def fits(found: Sequence[object], wanted: Sequence[int]) -> bool:
    """Whether a tensor's shape, which may leave dimensions open, admits the wanted one."""
    return len(found) == len(wanted) and all(not isinstance(one, int) or one in (-1, two) for one, two in zip(found, wanted, strict=True))
