"""Shelf price labels drawn with exact truth, in several designs, and what a camera does to them: for measuring and for tests.

The print is Noto Sans CJK; FileNotFoundError where it is not installed (see `has_fonts`). All chance is that of the generator given.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from storeloom.workers.gs1 import check_digit

Picture = NDArray[np.uint8]
FONTS = Path("/usr/share/fonts/opentype/noto")
RED, BLACK, GREY, WHITE, YELLOW = (200, 20, 30), (20, 20, 20), (90, 90, 90), (255, 255, 255), (255, 225, 40)
ZH_NAMES = (
    "可口可乐汽水",
    "康师傅红烧牛肉面",
    "蒙牛纯牛奶",
    "海天生抽酱油",
    "清风抽纸",
    "乐事薯片",
    "金龙鱼大豆油",
    "农夫山泉饮用水",
    "德芙巧克力",
)
EN_NAMES = ("Sparkling Water", "Tomato Soup", "Whole Milk", "Basmati Rice", "Oat Biscuits", "Olive Oil", "Ground Coffee", "Orange Juice")
FRESH = ("红富士苹果", "精品五花肉", "云南小瓜", "进口香蕉", "活鲈鱼")


def has_fonts() -> bool:
    """Whether the font is there that labels are printed in."""
    return all((FONTS / f"NotoSansCJK-{weight}.ttc").is_file() for weight in ("Regular", "Bold"))


@dataclass(frozen=True)
class Truth:
    """What a label says. `refused` marks one that must not be given a price."""

    design: str
    price: int
    currency: str = "CNY"
    name: str | None = None
    gtin: str | None = None
    unit_price: int | None = None
    unit: str | None = None
    member: int | None = None
    refused: bool = False


class Sheet:
    """A white label to write on; positions and sizes in pixels of a sheet 600 x 360."""

    def __init__(self, ground: tuple[int, int, int] = WHITE) -> None:
        for weight in ("Regular", "Bold"):
            if not (FONTS / f"NotoSansCJK-{weight}.ttc").is_file():
                raise FileNotFoundError(f"{FONTS}/NotoSansCJK-{weight}.ttc: install the font Noto Sans CJK (Debian: fonts-noto-cjk)")
        self.image = Image.new("RGB", (600, 360), ground)
        self.draw = ImageDraw.Draw(self.image)

    def write(self, x: int, y: int, text: str, size: int, *, bold: bool = False, ink: tuple[int, int, int] = BLACK) -> int:
        """Text with its top at y; returns where it ends."""
        font = ImageFont.truetype(str(FONTS / f"NotoSansCJK-{'Bold' if bold else 'Regular'}.ttc"), size, index=2)
        top = font.getbbox("8")[1]
        self.draw.text((x, y - top), text, font=font, fill=ink)
        return int(x + self.draw.textlength(text, font=font))

    def code(self, x: int, y: int, gtin: str) -> None:
        """An EAN-13 with modules of 2 px."""
        symbol = zxingcpp.create_barcode(gtin[-13:], zxingcpp.BarcodeFormat.EAN13)
        bars = np.array(zxingcpp.write_barcode_to_image(symbol, scale=2, add_quiet_zones=True))[:60]
        self.image.paste(Image.fromarray(np.pad(bars, ((4, 4), (4, 4)), constant_values=255)), (x, y))

    def bgr(self) -> Picture:
        return np.asarray(cv2.cvtColor(np.asarray(self.image), cv2.COLOR_RGB2BGR), np.uint8)


def a_gtin(chance: np.random.Generator) -> str:
    payload = "069" + "".join(str(v) for v in chance.integers(0, 10, 10))
    return payload + str(check_digit(payload))


def a_price(chance: np.random.Generator, low: int = 100, high: int = 20000) -> int:
    """Mostly prices as shops like them, of 1 to 200 units."""
    price = int(np.exp(chance.uniform(np.log(low), np.log(high))))
    return price - price % 10 + 9 * int(chance.random() < 0.4)


def money(minor: int) -> str:
    return f"{minor / 100:.2f}"


def zh_standard(chance: np.random.Generator) -> tuple[Sheet, Truth]:
    """Name, content, a large red price with small decimals, unit price, bar code."""
    price, grams, gtin = a_price(chance), int(chance.choice([250, 400, 500, 750])), a_gtin(chance)
    name = str(chance.choice(ZH_NAMES))
    unit_price = round(price * 1000 / grams)
    sheet = Sheet()
    sheet.write(20, 18, name, 40, bold=True)
    sheet.write(20, 76, f"规格: {grams}g  产地: 上海  等级: 合格", 22)
    end = sheet.write(20, 140, "¥", 50, bold=True, ink=RED)
    end = sheet.write(end + 6, 120, str(price // 100), 130, bold=True, ink=RED)
    sheet.write(end + 2, 120 + 55, f".{price % 100:02d}", 65, bold=True, ink=RED)
    sheet.write(20, 270, f"单位价格 ¥{money(unit_price)}/kg", 24)
    sheet.code(350, 260, gtin)
    sheet.write(20, 315, "监督电话12358  2026-03-02", 18, ink=GREY)
    return sheet, Truth("zh_standard", price, "CNY", name, gtin, unit_price, "kg")


def zh_member(chance: np.random.Generator) -> tuple[Sheet, Truth]:
    """A price and a smaller one for members; the item's number in figures."""
    price, gtin = a_price(chance, 300), a_gtin(chance)
    member = int(price * 0.9)
    name = str(chance.choice(ZH_NAMES))
    sheet = Sheet()
    sheet.write(20, 20, f"品名: {name}", 34, bold=True)
    sheet.write(20, 80, "零售价", 26)
    sheet.write(60, 125, f"¥{money(price)}", 100, bold=True)
    sheet.write(300, 245, f"会员价 ¥{money(member)}", 36, bold=True, ink=RED)
    sheet.write(20, 310, gtin[-13:], 24)
    return sheet, Truth("zh_member", price, "CNY", name, gtin, member=member)


