"""Shelves, bins and people drawn with exact truth: which slots are empty, how full a bin is, what colour someone wears.

They are plainer than shops are: what is measured on them says whether a rule works as it is meant to, not how it will do behind a given
camera. All chance is that of the generator given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from storeloom.workers.vision.boxes import Box
from storeloom.workers.vision.colour import parse
from storeloom.workers.vision.rendering import CAMERAS, Camera, Picture, filmed

SHELF = (1280, 720)
LEVELS, SLOTS = 3, 6
BACKS = ("plain", "perforated")


@dataclass(frozen=True)
class DrawnShelf:
    """A shelf and the same without goods, as one camera sees them; `slots` are their boxes in shares, `facings` what stands in each."""

    picture: Picture
    bare: Picture
    slots: tuple[Box, ...]
    facings: tuple[int, ...]
    planned: int


def shelf(back: str, camera: Camera, chance: np.random.Generator, planned: int = 2) -> DrawnShelf:
    """Three shelves of six slots, each of `planned` facings, of which about a third is empty and a sixth part full."""
    wide, high = SHELF
    bare = _rack(back, chance)
    goods = bare.copy()
    slots, facings = [], []
    for level in range(LEVELS):
        for column in range(SLOTS):
            x, y = column * wide / SLOTS + 6, level * high / LEVELS + 18
            box = (x, y, wide / SLOTS - 12, high / LEVELS - 46)
            there = int(chance.choice([0, 0, planned // 2, planned, planned, planned]))
            design = _design(chance)
            for n in range(there):
                _pack(goods, (box[0] + n * box[2] / planned, box[1], box[2] / planned, box[3]), design, chance)
            slots.append((box[0] / wide, box[1] / high, box[2] / wide, box[3] / high))
            facings.append(there)
    light = chance.uniform(0.6, 1.1)
    return DrawnShelf(filmed(goods * light, camera, chance), filmed(bare * light, camera, chance), tuple(slots), tuple(facings), planned)


@dataclass(frozen=True)
class DrawnBin:
    """A bin seen from above: empty, full, and filled to the share `filled`."""

    empty: Picture
    full: Picture
    now: Picture
    filled: float


def heap(camera: Camera, chance: np.random.Generator) -> DrawnBin:
    """A bin of round fruit; what is missing is missing from one side."""
    size = (320, 240)
    ground = np.full((size[1], size[0], 3), chance.integers(60, 190, 3), np.float32)
    ground += cv2.resize(chance.normal(0, 6, (24, 32)).astype(np.float32), size)[..., None]
    colour, radius = chance.integers(40, 230, 3), int(chance.integers(12, 22))
    full = ground.copy()
    for y in range(0, size[1] + radius, int(1.6 * radius)):
        for x in range(0, size[0] + radius, int(1.6 * radius)):
            at = (x + int(chance.integers(-4, 5)), y + int(chance.integers(-4, 5)))
            cv2.circle(full, at, radius, (colour * chance.uniform(0.55, 0.75)).tolist(), -1)
            cv2.circle(full, (at[0] - 2, at[1] - 3), int(0.8 * radius), (colour * chance.uniform(0.85, 1.05)).tolist(), -1)
    share = float(chance.uniform(0, 1))
    now = full.copy()
    now[: round((1 - share) * size[1])] = ground[: round((1 - share) * size[1])]
    light = chance.uniform(0.9, 1.1)
    return DrawnBin(filmed(ground, camera, chance), filmed(full, camera, chance), filmed(now * light, camera, chance), share)


@dataclass(frozen=True)
class DrawnPerson:
    """Someone before a wall: the box around them in shares, and the colour that they wear (`#rrggbb`)."""

    picture: Picture
    box: Box
    colour: str


def person(colour: str, camera: Camera, chance: np.random.Generator) -> DrawnPerson:
    """A standing figure whose top has folds, a print or a bag strap now and then, in warm, cold, bright or dim light."""
    wide, high = 360, 640
    picture = np.full((high, wide, 3), chance.integers(60, 220, 3), np.float32)
    picture += cv2.resize(chance.normal(0, 10, (16, 9)).astype(np.float32), (wide, high))[..., None]
    red, green, blue = parse(colour)
    skin, legs = [120.0, 150.0, 200.0], chance.integers(20, 90, 3).tolist()
    left, top, broad, tall = 100, 60, 160, 540
    cv2.ellipse(picture, (left + broad // 2, top + 45), (36, 45), 0, 0, 360, skin, -1)
    cv2.rectangle(picture, (left + 30, top + 290), (left + broad - 30, top + tall), legs, -1)
    cv2.rectangle(picture, (left, top + 90), (left + broad, top + 300), (blue, green, red), -1)
    folds = cv2.resize(chance.uniform(0.8, 1.15, (8, 6)).astype(np.float32), (broad, 210), interpolation=cv2.INTER_CUBIC)
    picture[top + 90 : top + 300, left : left + broad] *= folds[..., None]
    if chance.random() < 0.3:
        cv2.line(picture, (left + 20, top + 90), (left + broad - 20, top + 290), chance.integers(0, 80, 3).tolist(), 14)
    if chance.random() < 0.3:
        cv2.rectangle(picture, (left + 95, top + 130), (left + 130, top + 150), (235, 235, 235), -1)
    light = np.array([chance.uniform(0.93, 1.07), 1.0, chance.uniform(0.93, 1.07)], np.float32) * chance.uniform(0.7, 1.15)
    return DrawnPerson(filmed(picture * light, camera, chance), (left / wide, top / high, broad / wide, tall / high), colour)


def cameras(names: Sequence[str] = ("clean", "slanted", "blurred")) -> list[Camera]:
    """Cameras by name; their skew and width are a label's alone."""
    return [CAMERAS[name] for name in names]


