"""What is read in a picture. Boxes [x, y, w, h] and corners are in shares 0..1 of the whole picture, whatever region was read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from storeloom.workers.gs1 import Code as Message
from storeloom.workers.vision.boxes import Box, Point

Quad = tuple[Point, Point, Point, Point]


@dataclass(frozen=True)
class Text:
    """A line of text. `quad` runs clockwise from the corner at which the line begins, so it tells how the line is turned.

    `score` is the mean probability of its characters, `chances` that of each where it was read in a picture.
    """

    text: str
    score: float
    box: Box
    quad: Quad
    chances: tuple[float, ...] = ()

    def least(self, start: int = 0, end: int | None = None) -> float:
        """The probability of the least sure of some characters."""
        return min(self.chances[start:end], default=self.score)


@dataclass(frozen=True)
class Code:
    """A bar code or matrix code: its text as read, the symbology's name, and the item that it names (14 digits) where it names one.

    `message` is the code taken apart by the GS1 rules (lot, expiry, weight...), None for a code that breaks them: `fault` says how.
    `score` is 1 for a code read in a picture, since its check digits held, and a scene's own otherwise.
    """

    text: str
    format: str
    gtin: str | None
    box: Box
    quad: Quad
    message: Message | None = None
    fault: str | None = None
    score: float = 1.0


@dataclass(frozen=True)
class Plate:
    """A number plate: `text` without separators, `colour` blue, yellow, green, white, black or None where unknown.

    `valid` tells whether the text is built as GA 36 says a plate of that length is.
    """

    text: str
    colour: str | None
    score: float
    box: Box
    quad: Quad
    valid: bool


@dataclass(frozen=True)
class PriceLabel:
    """What a shelf price label says. Money is in minor units of `currency` (ISO 4217); None where the label does not say it.

    `unit_price_minor` is the price of one `unit` (kg, 100g, L, 100ml, pc); `member_price_minor` that of members beside `price_minor`.
    `confidence` 0..1 is about the price; `why` the rules that chose it. Where `refusal` says why no price is given, `price_minor` is None.
    `ends` is the last day of the offer that the label names.
    """

    box: Box
    price_minor: int | None
    currency: str
    unit_price_minor: int | None = None
    unit: str | None = None
    member_price_minor: int | None = None
    name: str | None = None
    gtin: str | None = None
    confidence: float = 0.0
    why: tuple[str, ...] = ()
    refusal: str | None = None
    ends: date | None = None


def around(points: Sequence[Point]) -> Box:
    """The upright box around points, cut to the picture."""
    xs = [min(max(x, 0.0), 1.0) for x, _ in points]
    ys = [min(max(y, 0.0), 1.0) for _, y in points]
    return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)


def corners(box: Box) -> Quad:
    """A box's corners, clockwise from the top left."""
    x, y, width, height = box
    return (x, y), (x + width, y), (x + width, y + height), (x, y + height)
