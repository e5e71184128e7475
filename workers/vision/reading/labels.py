"""From the pixels of a shelf price label to what it says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import cv2
import numpy as np

from storeloom.workers.vision.boxes import Box
from storeloom.workers.vision.reading.codes import CodeReader
from storeloom.workers.vision.reading.label_finding import label_groups
from storeloom.workers.vision.reading.label_rules import LabelRules, gtin_of, understand
from storeloom.workers.vision.reading.lines import straighten
from storeloom.workers.vision.reading.networks import Image, check_picture
from storeloom.workers.vision.reading.offer_dates import offer_end
from storeloom.workers.vision.reading.results import Code, PriceLabel, Text
from storeloom.workers.vision.reading.text import TextReader

RAISED = 0.8
STRIP = 96


class LabelReader:
    """Reads price labels with the text and code readers given (shared), or with its own. The rest is as in `LabelRules`."""

    def __init__(
        self,
        text: TextReader | None = None,
        codes: CodeReader | None = None,
        *,
        currency: str = "CNY",
        minor_digits: int = 2,
        whole_prices: bool = False,
    ) -> None:
        self._text = text if text is not None else TextReader()
        self._codes = codes if codes is not None else CodeReader(minor_digits=minor_digits)
        self._rules = LabelRules(currency, minor_digits, whole_prices=whole_prices)

    def read(self, picture: Image, region: Box | None = None, *, on: date) -> PriceLabel:
        """The label in a region (shares) of a BGR uint8 picture, or in all of it; `on` is the day of the frame.

        FrameError where the array is no picture, GeometryError for a region without pixels, ModelFault for an unusable model.
        """
        check_picture(picture)
        height, width = picture.shape[:2]
        texts = with_raised_cents(picture, self._text.read(picture, region))
        codes = self._codes.read(picture, region, on=on)
        return self._understood(texts, codes, width / height, on, region if region is not None else (0.0, 0.0, 1.0, 1.0))

    def find(self, picture: Image, texts: Sequence[Text], codes: Sequence[Code], *, on: date) -> list[PriceLabel]:
        """All labels of a picture, from the lines and codes read in the whole of it; one that gives no price so is read once more by
        itself, larger. Labels whose box is a single line are left out unless they name a price. Errors as in `read`.
        """
        check_picture(picture)
        height, width = picture.shape[:2]
        found = []
        for group in label_groups(texts, codes, width / height, self._rules.minor_digits):
            label = self._understood(with_raised_cents(picture, group.texts), group.codes, width / height, on, group.box)
            if label.price_minor is None:
                label = self.read(picture, group.box, on=on)
            elif label.gtin is None:
                label = replace(label, gtin=gtin_of((), self._codes.read(picture, group.box, on=on)))
            if label.price_minor is not None or len(group.texts) > 1:
                found.append(label)
        return found

    def _understood(self, texts: Sequence[Text], codes: Sequence[Code], aspect: float, on: date, box: Box) -> PriceLabel:
        label = understand(texts, codes, replace(self._rules, aspect=aspect), box)
        return replace(label, ends=offer_end([text.text for text in texts], on))


def with_raised_cents(picture: Image, texts: Sequence[Text]) -> tuple[Text, ...]:
    """The lines, with a point put before two last figures that are printed smaller than those before them and without a point."""
    height, width = picture.shape[:2]
    found = []
    for text in texts:
        if re.fullmatch(r"[¥￥$€£]?\s?\d{3,6}", text.text):
            quad = np.array([(x * width, y * height) for x, y in text.quad], np.float32)
            if has_small_end(straighten(picture, quad, STRIP, 16 * STRIP), len(re.sub(r"\D", "", text.text))):
                chances = (*text.chances[:-2], 1.0, *text.chances[-2:])
                text = replace(text, text=f"{text.text[:-2]}.{text.text[-2:]}", chances=chances)
        found.append(text)
    return tuple(found)


def has_small_end(strip: Image, figures: int) -> bool:
    """Whether the last two of a line's figures, as connected areas of ink, are clearly lower than all before them."""
    grey = cv2.cvtColor(strip, cv2.COLOR_BGR2GRAY)
    _, ink = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    if float(ink.mean()) > 0.5:
        ink = 1 - ink
    stats = cv2.connectedComponentsWithStats(ink)[2][1:]
    tall = stats[stats[:, cv2.CC_STAT_HEIGHT] > 0.25 * STRIP]
    heights = tall[np.argsort(tall[:, cv2.CC_STAT_LEFT]), cv2.CC_STAT_HEIGHT][-figures:]
    return len(heights) == figures and float(heights[-2:].max()) < RAISED * float(heights[:-2].min())
