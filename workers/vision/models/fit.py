"""Pictures into networks: resize, place, normalise; and the way back from the network's pixels to shares of the picture."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from storeloom.workers.vision.boxes import Floats
from storeloom.workers.vision.errors import ModelError
from storeloom.workers.vision.models import InputSpec

Image = NDArray[np.uint8]
Blob = NDArray[Any]
FITS = ("letterbox_top_left", "letterbox_centre", "stretch", "crop")


@dataclass(frozen=True)
class Placement:
    """Where a part of a picture lies in the network's input.

    `source` and `target` are (left, top, width, height) in pixels of the picture and of the input; `picture` is (width, height).
    """

    source: tuple[int, int, int, int]
    target: tuple[int, int, int, int]
    picture: tuple[int, int]

    def to_input(self, boxes: Floats) -> Floats:
        """Boxes [x, y, w, h] (n x 4) in shares of the picture as input pixels."""
        scale, offset = self._affine()
        moved: Floats = boxes * scale
        moved[:, :2] += offset
        return moved

    def to_picture(self, boxes: Floats) -> Floats:
        """Boxes [x, y, w, h] (n x 4) in input pixels as shares of the picture."""
        scale, offset = self._affine()
        moved = np.array(boxes, np.float64)
        moved[:, :2] -= offset
        shares: Floats = moved / scale
        return shares

    def _affine(self) -> tuple[Floats, Floats]:
        """Input pixels for the whole picture's width and height (twice), and the input pixel of the picture's top left corner."""
        zoom = np.array([self.target[2] / self.source[2], self.target[3] / self.source[3]])
        offset = np.array(self.target[:2]) - np.array(self.source[:2]) * zoom
        return np.tile(zoom * np.array(self.picture), 2), offset


def place(fit: str, picture: tuple[int, int], size: tuple[int, int]) -> Placement:
    """How a picture (width, height) is fitted into an input of a size (width, height).

    A letterbox keeps the whole picture and its proportions, `stretch` the whole picture, `crop` the middle in the input's proportions.
    """
    (width, height), (wide, high) = picture, size
    if fit == "stretch":
        return Placement((0, 0, width, height), (0, 0, wide, high), picture)
    if fit == "crop":
        part = min(width / wide, height / high)
        across, down = min(max(round(wide * part), 1), width), min(max(round(high * part), 1), height)
        return Placement(((width - across) // 2, (height - down) // 2, across, down), (0, 0, wide, high), picture)
    scale = min(wide / width, high / height)
    across, down = max(round(width * scale), 1), max(round(height * scale), 1)
    left, top = ((wide - across) // 2, (high - down) // 2) if fit == "letterbox_centre" else (0, 0)
    return Placement((0, 0, width, height), (left, top, across, down), picture)


@dataclass(frozen=True)
class Buffer:
    """A reusable network input, padded beside the picture, and the area of the picture (by channel where these come first)."""

    blob: Blob
    views: tuple[Blob, ...]


class Buffers(threading.local):
    """One thread's buffers by the target area of the fitted picture."""

    def __init__(self) -> None:
        self.by_area: dict[tuple[int, int, int, int], Buffer] = {}


class Fitter:
    """Fits BGR uint8 pictures into a network's input.

    The 256 possible values of each channel are normalised once, so a frame costs a resize and a table look-up. ModelError for an input
    that it cannot make.
    """

    def __init__(self, spec: InputSpec) -> None:
        plain = spec.mean == (0.0, 0.0, 0.0) and spec.std == (1.0, 1.0, 1.0)
        if spec.fit not in FITS or spec.layout not in ("NCHW", "NHWC") or (spec.dtype == "uint8" and not plain):
            what = f"Input {spec.dtype}, {spec.layout}, {spec.fit}, mean {spec.mean}, std {spec.std} is not known."
            zh = f"不支持的输入：{spec.dtype}、{spec.layout}、{spec.fit}，均值 {spec.mean}，标准差 {spec.std}。"
            raise ModelError(what, "input", f"Known: {', '.join(FITS)}; uint8 with mean 0 and std 1.", zh=zh)
        self._spec = spec
        self._planes = (0, 1, 2) if spec.channels == "BGR" else (2, 1, 0)
        values = np.arange(256, dtype=np.float32)
        columns = [(values - np.float32(mean)) / np.float32(std) for mean, std in zip(spec.mean, spec.std, strict=True)]
        self._tables = [np.ascontiguousarray(column, spec.dtype).reshape(256, 1) for column in columns]
        self._table = np.stack(columns, axis=1).astype(spec.dtype).reshape(256, 1, 3)
        self._local = Buffers()

    def fit(self, frame: Image) -> tuple[Blob, Placement]:
        """The network's input (valid until this thread's next call) and where the picture lies in it."""
        height, width = frame.shape[:2]
        placed = place(self._spec.fit, (width, height), (self._spec.width, self._spec.height))
        left, top, across, down = placed.source
        part = frame[top : top + down, left : left + across]
        wide, high = placed.target[2:]
        small = part if (wide, high) == (across, down) else cv2.resize(part, (wide, high), interpolation=cv2.INTER_LINEAR)
        buffer = self._buffer(placed.target)
        if self._spec.layout == "NCHW":
            planes = cv2.split(small)
            for view, plane, table in zip(buffer.views, self._planes, self._tables, strict=True):
                cv2.LUT(planes[plane], table, dst=view)
        else:
            buffer.views[0][...] = cv2.LUT(small if self._spec.channels == "BGR" else cv2.cvtColor(small, cv2.COLOR_BGR2RGB), self._table)
        return buffer.blob, placed

    def _buffer(self, target: tuple[int, int, int, int]) -> Buffer:
        known = self._local.by_area.get(target)
        if known is None:
            left, top, wide, high = target
            rows, columns = slice(top, top + high), slice(left, left + wide)
            blob = np.empty(self._spec.shape, self._spec.dtype)
            padding = np.array([table[self._spec.pad, 0] for table in self._tables], self._spec.dtype)
            if self._spec.layout == "NCHW":
                blob[...] = padding.reshape(1, 3, 1, 1)
                known = Buffer(blob, tuple(blob[0, channel, rows, columns] for channel in range(3)))
            else:
                blob[...] = padding
                known = Buffer(blob, (blob[0, rows, columns],))
            self._local.by_area[target] = known
        return known
