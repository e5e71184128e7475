"""A shelf label's picture: drawn in the label's own inks, packed as the planes that electronic-paper controllers take.

A plane is a bitmap of one ink: rows from the top, each filled up to whole bytes, leftmost pixel in the highest bit, 1 where there is ink;
where no plane has ink the paper is white. Prices are integers in minor units. Text is set in a font that has Chinese: Debian's
`fonts-noto-cjk` (SIL Open Font License) and the systems' own are found by themselves, others are named in the config.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from storeloom.hardware_adapters.links.errors import Code, DeviceError

if TYPE_CHECKING:
    from PIL.Image import Image as Page
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

Colours = Literal["bw", "bwr", "bwry"]
WHITE, BLACK, RED, YELLOW = 0, 1, 2, 3
INKS: Mapping[str, Mapping[str, int]] = {
    "bw": {"black": BLACK},
    "bwr": {"black": BLACK, "red": RED},
    "bwry": {"black": BLACK, "red": RED, "yellow": YELLOW},
}
PALETTE = (255, 255, 255, 0, 0, 0, 255, 0, 0, 255, 255, 0)
FONTS = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/google-noto-sans-cjk-fonts/NotoSansCJK-Bold.ttc",
    "/System/Library/Fonts/PingFang.ttc",
    "C:/Windows/Fonts/msyhbd.ttc",
    "C:/Windows/Fonts/msyh.ttc",
)
NOT_THERE = "\U0010fffd"


@dataclass(frozen=True)
class Look:
    """A label's size (px) and inks, and how prices are written on it."""

    width: int
    height: int
    colours: Colours = "bwr"
    sign: str = "¥"
    digits: int = 2

    def money(self, minor: object) -> str:
        if isinstance(minor, bool) or not isinstance(minor, int):
            return str(minor)
        whole, rest = divmod(abs(minor), 10**self.digits)
        tail = f".{rest:0{self.digits}d}" if self.digits else ""
        return f"{'-' if minor < 0 else ''}{self.sign}{whole}{tail}"


@dataclass
class Fonts:
    """One font in any size. DeviceError NO_SERVICE for a file that is none, and for text that it cannot set."""

    file: str = ""
    _sizes: dict[int, FreeTypeFont] = field(default_factory=dict)
    _known: set[str] = field(default_factory=set)

    def at(self, size: int) -> FreeTypeFont:
        if size not in self._sizes:
            self._sizes[size] = self._load(size)
        return self._sizes[size]

    def _load(self, size: int) -> FreeTypeFont:
        from PIL import ImageFont

        file = self.file or next((one for one in FONTS if Path(one).is_file()), "")
        if not file:
            return ImageFont.load_default(size)  # type: ignore[return-value]
        try:
            faces = [ImageFont.truetype(file, size, index=index) for index in ((0, 1, 2) if file.endswith(".ttc") else (0,))]
        except OSError as error:
            raise DeviceError(Code.NO_SERVICE, f"{file} is no font: {error}", f"{file} 不是可用的字体：{error}") from error
        return next((face for face in faces if " SC" in str(face.getname()[0])), faces[0])

    def check(self, text: str) -> None:
        """DeviceError where a character has no glyph: a label with boxes in place of words is worse than none."""
        font = self.at(16)
        for one in set(text) - self._known:
            if one.isspace():
                continue
            if bytes(font.getmask(one)) == bytes(font.getmask(NOT_THERE)):
                en = f"no glyph for '{one}': install fonts-noto-cjk, or name a font with it in font_file"
                raise DeviceError(Code.NO_SERVICE, en, f"字体缺少“{one}”：请安装 fonts-noto-cjk，或在 font_file 中指定字体")
            self._known.add(one)


@dataclass(frozen=True)
class Picture:
    """What a label is to show: its inks' planes and a hash over them."""

    look: Look
    planes: Mapping[str, bytes]

    @property
    def hash(self) -> str:
        digest = hashlib.sha256(f"{self.look.width}x{self.look.height}".encode())
        for ink, plane in self.planes.items():
            digest.update(ink.encode() + plane)
        return digest.hexdigest()[:16]


def picture(fields: Mapping[str, Any], look: Look, fonts: Fonts, *, gtin: str = "", image: str = "") -> Picture:
    """A label's picture from its fields (name, price, struck, unit_price, promo), or from a given image (PNG or JPEG as base64)."""
    drawn = _given(image, look) if image else _drawn(fields, look, fonts, gtin)
    return Picture(look, {ink: plane(drawn, index) for ink, index in INKS[look.colours].items()})


def plane(image: Page, index: int) -> bytes:
    """The pixels of one colour of a palette image, packed."""
    return image.point([255 if value == index else 0 for value in range(256)], "L").convert("1").tobytes()


