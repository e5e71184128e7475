"""Pictures of goods as vectors: the outputs of one or several networks of task `embed`, of a picture and its mirror image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from storeloom.workers.vision.boxes import Floats
from storeloom.workers.vision.detect import Embedder, Image, check_picture
from storeloom.workers.vision.errors import FrameError
from storeloom.workers.vision.models import Model, load

Vector = NDArray[np.float32]
SHIPPED = ("mobilenetv2", "goods_lite2")
LARGEST = 2  # pictures over this many times the network's input are first shrunk by averaging, so that fine patterns do not alias


@dataclass(frozen=True)
class Part:
    """One network's share of the vectors: its name, the start of the hash of its weights, and how many elements it gives."""

    name: str
    sha256: str
    size: int


class Embedding:
    """One vector of length 1 a picture: of each network the mean over the picture and its mirror image, of length 1, side by side.

    `models` are shipped ones' names, models' folders or loaded models, all of task `embed`. May be shared by threads. ModelError as
    `detect.Embedder`.
    """

    def __init__(self, models: Sequence[str | Path | Model] = SHIPPED, *, mirrored: bool = True, threads: int = 1) -> None:
        if not models:
            raise ValueError("an embedding needs a model")
        loaded = [model if isinstance(model, Model) else load(model, task="embed") for model in models]
        self._networks = [Embedder(model, threads=threads) for model in loaded]
        self._mirrored = mirrored
        self.parts = tuple(Part(m.card.name, m.card.sha256[:16], int(m.card.output["size"])) for m in loaded)

    @property
    def size(self) -> int:
        """Elements of a vector."""
        return sum(part.size for part in self.parts)

    @property
    def identity(self) -> list[dict[str, Any]]:
        """What vectors must share to be compared, as a catalogue's file keeps it."""
        return [{"model": part.name, "sha256": part.sha256, "size": part.size} for part in self.parts]

    def embed(self, picture: Image) -> Vector:
        """The vector of a BGR uint8 picture (height x width x 3) that shows one item.

        FrameError for an array that is no such picture, or in which a network finds nothing at all.
        """
        check_picture(picture)
        picture = self._shrunk(picture)
        views = (picture, cv2.flip(picture, 1)) if self._mirrored else (picture,)
        made = [unit(np.sum([network.embed(np.asarray(view, np.uint8)) for view in views], axis=0)) for network in self._networks]
        return unit(np.concatenate(made))

    def _shrunk(self, picture: Image) -> Image:
        spec = [network.card.input for network in self._networks]
        wide, high = LARGEST * max(s.width for s in spec), LARGEST * max(s.height for s in spec)
        height, width = picture.shape[:2]
        if width <= wide and height <= high:
            return picture
        size = min(width, wide), min(height, high)
        return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def unit(vector: Floats) -> Vector:
    """The vector of length 1; FrameError for one without length."""
    length = float(np.linalg.norm(vector))
    if length == 0:
        raise FrameError("The network finds nothing in this picture.", "pixels", "Give a picture that shows an item.")
    return np.asarray(vector / length, np.float32)


def cut(frame: Image, box: Sequence[float], margin: float = 0.05) -> Image:
    """The part of a picture in a box [x, y, w, h] (shares of the picture), with `margin` of its sides around it.

    FrameError where the box covers no pixel of the picture.
    """
    height, width = frame.shape[:2]
    x, y, w, h = box
    left, right = round((x - margin * w) * width), round((x + (1 + margin) * w) * width)
    top, bottom = round((y - margin * h) * height), round((y + (1 + margin) * h) * height)
    part = frame[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    if 0 in part.shape:
        raise FrameError("This box covers no pixel.", "box", "Give a box that lies in the picture.")
    return part
