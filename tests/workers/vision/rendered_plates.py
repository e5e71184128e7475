"""Number plates drawn after GA 36-2018: 440 x 140 mm (new energy 480 x 140), characters 45 x 90 mm, 12 mm apart, a dot after the second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Picture = NDArray[np.uint8]
FONT = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc")
COLOURS: dict[str, tuple[tuple[int, int, int], tuple[int, int, int]]] = {
    "blue": ((10, 60, 170), (245, 245, 245)),
    "yellow": ((240, 180, 20), (15, 15, 15)),
    "white": ((240, 240, 240), (15, 15, 15)),
    "black": ((20, 20, 20), (245, 245, 245)),
    "green": ((60, 190, 110), (15, 15, 15)),
}


def glyph(character: str, width: int, height: int) -> Picture:
    """One character's ink (0..255) filling width x height."""
    font = ImageFont.truetype(str(FONT), 200, index=2)
    left, top, right, bottom = font.getbbox(character)
    sheet = Image.new("L", (int(right - left), int(bottom - top)))
    ImageDraw.Draw(sheet).text((-left, -top), character, font=font, fill=255)
    if character == "1":  # its strokes keep their width
        narrow = sheet.resize((width // 2, height), Image.Resampling.LANCZOS)
        sheet = Image.new("L", (width, height))
        sheet.paste(narrow, (width // 4, 0))
    return np.asarray(sheet.resize((width, height), Image.Resampling.LANCZOS))


def plate(text: str, colour: str) -> Picture:
    """A plate of 1 px a millimetre, BGR."""
    if not FONT.is_file():
        pytest.skip("font Noto Sans CJK absent")
    ground, ink = COLOURS[colour]
    wide = 480 if len(text) == 8 else 440
    sheet = np.empty((140, wide, 3), np.float32)
    sheet[:] = ground
    if colour == "green":  # fades from white at the top
        sheet = 245 + (sheet - 245) * np.linspace(0.1, 1, 140, dtype=np.float32)[:, None, None]
    step = (43 if len(text) == 8 else 45) + (9 if len(text) == 8 else 12)
    x = 15
    for number, character in enumerate(text):
        width = step - (9 if len(text) == 8 else 12)
        mask = glyph(character, width, 90)[..., None] / 255
        sheet[25:115, x : x + width] += (np.array(ink) - sheet[25:115, x : x + width]) * mask
        x += step + (22 if number == 1 else 0)
        if number == 1:
            sheet[65:75, x - 17 - 10 : x - 17] = ink
    border = np.array(ink, np.float32)
    for side in (sheet[4:7, 6:-6], sheet[-7:-4, 6:-6], sheet[6:-6, 4:7], sheet[6:-6, -7:-4]):
        side[:] = border
    return np.ascontiguousarray(sheet.clip(0, 255).astype(np.uint8)[..., ::-1])


def street(plates: list[tuple[Picture, Any]], seed: int, noise: float = 4.0, blur: float = 0.0, quality: int = 85) -> Picture:
    """A 960 x 540 picture of a car's front for each plate, put at the four corners given (pixels, clockwise from the top left)."""
    chance = np.random.default_rng(seed)
    scene = cv2.resize(chance.integers(60, 150, (9, 16, 3), dtype=np.uint8), (960, 540), interpolation=cv2.INTER_CUBIC)
    for picture, corners in plates:
        goal = np.array(corners, np.float32)
        height, width = picture.shape[:2]
        middle = goal.mean(axis=0)
        body = (middle + (goal - middle) * (2.6, 3.5)).astype(np.int32)
        cv2.fillConvexPoly(scene, body, tuple(int(v) for v in chance.integers(30, 220, 3)))
        matrix = cv2.getPerspectiveTransform(np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32), goal)
        shape = (scene.shape[1], scene.shape[0])
        mask = cv2.warpPerspective(np.ones((height, width), np.float32), matrix, shape, flags=cv2.INTER_AREA)[..., None]
        shrink = max(width / max(np.linalg.norm(goal[1] - goal[0]), 1) / 2, 0.01)
        soft = cv2.GaussianBlur(picture, (0, 0), shrink) if shrink > 0.5 else picture
        scene = (scene * (1 - mask) + cv2.warpPerspective(soft, matrix, shape) * mask).astype(np.uint8)
    if blur:
        scene = cv2.GaussianBlur(scene, (0, 0), blur)
    noisy = scene + chance.normal(0, noise, scene.shape)
    _, packed = cv2.imencode(".jpg", noisy.clip(0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(packed, cv2.IMREAD_COLOR)
