"""Reading the photo of a receipt: turned upright, cut to its print, read line by line, understood; and its perceptual hash.

The photo's print tells how it lies: each line found knows where it begins, so that photos on their side and upside down are turned too.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import cv2
import numpy as np

from storeloom.workers.vision.errors import FrameError
from storeloom.workers.vision.privacy import blur
from storeloom.workers.vision.reading.networks import Image, check_picture
from storeloom.workers.vision.reading.receipt_rules import Receipt, is_private, row_of, rows_of_parts, understand
from storeloom.workers.vision.reading.results import Text

Texts = Callable[[Image], Sequence[Text]]
LONGEST = 2400
JPEG_QUALITY = 85
BAND = 1.2
OVERLAP = 0.2
MARGIN = 0.03
HASH_SIDE, HASH_LOW = 32, 8
SAME_LINE = 0.5


def decode(data: bytes | str) -> Image:
    """A photo as BGR uint8, from the bytes of a JPEG, PNG or WebP file, or from their base64 text (a data URL too).

    FrameError where they are no picture.
    """
    if isinstance(data, str):
        try:
            data = base64.b64decode(data.rpartition(",")[2] if data.startswith("data:") else data, validate=True)
        except (binascii.Error, ValueError) as error:
            raise FrameError("The photo's text is no base64.", "photo", "Give the base64 of a JPEG, PNG or WebP file.") from error
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if picture is None:
        raise FrameError("The photo is no picture.", "photo", "Give a JPEG, PNG or WebP file.")
    return np.asarray(picture, np.uint8)


@dataclass(frozen=True)
class Page:
    """A photographed receipt laid flat: the part of the photo that holds its print, upright (all of it where nothing is legible); its lines
    and the photo's perceptual hash."""

    picture: Image
    lines: tuple[Text, ...]
    hash: str

    def receipt(self, on: date, *, minor_digits: int = 2) -> Receipt:
        """What it says; all fields None where nothing is legible. `on` is the store day of the upload."""
        return understand(self.lines, on, minor_digits=minor_digits, hash64=self.hash)

    def blanked(self) -> bytes:
        """Its picture as a JPEG file for a person to judge, lines that name a card or a person made illegible."""
        hidden = [part.box for parts in rows_of_parts(self.lines) if is_private(row_of(parts).text) for part in parts]
        done, data = cv2.imencode(".jpg", blur(self.picture, hidden), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        assert done
        return data.tobytes()


def lay_flat(picture: Image, texts: Texts) -> Page:
    """Find the print in a photo and read its lines. `texts` finds and reads the lines of a picture (`TextReader.read`, or a `View`'s).

    FrameError where the array is no picture.
    """
    check_picture(picture)
    hash64 = perceptual_hash(picture)
    longest = max(picture.shape[:2])
    if longest > LONGEST:
        share = LONGEST / longest
        picture = np.asarray(cv2.resize(picture, None, fx=share, fy=share, interpolation=cv2.INTER_AREA), np.uint8)
    print_ = upright(picture, texts(picture))
    return Page(picture, (), hash64) if print_ is None else Page(print_, tuple(_by_bands(print_, texts)), hash64)


def upright(picture: Image, lines: Sequence[Text]) -> Image | None:
    """The part of a photo that holds its print, turned so that its lines run level; None without lines.

    The angle is the median of the lines', each counted by its length.
    """
    if not lines:
        return None
    height, width = picture.shape[:2]
    quads = np.array([line.quad for line in lines], np.float64) * (width, height)
    along = (quads[:, 1] - quads[:, 0] + quads[:, 2] - quads[:, 3]) / 2
    lengths = np.linalg.norm(along, axis=1)
    rough = math.atan2(*reversed((along * lengths[:, None]).sum(axis=0).tolist()))
    off = (np.arctan2(along[:, 1], along[:, 0]) - rough + np.pi) % (2 * np.pi) - np.pi
    order = np.argsort(off)
    middle = order[int(np.searchsorted(np.cumsum(lengths[order]), lengths.sum() / 2))]
    angle = rough + float(off[middle])
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    level = quads.reshape(-1, 2) @ turn.T
    low, high = level.min(axis=0), level.max(axis=0)
    pad = MARGIN * (high - low).max()
    size = np.maximum(np.ceil(high - low + 2 * pad), 8).astype(int)
    matrix = np.hstack([turn, (pad - low)[:, None]])
    flags = cv2.INTER_CUBIC
    return np.asarray(cv2.warpAffine(picture, matrix, (int(size[0]), int(size[1])), flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _by_bands(picture: Image, texts: Texts) -> list[Text]:
    """The lines of an upright receipt; a long one is read in overlapping bands, so that its print stays large enough to be found."""
    height, width = picture.shape[:2]
    tall = round(BAND * width)
    if height <= 1.5 * tall:
        return list(texts(picture))
    count = math.ceil((height - tall) / (tall * (1 - OVERLAP))) + 1
    tops = [round(n * (height - tall) / (count - 1)) for n in range(count)]
    found: list[Text] = []
    for top in tops:
        for line in texts(np.ascontiguousarray(picture[top : top + tall])):
            low, high = line.box[1], line.box[1] + line.box[3]
            if (low < 0.01 and top > 0) or (high > 0.99 and top + tall < height):
                continue  # cut by the band's edge; the next band holds the whole of it
            _add(found, _moved(line, tall / height, top / height))
    return found


def _moved(line: Text, share: float, top: float) -> Text:
    x, y, width, height = line.box
    a, b, c, d = ((px, py * share + top) for px, py in line.quad)
    return Text(line.text, line.score, (x, y * share + top, width, height * share), (a, b, c, d), line.chances)


def _add(found: list[Text], line: Text) -> None:
    """Take a line in, in place of the same line read less surely in the band before."""
    for number, other in enumerate(found):
        across = min(line.box[0] + line.box[2], other.box[0] + other.box[2]) - max(line.box[0], other.box[0])
        down = min(line.box[1] + line.box[3], other.box[1] + other.box[3]) - max(line.box[1], other.box[1])
        if across > SAME_LINE * min(line.box[2], other.box[2]) and down > SAME_LINE * min(line.box[3], other.box[3]):
            if line.score * len(line.text) > other.score * len(other.text):
                found[number] = line
            return
    found.append(line)


def perceptual_hash(picture: Image) -> str:
    """64 bits of a picture as 16 hex digits, alike for pictures that look alike: which of its 64 lowest frequencies lie above their median.

    Discrete cosine transform of the picture at 32 x 32 (Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010).
    The photo is hashed as it was taken: its frame, table and light tell it from that of another receipt of the same shop, while the same
    photo stays alike when it is scaled, compressed again, or has a few figures painted over.
    """
    small = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), (HASH_SIDE, HASH_SIDE), interpolation=cv2.INTER_AREA)
    low = cv2.dct(small.astype(np.float32))[1 : HASH_LOW + 1, 1 : HASH_LOW + 1].ravel()
    bits = low > np.median(low)
    return f"{int(''.join('1' if bit else '0' for bit in bits), 2):016x}"