def _rack(back: str, chance: np.random.Generator) -> Any:
    """An empty shelf: its back, boards with a price rail, the shadow below each board."""
    wide, high = SHELF
    picture = np.full((high, wide, 3), chance.integers(120, 215, 3), np.float32)
    if back == "perforated":
        for y in range(8, high, 16):
            for x in range(8, wide, 16):
                cv2.circle(picture, (x, y), 4, (picture[0, 0] * 0.45).tolist(), -1)
    for level in range(LEVELS):
        top, bottom = round(level * high / LEVELS), round((level + 1) * high / LEVELS)
        depth = bottom - top
        picture[top:bottom] *= np.linspace(0.65, 1.0, depth, dtype=np.float32)[:, None, None]
        cv2.rectangle(picture, (0, bottom - 28), (wide, bottom), (205, 205, 205), -1)
        cv2.line(picture, (0, bottom - 28), (wide, bottom - 28), (120, 120, 120), 2)
    return picture


@dataclass(frozen=True)
class _Design:
    ground: list[float]
    band: list[float]
    print: list[float]
    at: float
    round: bool


def _design(chance: np.random.Generator) -> _Design:
    ground, band, ink = (chance.integers(20, 245, 3).astype(float).tolist() for _ in range(3))
    return _Design(ground, band, ink, float(chance.uniform(0.25, 0.6)), bool(chance.random() < 0.4))


def _pack(picture: Any, box: Box, design: _Design, chance: np.random.Generator) -> None:
    """A pack or a bottle: its ground, a band with print, the shine of a side."""
    x, y, width, height = (round(v) for v in box)
    x, width, high = x + 2, width - 4, round(height * chance.uniform(0.86, 0.96))
    y += height - high
    cv2.rectangle(picture, (x, y), (x + width, y + high), design.ground, -1)
    if design.round:
        cv2.rectangle(picture, (x + width // 3, y), (x + 2 * width // 3, y + high // 6), design.band, -1)
    top = y + round(design.at * high)
    cv2.rectangle(picture, (x, top), (x + width, top + high // 3), design.band, -1)
    for line in range(3):
        long = int(width * chance.uniform(0.4, 0.85))
        cv2.line(picture, (x + 5, top + 10 + line * 14), (x + 5 + long, top + 10 + line * 14), design.print, 5)
    cv2.circle(picture, (x + width // 2, y + high // 5), max(width // 6, 3), design.print, -1)
    cv2.line(picture, (x, y), (x, y + high), [v * 0.6 for v in design.ground], 2)
