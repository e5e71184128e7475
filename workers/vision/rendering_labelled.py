"""A whole shelf with packs and its price labels, drawn with exact truth, as one camera sees it."""

from __future__ import annotations

import cv2
import numpy as np

from storeloom.workers.vision.boxes import Box
from storeloom.workers.vision.rendering import DESIGNS, Camera, Picture, Truth, filmed
from storeloom.workers.vision.rendering_places import shelf

SIZE = (1920, 1080)
AWAY = Camera(blur=0.5, noise=3, quality=85)
LABEL = (240, 144)
ACROSS, RAILS = 6, 2


def labelled_shelf(chance: np.random.Generator) -> tuple[Picture, list[tuple[Box, Truth]]]:
    """A picture 1920 x 1080 of packs over two rails of six labels each, with the box and the truth of every label."""
    wide, high = SIZE
    packs = shelf("plain", Camera(noise=0.1, quality=95), chance).picture
    picture = np.asarray(cv2.resize(packs, SIZE, interpolation=cv2.INTER_LINEAR), np.uint8).copy()
    truths: list[tuple[Box, Truth]] = []
    for rail in range(RAILS):
        y = (rail + 1) * high // RAILS - LABEL[1] - 30
        picture[y - 12 : y + LABEL[1] + 12] = 70
        for place in range(ACROSS):
            x = round((place + 0.5) * wide / ACROSS) - LABEL[0] // 2 + int(chance.integers(-20, 20))
            sheet, truth = DESIGNS[int(chance.integers(len(DESIGNS)))](chance)
            picture[y : y + LABEL[1], x : x + LABEL[0]] = cv2.resize(sheet.bgr(), LABEL, interpolation=cv2.INTER_AREA)
            truths.append(((x / wide, y / high, LABEL[0] / wide, LABEL[1] / high), truth))
    return filmed(picture, AWAY, chance), truths
