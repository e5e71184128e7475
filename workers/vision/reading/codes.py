"""Reading bar codes and matrix codes: EAN, UPC, ITF-14, Code 128, DataBar, QR and Data Matrix, by zxing-cpp (Apache-2.0).

What a code says is taken apart by the GS1 rules of `workers.gs1`, so every way of writing an item number gives the same GTIN of 14 digits.
The decoder looks along rows and columns. Where it finds nothing, the picture is tried again, larger and sharpened, and then turned so that
the bars in it stand upright: their angle is that of the structure tensor (Bigun and Granlund 1987) where it is coherent.
Of bars too fine for the picture the decoder makes up digits now and then whose one check digit holds. So short codes (EAN-8, UPC-E), and
codes of bars that only a few rows agree on, count when two tries read the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray
from zxingcpp import BarcodeFormat

from storeloom.workers import gs1
from storeloom.workers.vision.boxes import Box, centre
from storeloom.workers.vision.reading.networks import Image, cut
from storeloom.workers.vision.reading.results import Code, Quad, around

NAMES = {
    BarcodeFormat.EAN13: "EAN-13",
    BarcodeFormat.EAN8: "EAN-8",
    BarcodeFormat.UPCA: "UPC-A",
    BarcodeFormat.UPCE: "UPC-E",
    BarcodeFormat.ITF14: "ITF-14",
    BarcodeFormat.ITF: "ITF-14",
    BarcodeFormat.Code128: "Code 128",
    BarcodeFormat.DataBarOmni: "DataBar",
    BarcodeFormat.DataBarStk: "DataBar Stacked",
    BarcodeFormat.DataBarStkOmni: "DataBar Stacked",
    BarcodeFormat.DataBarLtd: "DataBar Limited",
    BarcodeFormat.DataBarExp: "DataBar Expanded",
    BarcodeFormat.DataBarExpStk: "DataBar Expanded",
    BarcodeFormat.QRCode: "QR Code",
    BarcodeFormat.DataMatrix: "Data Matrix",
}
ASKED = zxingcpp.BarcodeFormats([f for f in NAMES if f is not BarcodeFormat.ITF])
WEAK = frozenset({"EAN-8", "UPC-E"})
LINEAR = frozenset({"EAN-13", "UPC-A", "ITF-14"})
FEW_ROWS = 12
LARGEST = 2400
COHERENT = 0.7
LEAST_EDGE = 40.0
BIN_DEGREES = 5
LEAST_AREA = 0.002
MOST_TURNS = 2
STRAIGHT_DEGREES = 10
Pass = tuple[NDArray[Any], NDArray[Any]]


class CodeReader:
    """Reads codes. `layout` and `minor_digits` tell how the store's own codes with a price or a weight are built (see `gs1.parse`)."""

    def __init__(self, *, layout: gs1.EmbeddedLayout | None = gs1.DEFAULT_LAYOUT, minor_digits: int = 2) -> None:
        self._layout = layout
        self._minor_digits = minor_digits

    def read(self, picture: Image, region: Box | None = None, *, on: date, thorough: bool = False) -> tuple[Code, ...]:
        """The codes in a BGR uint8 picture, or in a region of it (shares), from left to right; `on` is the day of the frame.

        Further tries are made only where the first ones find nothing sure, or for all codes with `thorough`.
        FrameError where the array is no picture, GeometryError for a region without pixels.
        """
        part, corner = cut(picture, region)
        height, width = picture.shape[:2]
        found: list[Code] = []
        open_ones: list[Code] = []
        for grey, back in passes(cv2.cvtColor(part, cv2.COLOR_BGR2GRAY)):
            for symbol in zxingcpp.read_barcodes(grey, formats=ASKED):
                code = self._code(symbol, in_shares(symbol, back, corner, width, height), on)
                if _same(code, found):
                    continue
                if _weak(symbol, code) and not _same(code, open_ones):
                    open_ones.append(code)
                else:
                    found.append(code)
            if found and not thorough and all(_same(code, found) for code in open_ones):
                break
        return tuple(sorted(found, key=lambda one: (one.box[0], one.box[1])))

    def _code(self, symbol: zxingcpp.Barcode, quad: Quad, on: date) -> Code:
        text = symbol.text
        name = NAMES[symbol.format]
        if name == "EAN-13" and text.startswith("0"):
            name, text = "UPC-A", text[1:]
        if symbol.content_type == zxingcpp.ContentType.GS1 and not text.startswith(("http://", "https://")):
            name = {"Code 128": "GS1-128", "QR Code": "GS1 QR Code", "Data Matrix": "GS1 DataMatrix"}.get(name, name)
            text = symbol.symbology_identifier + symbol.bytes.decode("latin-1")
        return interpret(text, name, quad, on, self._layout, self._minor_digits)


