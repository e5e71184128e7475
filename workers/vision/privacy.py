"""Privacy: make people unrecognisable in a picture before it is kept or shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from storeloom.workers.vision.things import Detection, Seen

PEOPLE = ("person", "face")
CELLS = 6


def blur(picture: NDArray[np.uint8], boxes: Iterable[Sequence[float]], *, margin: float = 0.1) -> NDArray[np.uint8]:
    """A copy of a BGR picture in which each box [x, y, w, h] (shares), grown by `margin` of its size on every side, is hidden.

    A box is averaged down to at most 6 x 6 cells, which no sharpening undoes, then smoothed.
    """
    hidden = picture.copy()
    height, width = picture.shape[:2]
    for x, y, wide, high in boxes:
        x0, x1 = _span(x - margin * wide, x + (1 + margin) * wide, width)
        y0, y1 = _span(y - margin * high, y + (1 + margin) * high, height)
        if x0 < x1 and y0 < y1:
            cells = min(CELLS, x1 - x0), min(CELLS, y1 - y0)
            coarse = cv2.resize(picture[y0:y1, x0:x1], cells, interpolation=cv2.INTER_AREA)
            hidden[y0:y1, x0:x1] = cv2.resize(coarse, (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR)
    return hidden


def blur_people(
    picture: NDArray[np.uint8], things: Iterable[Seen | Detection], *, classes: Sequence[str] = PEOPLE, margin: float = 0.1
) -> NDArray[np.uint8]:
    """A copy of a BGR picture in which every seen person or face is hidden."""
    return blur(picture, [thing.box for thing in things if thing.cls in classes], margin=margin)


def _span(low: float, high: float, size: int) -> tuple[int, int]:
    """Pixels from floor(low) to ceil(high) that lie in the picture."""
    return max(int(np.floor(low * size)), 0), min(int(np.ceil(high * size)), size)
