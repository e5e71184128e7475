"""The reading networks on a CPU: a session for each, made when it is first needed, kept small whatever sizes of picture come."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from storeloom.workers.vision.boxes import Box
from storeloom.workers.vision.errors import FrameError, GeometryError
from storeloom.workers.vision.models import BUILT_IN, ModelCard, load
from storeloom.workers.vision.models.faults import fault
from storeloom.workers.vision.models.session import check_finite, usable_cores

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]


class Network:
    """A model folder's network, loaded at its first run; threads may share it.

    Pictures of many sizes pass through, so the arena, which keeps the largest need of every shape, is off. ModelFault as `models.load`,
    for a network that onnxruntime refuses, and for one whose answer is not finite.
    """

    def __init__(self, name: str, task: str, *, threads: int = 1, root: Path = BUILT_IN) -> None:
        self._name, self._task, self._threads, self._root = name, task, threads, root
        self._lock = threading.Lock()
        self._loaded: tuple[ModelCard, onnxruntime.InferenceSession, NDArray[np.float32]] | None = None

    @property
    def card(self) -> ModelCard:
        return self._open()[0]

    def run(self, picture: NDArray[Any]) -> list[Floats]:
        """The output tensors for a BGR uint8 picture, which is normalised as the card says but not resized."""
        card, session, tables = self._open()
        planes = cv2.split(picture)
        order = planes if card.input.channels == "BGR" else planes[::-1]
        blob = np.empty((1, 3, *picture.shape[:2]), np.float32)
        for channel, plane in enumerate(order):
            cv2.LUT(plane, tables[channel], dst=blob[0, channel])
        names = [tensor.name for tensor in session.get_outputs()]
        outputs: list[Floats] = session.run(names, {session.get_inputs()[0].name: blob})
        check_finite(dict(zip(names, outputs, strict=True)), card)
        return outputs

    def _open(self) -> tuple[ModelCard, onnxruntime.InferenceSession, NDArray[np.float32]]:
        with self._lock:
            if self._loaded is None:
                model = load(self._name, task=self._task, root=self._root)
                spec = model.card.input
                values = np.arange(256, dtype=np.float32).reshape(256, 1)
                tables = np.stack([(values - mean) / std for mean, std in zip(spec.mean, spec.std, strict=True)]).astype(np.float32)
                self._loaded = model.card, open_session(model.network, model.card, self._threads), tables
            return self._loaded


def open_session(network: bytes, card: ModelCard, threads: int) -> onnxruntime.InferenceSession:
    """A CPU session without arena, whose threads sleep between runs; ModelFault for a network that onnxruntime refuses."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = min(threads, usable_cores())
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise fault("SL-MOD-07", card.path, {"reason": str(error).strip().rstrip(".")}) from error


def check_picture(picture: Any) -> None:
    """FrameError unless it is a BGR picture of uint8, height x width x 3."""
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        found = f"{picture.dtype} of shape {picture.shape}" if isinstance(picture, np.ndarray) else type(picture).__name__
        what = f"Pixels are {found}."
        raise FrameError(what, "pixels", "Give uint8 of shape (height, width, 3), channels blue, green, red.")


def cut(picture: Image, region: Box | None) -> tuple[Image, tuple[int, int]]:
    """The part of a picture in a region (shares), as a view, and the pixel of its top left corner.

    FrameError for no picture, GeometryError for a region that holds no pixel of it.
    """
    check_picture(picture)
    if region is None:
        return picture, (0, 0)
    height, width = picture.shape[:2]
    left, top = max(int(np.floor(region[0] * width)), 0), max(int(np.floor(region[1] * height)), 0)
    right = min(int(np.ceil((region[0] + region[2]) * width)), width)
    bottom = min(int(np.ceil((region[1] + region[3]) * height)), height)
    if right <= left or bottom <= top:
        raise GeometryError(f"The region {region} holds no pixel.", "region", "Give [x, y, width, height] in shares of the picture.")
    return picture[top:bottom, left:right], (left, top)
