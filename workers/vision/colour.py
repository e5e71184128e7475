"""Clothing colour: the trunk's main colour of a person's box, and how like it is to an enrolled one.

Colours are `#rrggbb` (sRGB). Likeness is measured by CIEDE2000 (Sharma, Wu and Dalal 2005) in CIELAB under D65.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from storeloom.workers.vision.errors import ColourError, FrameError

NAMES = {
    "black": "#000000",
    "white": "#ffffff",
    "grey": "#808080",
    "red": "#d02020",
    "orange": "#f08020",
    "yellow": "#f0d020",
    "green": "#208040",
    "blue": "#2050c0",
    "navy": "#101840",
    "purple": "#702090",
    "pink": "#f080b0",
    "brown": "#704020",
    "beige": "#d8c8a0",
}
UNLIKE_AT = 50.0
WORN_LIKENESS = 0.75  # from which a garment counts as the enrolled one, in bright and dim, warm and cold light
TRUNK = (0.25, 0.20, 0.50, 0.35)
Lab = tuple[float, float, float]


def parse(colour: str) -> tuple[int, int, int]:
    """Red, green, blue 0..255 of a name of NAMES or of `#rrggbb`."""
    text = NAMES.get(colour.strip().lower(), colour.strip())
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        raise ColourError(f"{colour!r} is no colour.", "colour", f"Give #rrggbb or one of {', '.join(NAMES)}.")
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def likeness(colour: str, enrolled: str) -> float:
    """1 for equal colours, falling with their CIEDE2000 difference to 0 at a difference of 50."""
    return max(0.0, 1.0 - difference(lab(parse(colour)), lab(parse(enrolled))) / UNLIKE_AT)


def best_likeness(colour: str, enrolled: Iterable[str]) -> float:
    """Likeness to the nearest of several enrolled colours, 0 where none is enrolled."""
    return max((likeness(colour, other) for other in enrolled), default=0.0)


def name_of(colour: str) -> str:
    """The name of NAMES that is nearest to a colour."""
    value = lab(parse(colour))
    return min(NAMES, key=lambda name: difference(value, lab(parse(NAMES[name]))))


def trunk_colour(picture: NDArray[np.uint8], box: Sequence[float]) -> str:
    """The commonest colour on the trunk of a person, as `#rrggbb`.

    `picture` is BGR uint8, `box` [x, y, w, h] in its shares. Colours are counted in cells of 32 levels a channel, so a print, a bag
    strap or the background does not tint the answer. FrameError where the trunk covers no pixel.
    """
    height, width = picture.shape[:2]
    left, top, wide, high = TRUNK
    x0, x1 = (box[0] + left * box[2]) * width, (box[0] + (left + wide) * box[2]) * width
    y0, y1 = (box[1] + top * box[3]) * height, (box[1] + (top + high) * box[3]) * height
    crop = picture[max(round(y0), 0) : max(round(y1), 0), max(round(x0), 0) : max(round(x1), 0)].reshape(-1, 3)
    if not len(crop):
        raise FrameError("The trunk of this box covers no pixel.", "box", "Give a box of a person who is in the picture.")
    cells = (crop >> 5).astype(np.int64) @ np.array([64, 8, 1])
    commonest = np.bincount(cells, minlength=512).argmax()
    blue, green, red = crop[cells == commonest].mean(axis=0)
    return f"#{round(red):02x}{round(green):02x}{round(blue):02x}"


def lab(rgb: Sequence[int]) -> Lab:
    """CIELAB (D65) of an sRGB colour 0..255."""
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (c / 255 for c in rgb)]
    red, green, blue = linear
    x = (0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / 0.95047
    y = 0.2126729 * red + 0.7151522 * green + 0.0721750 * blue
    z = (0.0193339 * red + 0.1191920 * green + 0.9503041 * blue) / 1.08883
    fx, fy, fz = (t ** (1 / 3) if t > 216 / 24389 else (24389 / 27 * t + 16) / 116 for t in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def difference(one: Lab, two: Lab) -> float:
    """CIEDE2000 colour difference of two CIELAB colours."""
    grey = _seven((math.hypot(one[1], one[2]) + math.hypot(two[1], two[2])) / 2)
    stretch = 1.5 - 0.5 * grey
    a1, a2 = one[1] * stretch, two[1] * stretch
    c1, c2 = math.hypot(a1, one[2]), math.hypot(a2, two[2])
    h1, h2 = math.degrees(math.atan2(one[2], a1)) % 360, math.degrees(math.atan2(two[2], a2)) % 360
    turn, hue = _hues(h1, h2, c1 * c2 == 0)
    d_light, d_chroma = two[0] - one[0], c2 - c1
    d_hue = 2 * math.sqrt(c1 * c2) * math.sin(math.radians(turn / 2))
    light, chroma = (one[0] + two[0]) / 2, (c1 + c2) / 2
    weight = 1 - 0.17 * _cos(hue - 30) + 0.24 * _cos(2 * hue) + 0.32 * _cos(3 * hue + 6) - 0.20 * _cos(4 * hue - 63)
    s_light = 1 + 0.015 * (light - 50) ** 2 / math.sqrt(20 + (light - 50) ** 2)
    s_chroma, s_hue = 1 + 0.045 * chroma, 1 + 0.015 * chroma * weight
    bend = math.sin(math.radians(60 * math.exp(-(((hue - 275) / 25) ** 2))))
    cross = -2 * _seven(chroma) * bend
    parts = d_light / s_light, d_chroma / s_chroma, d_hue / s_hue
    return math.sqrt(max(sum(part**2 for part in parts) + cross * parts[1] * parts[2], 0.0))


def _hues(h1: float, h2: float, colourless: bool) -> tuple[float, float]:
    """Signed difference and mean of two hue angles in degrees, the short way round."""
    if colourless:
        return 0.0, h1 + h2
    turn = (h2 - h1 + 180) % 360 - 180
    if turn == -180 and h2 > h1:
        turn = 180.0
    mean = (h1 + h2) / 2
    if abs(h1 - h2) > 180:
        mean += 180 if h1 + h2 < 360 else -180
    return turn, mean


def _seven(chroma: float) -> float:
    power = chroma**7
    return math.sqrt(power / (power + 25.0**7))


def _cos(degrees: float) -> float:
    return math.cos(math.radians(degrees))