def zh_promotion(chance: np.random.Generator) -> tuple[Sheet, Truth]:
    """Yellow: a special price, and the old one smaller."""
    price = a_price(chance, 200)
    name = str(chance.choice(ZH_NAMES))
    sheet = Sheet(YELLOW)
    sheet.write(20, 20, "特价", 60, bold=True, ink=RED)
    sheet.write(190, 30, name, 40, bold=True)
    end = sheet.write(40, 130, money(price), 140, bold=True, ink=RED)
    sheet.write(end + 8, 195, "元/瓶", 40)
    sheet.write(40, 300, f"原价 {money(int(price * 1.3))}元", 30)
    sheet.write(320, 300, "03月02日-03月15日", 24)
    return sheet, Truth("zh_promotion", price, "CNY", name)


def zh_fresh(chance: np.random.Generator) -> tuple[Sheet, Truth]:
    """Sold by weight: the only amount is that of 500 g."""
    price = a_price(chance, 100, 6000)
    name = str(chance.choice(FRESH))
    sheet = Sheet()
    sheet.write(20, 20, name, 60, bold=True)
    end = sheet.write(40, 130, money(price), 120, bold=True)
    sheet.write(end + 8, 180, "元/500g", 40)
    sheet.write(20, 300, "产地: 山东", 28)
    return sheet, Truth("zh_fresh", price, "CNY", name, None, price, "500g")


