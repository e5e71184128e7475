"""Receipts drawn with exact truth, and photos of them lying on a table."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from storeloom.workers.vision.rendering import FONTS, Picture

WIDTH, SIZE, STEP = 520, 26, 42

ZH = (
    "优衣库（国贸店）",
    "税号：91310000607200123X",
    "小票号：88123  机台 03",
    "收银员：王小明",
    "日期：2026-03-02 14:05:33",
    "--------------------------------",
    "圆领T恤 白 L    1   99.00",
    "弹力牛仔裤      1   159.80",
    "--------------------------------",
    "件数：2",
    "合计：          ¥258.80",
    "实收：300.00    找零：41.20",
    "银行卡号：6222 0212 3456 7890 128",
    "谢谢惠顾",
)
EN = (
    "HARBOUR COFFEE",
    "12 Quay Street",
    "Receipt No: A-20417",
    "02 Mar 2026 9:41 AM",
    "Cashier: Alice Brown",
    "--------------------------------",
    "Flat white        2     9.00",
    "Banana bread      1     4.75",
    "Subtotal               13.75",
    "Tax                     1.10",
    "TOTAL                 $14.85",
    "VISA 4111 1111 1111 1111",
    "Thank you",
)


def receipt(lines: Sequence[str]) -> Picture:
    """A white slip, upright."""
    image = Image.new("RGB", (WIDTH, STEP * len(lines) + 60), (250, 250, 248))
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        font = ImageFont.truetype(str(FONTS / "NotoSansCJK-Regular.ttc"), 34 if number == 0 else SIZE, index=2)
        draw.text((24, 24 + number * STEP), line, font=font, fill=(30, 30, 30))
    return np.asarray(cv2.cvtColor(np.asarray(image), cv2.COLOR_RGB2BGR), np.uint8)


def photo(slip: Picture, angle: float, *, seed: int = 1, light: float = 0.9, scale: float = 1.0) -> Picture:
    """The slip on a brown table, turned by `angle` degrees anticlockwise, with noise, in a JPEG."""
    height, width = slip.shape[:2]
    side = int(np.hypot(height, width) * scale) + 120
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, scale)
    matrix[:, 2] += side / 2 - np.array([width, height]) / 2
    table = np.full((side, side, 3), (60, 90, 120), np.uint8)
    mask = cv2.warpAffine(np.full((height, width), 255, np.uint8), matrix, (side, side))
    laid = cv2.warpAffine(slip, matrix, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    seen = np.where(mask[..., None] > 127, laid, table).astype(np.float32) * light
    seen += np.random.default_rng(seed).normal(0, 3, seen.shape)
    data = cv2.imencode(".jpg", seen.clip(0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