def _palette_image(look: Look) -> Page:
    from PIL import Image

    one = Image.new("P", (look.width, look.height), WHITE)
    one.putpalette(PALETTE)
    return one


def _given(image: str, look: Look) -> Page:
    """A ready picture, fitted to the label and brought to its inks (Floyd-Steinberg)."""
    from PIL import Image, ImageOps

    try:
        raw = base64.b64decode(image.partition(",")[2] if image.startswith("data:") else image, validate=True)
        with Image.open(io.BytesIO(raw)) as opened:
            found = ImageOps.pad(opened.convert("RGB"), (look.width, look.height), color="white")
    except (binascii.Error, OSError, Image.DecompressionBombError) as error:
        raise DeviceError(Code.ILLEGAL, f"its image is none: {error}", f"图片无法读取：{error}") from error
    inks = Image.new("P", (1, 1))
    inks.putpalette(PALETTE[: 3 * (1 + len(INKS[look.colours]))])
    return found.quantize(palette=inks, dither=Image.Dither.FLOYDSTEINBERG)


def _drawn(fields: Mapping[str, Any], look: Look, fonts: Fonts, gtin: str) -> Page:
    from PIL import ImageDraw

    page = _palette_image(look)
    draw = ImageDraw.Draw(page)
    draw.fontmode = "1"
    width, height = look.width, look.height
    margin = max(2, height // 32)
    offer = "struck" in fields or bool(fields.get("promo"))
    name, price = str(fields.get("name", "")), look.money(fields["price"]) if "price" in fields else ""
    struck, unit_price, promo = (
        look.money(fields["struck"]) if "struck" in fields else "",
        look.money(fields["unit_price"]) if "unit_price" in fields else "",
        str(fields.get("promo") or ""),
    )
    fonts.check("".join((name, price, struck, unit_price, promo, gtin)))
    small = max(9, height // 9)
    top = _name(draw, name, fonts, (margin, margin, width - 2 * margin), max(10, height // 6))
    font = _fit(draw, price, fonts, int(width * (0.62 if width > height else 1.0)) - 2 * margin, max(12, int((height - top) * 0.62)))
    ink = RED if offer and "r" in look.colours else BLACK
    draw.text((width - margin, height - margin), price, fill=ink, font=font, anchor="rb")
    line = height - margin
    for text in (gtin, unit_price):
        if text:
            draw.text((margin, line), text, fill=BLACK, font=_fit(draw, text, fonts, int(width * 0.36), small), anchor="lb")
            line -= small + margin
    if struck:
        font = _fit(draw, struck, fonts, int(width * 0.36), small)
        draw.text((margin, line), struck, fill=BLACK, font=font, anchor="lb")
        left, upper, right, lower = draw.textbbox((margin, line), struck, font=font, anchor="lb")
        draw.line((left, (upper + lower) // 2, right, (upper + lower) // 2), fill=BLACK, width=max(1, height // 64))
        line -= small + margin
    if promo:
        _band(draw, promo, look, fonts, (margin, int(top) + margin, int(width * 0.36), small))
    return page


def _band(draw: ImageDraw, text: str, look: Look, fonts: Fonts, place: tuple[int, int, int, int]) -> None:
    """A word of the offer, set off by its ground: yellow, else red, else black."""
    left, top, width, size = place
    ground = YELLOW if "y" in look.colours else RED if "r" in look.colours else BLACK
    font = _fit(draw, text, fonts, width - 4, size)
    draw.rectangle((left, top, left + width, top + size + 4), fill=ground)
    draw.text((left + 2, top + 2), text, fill=BLACK if ground == YELLOW else WHITE, font=font, anchor="lt")


def _fit(draw: ImageDraw, text: str, fonts: Fonts, width: int, size: int) -> FreeTypeFont:
    """The font in the largest size, at most `size`, in which the text is not wider."""
    while size > 8 and draw.textlength(text, font=fonts.at(size)) > width:
        size = max(8, int(size * 0.9))
    return fonts.at(size)


def _name(draw: ImageDraw, text: str, fonts: Fonts, place: tuple[int, int, int], size: int) -> int:
    """Up to two lines of a name, the second cut off with an ellipsis where it is too long; where they end."""
    left, top, width = place
    font, rest = fonts.at(size), text
    for number in range(2):
        if not rest:
            break
        count = max(1, bisect_right(range(1, len(rest) + 1), width, key=lambda n: int(draw.textlength(rest[:n], font=font))))
        line, rest = rest[:count], rest[count:]
        if rest and number == 1:
            line = line[:-1] + "…"
        draw.text((left, top), line, fill=BLACK, font=font, anchor="lt")
        top += int(size * 1.15)
    return top
