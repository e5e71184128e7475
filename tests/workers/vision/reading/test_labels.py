"""Drawn labels with exact truth, clean and as cameras see them: what is claimed is right, and what is unclear is refused."""

from __future__ import annotations

from datetime import date

import cv2
import numpy as np
import psutil
import pytest

from storeloom.workers.vision.reading.labels import LabelReader, has_small_end
from storeloom.workers.vision.rendering import BLACK, CAMERAS, CLEAN, DESIGNS, Sheet, has_fonts, labels, seen

ON = date(2026, 3, 2)
pytestmark = pytest.mark.skipif(not has_fonts(), reason="font Noto Sans CJK absent")


def test_clean_labels_of_every_design(label_reader: LabelReader) -> None:
    for picture, truth in labels(len(DESIGNS), CLEAN, 11):
        found = label_reader.read(picture, on=ON)
        if truth.refused:
            assert (found.price_minor, found.refusal) == (None, "two_prices"), truth
            continue
        assert (found.price_minor, found.currency, found.name) == (truth.price, truth.currency, truth.name), truth
        assert (found.member_price_minor, found.gtin) == (truth.member, truth.gtin), truth
        assert (found.unit_price_minor, found.unit) == (truth.unit_price, truth.unit), truth


@pytest.mark.parametrize("camera", ["slanted", "small", "blurred", "glaring"])
def test_labels_as_cameras_see_them(label_reader: LabelReader, camera: str) -> None:
    right = claimed = given = 0
    for picture, truth in labels(len(DESIGNS), CAMERAS[camera], 13):
        found = label_reader.read(picture, on=ON)
        claimed += found.price_minor is not None
        given += not truth.refused
        right += not truth.refused and found.price_minor == truth.price
    assert right / claimed >= 0.9 and right / given >= 0.7, (right, claimed, given)


def test_a_label_in_a_region_of_a_shelf(label_reader: LabelReader) -> None:
    chance = np.random.default_rng(3)
    sheet, truth = DESIGNS[1](chance)
    picture = seen(sheet.bgr(), CLEAN, chance)
    shelf = np.full((1080, 1920, 3), 90, np.uint8)
    height, width = picture.shape[:2]
    shelf[600 : 600 + height, 900 : 900 + width] = picture
    region = (900 / 1920, 600 / 1080, width / 1920, height / 1080)
    found = label_reader.read(shelf, region, on=ON)
    assert (found.price_minor, found.member_price_minor, found.gtin, found.box) == (truth.price, truth.member, truth.gtin, region)


def test_small_figures_at_the_end_are_told_by_their_height() -> None:
    sheet = Sheet()
    end = sheet.write(20, 20, "12", 100, bold=True, ink=BLACK)
    sheet.write(end, 20, "90", 50, bold=True, ink=BLACK)
    strip = sheet.bgr()[10:110, 10:260]
    assert has_small_end(cv2.resize(strip, (240, 96)), 4)
    assert not has_small_end(cv2.resize(strip, (240, 96)), 5)  # the point may be one of them, or two figures touch
    even = Sheet()
    even.write(20, 20, "1290", 100, bold=True)
    assert not has_small_end(cv2.resize(even.bgr()[10:110, 10:290], (280, 96)), 4)


def test_memory_stays_level_over_pictures_of_many_sizes(label_reader: LabelReader) -> None:
    chance = np.random.default_rng(2)
    pictures = [cv2.resize(picture, (int(chance.integers(120, 480)), int(chance.integers(80, 300)))) for picture, _ in labels(8, CLEAN, 5)]
    for picture in pictures:
        label_reader.read(picture, on=ON)
    process = psutil.Process()
    before = process.memory_info().rss
    for number in range(8):
        label_reader.read(pictures[number], on=ON)
    assert process.memory_info().rss - before < 60_000_000
