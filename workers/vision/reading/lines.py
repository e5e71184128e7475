"""Finding lines of text in the probability map of a segmentation network (differentiable binarisation, Liao et al. 2020,
arXiv:1911.08947), cutting them out straight, and reading the network's answer to them (CTC, Graves et al. 2006)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from storeloom.workers.vision.reading.networks import Floats, Image

Corners = NDArray[np.float32]
MAP_THRESHOLD = 0.3
LINE_THRESHOLD = 0.5
GROWTH = 1.6
MIN_SIDE = 3.0
MOST_LINES = 200
TALL = 1.5
SEPARATORS = frozenset(" ·.•・-_—'`,")


def find_lines(probability: Floats) -> list[Corners]:
    """Corners (4 x 2, pixels of the map, clockwise from the top left) of each line in a map H x W of probabilities that a pixel is text.

    The network is trained on shrunken lines: each is grown by `GROWTH` x area / perimeter (the paper's equation 10).
    """
    mask = cv2.dilate((probability > MAP_THRESHOLD).astype(np.uint8), np.ones((2, 2), np.uint8))
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    found = []
    for contour in sorted(contours, key=cv2.contourArea, reverse=True)[:MOST_LINES]:
        (x, y), (width, height), angle = cv2.minAreaRect(contour)
        if min(width, height) < MIN_SIDE or inside_mean(probability, contour) < LINE_THRESHOLD:
            continue
        grow = width * height * GROWTH / (width + height)
        found.append(upright(cv2.boxPoints(((x, y), (width + grow, height + grow), angle))))
    return found


def inside_mean(probability: Floats, contour: NDArray[Any]) -> float:
    """Mean probability of the pixels that a contour encloses."""
    x, y, width, height = cv2.boundingRect(contour)
    mask = np.zeros((height, width), np.uint8)
    cv2.drawContours(mask, [contour], -1, 1, cv2.FILLED, offset=(-x, -y))
    return float(cv2.mean(np.ascontiguousarray(probability[y : y + height, x : x + width]), mask)[0])


def upright(points: NDArray[Any]) -> Corners:
    """A rectangle's corners, clockwise from the one that is top left when the rectangle is turned by less than 45 degrees."""
    middle = points.mean(axis=0)
    angles = np.arctan2(points[:, 1] - middle[1], points[:, 0] - middle[0])
    ring = points[np.argsort(angles)]
    start = int(np.argmin(ring.sum(axis=1)))
    return np.roll(ring, -start, axis=0).astype(np.float32)


def size(quad: Corners) -> tuple[float, float]:
    """Mean length of the upper and lower, and of the left and right side."""
    sides = np.linalg.norm(quad - np.roll(quad, -1, axis=0), axis=1)
    return float(sides[0] + sides[2]) / 2, float(sides[1] + sides[3]) / 2


def turned(quad: Corners, quarters: int) -> Corners:
    """The same rectangle, read from a corner `quarters` further on."""
    return np.roll(quad, -quarters, axis=0)


def straighten(picture: Image, quad: Corners, height: int, most: int) -> Image:
    """The picture in a quad as height x width, the width in proportion but at most `most`."""
    wide, high = size(quad)
    width = min(max(round(wide * height / max(high, 1.0)), 8), most)
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(quad, target)
    if high > 2 * height:  # a large line is made smaller by area, which an interpolating warp would sample thinly
        big = straighten(picture, quad, round(high), round(high / height * most))
        return np.asarray(cv2.resize(big, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    flat = cv2.warpPerspective(picture, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(flat, np.uint8)


@dataclass(frozen=True)
class Reading:
    """A read line: its characters, the probability of each, and where each stands (share of the line's width)."""

    text: str
    chances: tuple[float, ...]
    places: tuple[float, ...]

    @property
    def score(self) -> float:
        return sum(self.chances) / len(self.chances) if self.chances else 0.0

    @property
    def least(self) -> float:
        return min(self.chances, default=0.0)


class Alphabet:
    """The characters of a recognition network in the order of its outputs, of which the first (number 0) is CTC's blank."""

    def __init__(self, characters: Sequence[str]) -> None:
        self.characters = tuple(characters)

    def only(self, allowed: Collection[str]) -> NDArray[np.bool_]:
        """The outputs that stand for these characters or for blank."""
        return np.array([True, *(character in allowed for character in self.characters)])

    def decode(self, chances: Floats, allowed: NDArray[np.bool_] | None = None, used: float = 1.0, *, every: bool = False) -> Reading:
        """The best path through the probabilities steps x outputs, repeats and blanks removed; `used` is the share of steps with picture.

        Where only some characters are allowed, a step between them at which the network sees another one counts against the score.
        With `every` all but separators are known to be allowed ones: each that the network sees is read as the likeliest of them.
        """
        seen = chances[: max(int(np.ceil(len(chances) * used)), 1)]
        if allowed is not None and every:
            blank = seen[:, :1] + seen[:, self.only(SEPARATORS)][:, 1:].sum(axis=1, keepdims=True)
            letters_only = np.where(allowed, seen, 0)[:, 1:]
            seen = np.concatenate([blank, letters_only / np.maximum(letters_only.sum(axis=1, keepdims=True), 1e-9) * (1 - blank)], axis=1)
        best = (seen if allowed is None else np.where(allowed, seen, 0)).argmax(axis=1)
        kept, letters, steps = [], [], []
        for step, number in enumerate(best):
            if number and (step == 0 or best[step - 1] != number):
                letters.append(self.characters[number - 1])
                kept.append(float(seen[step, number]))
                steps.append(step)
            elif number:
                kept[-1] = max(kept[-1], float(seen[step, number]))
        if allowed is not None and letters:
            foreign = float(seen[steps[0] : steps[-1] + 1, ~allowed].sum(axis=1).max())
            kept = [min(chance, 1 - foreign) for chance in kept] if foreign >= 0.5 else kept
        return Reading("".join(letters), tuple(kept), tuple((step + 0.5) / len(seen) for step in steps))