def zh_raised(chance: np.random.Generator) -> tuple[Sheet, Truth]:
    """Decimals raised and without a point."""
    price = a_price(chance, 300, 10000)
    name = str(chance.choice(ZH_NAMES))
    sheet = Sheet()
    sheet.write(20, 20, name, 44, bold=True)
    end = sheet.write(40, 160, "¥", 60, bold=True, ink=RED)
    end = sheet.write(end + 6, 120, str(price // 100), 150, bold=True, ink=RED)
    sheet.write(end + 6, 120, f"{price % 100:02d}", 70, bold=True, ink=RED)
    return sheet, Truth("zh_raised", price, "CNY", name)


def en_standard(chance: np.random.Generator) -> tuple[Sheet, Truth]:
    """Name, a large dollar price, unit price."""
    price, grams, gtin = a_price(chance), int(chance.choice([200, 400, 500, 800])), a_gtin(chance)
    name = str(chance.choice(EN_NAMES))
    unit_price = round(price * 100 / grams)
    sheet = Sheet()
    sheet.write(20, 20, name, 44, bold=True)
    sheet.write(20, 84, f"{grams}g", 28)
    sheet.write(60, 130, f"${money(price)}", 120, bold=True)
    sheet.write(20, 275, f"Unit price ${money(unit_price)}/100g", 26)
    sheet.code(350, 265, gtin)
    return sheet, Truth("en_standard", price, "USD", name, gtin, unit_price, "100g")


def en_sale(chance: np.random.Generator) -> tuple[Sheet, Truth]:
    """Was and now, white on red."""
    price = a_price(chance, 200)
    name = str(chance.choice(EN_NAMES))
    sheet = Sheet((190, 20, 30))
    sheet.write(20, 20, name, 44, bold=True, ink=WHITE)
    sheet.write(20, 100, f"WAS £{money(int(price * 1.25))}", 40, ink=WHITE)
    sheet.write(20, 200, "NOW", 60, bold=True, ink=WHITE)
    sheet.write(190, 160, f"£{money(price)}", 110, bold=True, ink=YELLOW)
    sheet.write(20, 310, f"SAVE £{money(int(price * 1.25) - price)}", 32, ink=WHITE)
    return sheet, Truth("en_sale", price, "GBP", name)


def two_prices(chance: np.random.Generator) -> tuple[Sheet, Truth]:
    """Two amounts of one size and nothing to tell them apart."""
    price = a_price(chance, 300, 5000)
    sheet = Sheet()
    sheet.write(20, 20, str(chance.choice(ZH_NAMES)), 40, bold=True)
    sheet.write(30, 120, f"¥{money(price)}", 80, bold=True)
    sheet.write(30, 240, f"¥{money(price + 250)}", 80, bold=True)
    return sheet, Truth("two_prices", price, refused=True)


DESIGNS = (zh_standard, zh_member, zh_promotion, zh_fresh, zh_raised, en_standard, en_sale, two_prices)


@dataclass(frozen=True)
class Camera:
    """How a label is seen: its width in pixels, skew (share by which corners move), blur (sigma in pixels), glare 0..1, noise, JPEG."""

    width: int = 480
    skew: float = 0.0
    blur: float = 0.0
    glare: float = 0.0
    noise: float = 2.0
    quality: int = 90


CLEAN = Camera()
SLANTED = Camera(width=360, skew=0.08, blur=0.6, noise=4, quality=80)
SMALL = Camera(width=200, skew=0.03, blur=0.5, noise=4, quality=75)
BLURRED = Camera(width=320, skew=0.05, blur=2.0, noise=5, quality=70)
GLARING = Camera(width=360, skew=0.05, blur=0.6, glare=0.8, noise=4, quality=75)
CAMERAS = {"clean": CLEAN, "slanted": SLANTED, "small": SMALL, "blurred": BLURRED, "glaring": GLARING}


def seen(sheet: Picture, camera: Camera, chance: np.random.Generator) -> Picture:
    """The label as the camera sees it, filling most of the picture, before a shelf of dull colours."""
    height, width = sheet.shape[:2]
    wide, high = camera.width, round(camera.width * height / width)
    margin = round(0.06 * wide)
    shape = (wide + 2 * margin, high + 2 * margin)
    corners = np.array([[0, 0], [wide, 0], [wide, high], [0, high]], np.float32) + margin
    corners += chance.uniform(-camera.skew, camera.skew, (4, 2)).astype(np.float32) * (wide / 2, high / 2)
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(source, corners.astype(np.float32))
    four = np.diag([4.0, 4.0, 1.0])
    ground = np.full((shape[1] * 4, shape[0] * 4, 3), chance.integers(60, 150, 3), np.uint8)
    large = cv2.warpPerspective(sheet, four @ matrix, (shape[0] * 4, shape[1] * 4), dst=ground, borderMode=cv2.BORDER_TRANSPARENT)
    return filmed(cv2.resize(large, shape, interpolation=cv2.INTER_AREA).astype(np.float32) * chance.uniform(0.7, 1.0), camera, chance)


def filmed(picture: Any, camera: Camera, chance: np.random.Generator) -> Picture:
    """A picture (BGR 0..255) with the camera's glare, blur and noise, packed as JPEG and unpacked."""
    high, wide = picture.shape[:2]
    picture = picture.astype(np.float32)
    if camera.glare:
        ys, xs = np.mgrid[0:high, 0:wide]
        x, y = chance.uniform(0.2, 0.8) * wide, chance.uniform(0.2, 0.8) * high
        spot = np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / (2 * (0.15 * wide) ** 2))[..., None] * camera.glare
        picture = picture * (1 - spot) + 255 * spot
    if camera.blur:
        picture = cv2.GaussianBlur(picture, (0, 0), camera.blur)
    noisy = (picture + chance.normal(0, camera.noise, picture.shape)).clip(0, 255).astype(np.uint8)
    _, packed = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, camera.quality])
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)


def labels(count: int, camera: Camera, seed: int) -> list[tuple[Picture, Truth]]:
    """`count` pictures of labels of every design in turn, with what they say."""
    chance = np.random.default_rng(seed)
    found = []
    for number in range(count):
        sheet, truth = DESIGNS[number % len(DESIGNS)](chance)
        found.append((seen(sheet.bgr(), camera, chance), replace(truth)))
    return found