def interpret(text: str, name: str, quad: Quad, on: date, layout: gs1.EmbeddedLayout | None, minor_digits: int, score: float = 1.0) -> Code:
    """A code's text with what it says by the GS1 rules."""
    try:
        message = gs1.parse(text, on=on, layout=layout, minor_digits=minor_digits)
    except gs1.CodeError as error:
        return Code(text, name, None, around(quad), quad, fault=str(error), score=score)
    return Code(text, name, message.gtin, around(quad), quad, message, score=score)


def _weak(symbol: zxingcpp.Barcode, code: Code) -> bool:
    """Whether a reading needs another that agrees."""
    place = symbol.position
    rows = math.dist((place.top_left.x, place.top_left.y), (place.bottom_left.x, place.bottom_left.y))
    return code.format in WEAK or (code.format in LINEAR and rows < FEW_ROWS)


def _same(code: Code, others: Sequence[Code]) -> bool:
    """Whether the code was read before, at the same place."""
    x, y = centre(code.box)
    return any(
        other.text == code.text and 2 * math.dist((x, y), centre(other.box)) < max(*other.box[2:], *code.box[2:]) for other in others
    )


def passes(grey: NDArray[Any]) -> Iterator[Pass]:
    """The picture as it is, larger (sharpened, plain), and turned; each with the affine map (2 x 3) back to the picture's pixels."""
    yield grey, np.array([[1.0, 0, 0], [0, 1.0, 0]])
    height, width = grey.shape
    scale = min(max(LARGEST / max(height, width), 1.0), 2.0)
    big = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    back = np.array([[1 / scale, 0, 0], [0, 1 / scale, 0]])
    yield cv2.addWeighted(big, 2.5, cv2.GaussianBlur(big, (0, 0), 3), -1.5, 0), back
    yield big, back
    for degrees in bar_angles(grey):
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, scale)
        cosine, sine = abs(matrix[0, 0]), abs(matrix[0, 1])
        wide, high = int(height * sine + width * cosine) + 1, int(height * cosine + width * sine) + 1
        matrix[:, 2] += (wide - width) / 2, (high - height) / 2
        turned = cv2.warpAffine(grey, matrix, (wide, high), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        yield turned, cv2.invertAffineTransform(matrix)


def bar_angles(grey: NDArray[Any]) -> list[float]:
    """The commonest angles (degrees) by which areas of parallel bars are turned, the largest first, without those that stand straight."""
    small = cv2.GaussianBlur(grey, (0, 0), 0.8)
    across, down = cv2.Sobel(small, cv2.CV_32F, 1, 0), cv2.Sobel(small, cv2.CV_32F, 0, 1)
    window = (25, 25)
    xx, yy, xy = (cv2.boxFilter(product, -1, window)[::4, ::4] for product in (across * across, down * down, across * down))
    energy = xx + yy
    coherence = np.hypot(xx - yy, 2 * xy) / np.maximum(energy, 1e-6)
    chosen = (coherence > COHERENT) & (energy > LEAST_EDGE**2)
    angles = np.degrees(0.5 * np.arctan2(2 * xy[chosen], (xx - yy)[chosen]))
    counts, edges = np.histogram(angles, bins=180 // BIN_DEGREES, range=(-90, 90))
    wide = counts + np.roll(counts, 1) + np.roll(counts, -1)
    found: list[float] = []
    for number in np.argsort(-wide, kind="stable"):
        if wide[number] < LEAST_AREA * chosen.size or len(found) == MOST_TURNS:
            break
        angle = float(edges[number]) + BIN_DEGREES / 2
        straight = abs((angle + 45) % 90 - 45) < STRAIGHT_DEGREES
        if not straight and all(abs((angle - other + 90) % 180 - 90) > 3 * BIN_DEGREES for other in found):
            found.append(angle)
    return found


def in_shares(symbol: zxingcpp.Barcode, back: NDArray[np.float64], corner: tuple[int, int], width: int, height: int) -> Quad:
    """A found symbol's corners in shares of the whole picture, clockwise from where the symbol begins."""
    place = symbol.position
    found = []
    for point in (place.top_left, place.top_right, place.bottom_right, place.bottom_left):
        x, y = back @ (point.x, point.y, 1.0)
        found.append(((float(x) + corner[0]) / width, (float(y) + corner[1]) / height))
    return found[0], found[1], found[2], found[3]
