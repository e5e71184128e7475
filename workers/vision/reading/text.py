"""Reading text in a picture: lines are found by a segmentation network, each is cut out straight and read by a CTC recogniser.

The networks are PP-OCRv6 small (Apache-2.0): Chinese of GB 2312, and ASCII. Lines may stand at any angle, upside down too; Chinese
written from top to bottom is not read. A picture is looked at with its longer side as `SIDE` pixels at most: give a region to read
small print in a large picture.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import cv2
import numpy as np

from storeloom.workers.vision.boxes import Box
from storeloom.workers.vision.reading.lines import TALL, Alphabet, Corners, Reading, find_lines, size, straighten, turned
from storeloom.workers.vision.reading.networks import Image, Network, cut
from storeloom.workers.vision.reading.results import Quad, Text, around

SIDE = 640
SMALL = 320
STEP = 32
LINE_HEIGHT = 48
WIDEST_LINE = 1600
LINE_STEP = 32
SURE = 0.9
BETTER = 0.25
PRICE = frozenset("0123456789.,¥￥$€£元角/")


@dataclass(frozen=True)
class Line:
    """A line in the pixels of the picture given: its corners, from where it begins, what it says, and what in the alphabet asked for.

    Which way up a line is read is always decided by the free reading.
    """

    quad: Corners
    reading: Reading
    chosen: Reading


class TextReader:
    """Finds and reads lines of text; both networks are loaded at the first picture. Threads may share a reader."""

    def __init__(self, *, threads: int = 1) -> None:
        self._finder = Network("ppocr_find", "find_text", threads=threads)
        self._recogniser = Network("ppocr_read", "read_text", threads=threads)
        self._alphabet: Alphabet | None = None

    def read(
        self, picture: Image, region: Box | None = None, *, alphabet: Collection[str] | None = None, min_score: float = 0.5
    ) -> tuple[Text, ...]:
        """The lines in a BGR uint8 picture, or in a region of it (shares), from top to bottom and left to right.

        With an `alphabet` (`PRICE` for digits and prices) only its characters are read. Lines below `min_score` are left out.
        FrameError where the array is no picture, GeometryError for a region without pixels, ModelFault for an unusable model.
        """
        part, (left, top) = cut(picture, region)
        height, width = picture.shape[:2]
        found = []
        for line in self.lines(part, alphabet=alphabet):
            reading = line.chosen
            text = reading.text.strip()
            begin = reading.text.find(text)
            if not text or reading.score < min_score:
                continue
            points = [((x + left) / width, (y + top) / height) for x, y in line.quad.tolist()]
            quad: Quad = (points[0], points[1], points[2], points[3])
            found.append(Text(text, reading.score, around(quad), quad, reading.chances[begin : begin + len(text)]))
        return in_order(found)

    def lines(self, part: Image, *, alphabet: Collection[str] | None = None) -> list[Line]:
        """All lines of a picture with their readings, however unsure, each the right way up.

        Upside-down print is told by how sure the recogniser is: only where a line is doubtful is it read the other way too, and where most
        doubtful lines are surer upside down, all lines are turned.
        """
        found = [self._stand(part, quad, alphabet) for quad in self.find(part)]
        doubtful = [line for line in found if line.reading.score < SURE]
        if not doubtful:
            return found
        flipped = {id(line): self._read(part, turned(line.quad, 2), alphabet) for line in doubtful}
        gain = sum((flipped[id(line)].reading.score - line.reading.score) * len(line.reading.text) for line in doubtful)
        if gain > 0 and 2 * len(doubtful) > len(found):
            return [flipped.get(id(line)) or self._read(part, turned(line.quad, 2), alphabet) for line in found]
        return [self._surer(line, flipped.get(id(line))) for line in found]

    def find(self, part: Image) -> list[Corners]:
        """Corners of the lines in a picture, in its pixels."""
        height, width = part.shape[:2]
        longest = max(height, width)
        scale = SIDE / longest if longest > SIDE else max(1.0, min(SMALL / longest, 3.0))
        high, wide = (max(round(side * scale / STEP), 1) * STEP for side in (height, width))
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        probability = self._finder.run(cv2.resize(part, (wide, high), interpolation=method))[0][0, 0]
        back = np.array([width / wide, height / high], np.float32)
        return [quad * back for quad in find_lines(probability)]

    def read_line(self, part: Image, quad: Corners, *, alphabet: Collection[str] | None = None, every: bool = False) -> Reading:
        """What stands in one quad of a picture, read from its first corner on; with `every` it holds only characters of the alphabet."""
        return self._read(part, quad, alphabet, every=every).chosen

    def _stand(self, part: Image, quad: Corners, alphabet: Collection[str] | None) -> Line:
        """A line read along its longer side; a tall one, which may be a single figure or a line that runs down, both ways."""
        wide, high = size(quad)
        line = self._read(part, quad, alphabet)
        if high < TALL * wide:
            return line
        return max((line, *(self._read(part, turned(quad, k), alphabet) for k in (1, 3))), key=lambda one: one.reading.score)

    def _surer(self, line: Line, other: Line | None) -> Line:
        return other if other is not None and other.reading.score > max(line.reading.score + BETTER, SURE) else line

    def _read(self, part: Image, quad: Corners, alphabet: Collection[str] | None, *, every: bool = False) -> Line:
        strip = straighten(part, quad, LINE_HEIGHT, WIDEST_LINE)
        width = strip.shape[1]
        padded = np.full((LINE_HEIGHT, -(-max(width, 96) // LINE_STEP) * LINE_STEP, 3), self._recogniser.card.input.pad, np.uint8)
        padded[:, :width] = strip
        if self._alphabet is None:
            self._alphabet = Alphabet(self._recogniser.card.classes)
        steps = self._recogniser.run(padded)[0][0]
        used = width / padded.shape[1]
        free = self._alphabet.decode(steps, None, used)
        if alphabet is None:
            return Line(quad, free, free)
        return Line(quad, free, self._alphabet.decode(steps, self._alphabet.only(alphabet), used, every=every))


def in_order(texts: Collection[Text]) -> tuple[Text, ...]:
    """From top to bottom, and from left to right where the middles of two boxes lie within half a line's height."""
    rows: list[list[Text]] = []
    for text in sorted(texts, key=lambda one: one.box[1] + one.box[3] / 2):
        middle = text.box[1] + text.box[3] / 2
        last = rows[-1][0] if rows else None
        if last is not None and abs(middle - last.box[1] - last.box[3] / 2) < min(last.box[3], text.box[3]) / 2:
            rows[-1].append(text)
        else:
            rows.append([text])
    return tuple(text for row in rows for text in sorted(row, key=lambda one: one.box[0]))
