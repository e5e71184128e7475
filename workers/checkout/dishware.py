"""Plates that tell a price by their colour: the colour of a rim, and the enrolled colour that it is."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from storeloom.workers.vision.colour import likeness
from storeloom.workers.vision.errors import ColourError, FrameError
from storeloom.workers.vision.things import Seen
from storeloom.workers.vision.view import View

RIM = (0.72, 0.96)
LEAST_LIKENESS = 0.6


def rim_colour(picture: NDArray[np.uint8], box: Sequence[float]) -> str:
    """The commonest colour of a plate's rim, as `#rrggbb`.

    `picture` is BGR uint8, `box` [x, y, w, h] in its shares; the rim is the ring between 72 and 96 % of the ellipse that the box holds, so
    that neither food nor table counts. Colours are counted in cells of 32 levels a channel. FrameError where it covers no pixel.
    """
    height, width = picture.shape[:2]
    rows = (np.arange(height) + 0.5) / height
    columns = (np.arange(width) + 0.5) / width
    x, y, w, h = box
    away = np.hypot(*np.meshgrid((columns - x - w / 2) / (w / 2 or 1), (rows - y - h / 2) / (h / 2 or 1)))
    ring = picture[(away >= RIM[0]) & (away <= RIM[1])]
    if not len(ring):
        raise FrameError("The rim of this box covers no pixel.", "box", "Give a box of a plate that lies in the picture.")
    cells = (ring >> 5).astype(np.int64) @ np.array([64, 8, 1])
    blue, green, red = ring[cells == np.bincount(cells, minlength=512).argmax()].mean(axis=0)
    return f"#{round(red):02x}{round(green):02x}{round(blue):02x}"


def plate_colour(view: View, plate: Seen, enrolled: Iterable[str]) -> str | None:
    """The enrolled colour of a plate: that of its attribute `colour`, else of its rim in the picture; None where it is none of them."""
    known = list(enrolled)
    colour = plate.attrs.get("colour")
    if colour is None and view.pixels is not None and known:
        colour = rim_colour(view.pixels, plate.box)
    return colour_of(colour, known)


def colour_of(colour: str | None, enrolled: Iterable[str]) -> str | None:
    """The enrolled colour (its own spelling) that a name or `#rrggbb` is: the same word, else the likeliest of likeness 0.6 or more."""
    known = list(enrolled)
    if colour is None:
        return None
    same = [one for one in known if one.strip().lower() == colour.strip().lower()]
    if same:
        return same[0]
    likely = [(_likeness(colour, one), one) for one in known]
    best = max(likely, default=(0.0, ""))
    return best[1] if best[0] >= LEAST_LIKENESS else None


def _likeness(colour: str, other: str) -> float:
    """0 where either is a word for no colour, such as the name of a kind of plate."""
    try:
        return likeness(colour, other)
    except ColourError:
        return 0.0
