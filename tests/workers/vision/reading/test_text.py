"""Text on drawn labels: any way up, small, in a region, held to an alphabet; and what cannot be read."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from storeloom.workers.vision.errors import FrameError, GeometryError
from storeloom.workers.vision.reading.text import PRICE, TextReader
from storeloom.workers.vision.rendering import BLACK, Picture, Sheet, has_fonts


@pytest.fixture(scope="module")
def label() -> Picture:
    if not has_fonts():
        pytest.skip("font Noto Sans CJK absent")
    sheet = Sheet()
    sheet.write(30, 40, "清风抽纸 三层", 44, bold=True)
    sheet.write(30, 140, "Orange Juice 500ml", 36)
    sheet.write(30, 240, "会员价 ¥11.50", 44, bold=True, ink=BLACK)
    return sheet.bgr()


def words(reader: TextReader, picture: Picture) -> list[str]:
    return [text.text.replace(" ", "") for text in reader.read(picture)]


LINES = ["清风抽纸三层", "OrangeJuice500ml", "会员价¥11.50"]


def test_lines_are_read_from_top_to_bottom_with_their_places(text_reader: TextReader, label: Picture) -> None:
    found = text_reader.read(label)
    assert [text.text.replace(" ", "") for text in found] == LINES
    assert all(text.score > 0.9 and len(text.chances) == len(text.text) for text in found)
    x, y, width, height = found[1].box  # drawn from x 30 of 600 with capitals from y 140 of 360, about 36 high with its margins
    assert x == pytest.approx(0.05, abs=0.02) and y == pytest.approx(140 / 360, abs=0.04)
    assert 0.5 < width < 0.65 and 0.08 < height < 0.16


@pytest.mark.parametrize("turn", [cv2.ROTATE_180, cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_90_COUNTERCLOCKWISE])
def test_turned_pictures_give_the_same_lines(text_reader: TextReader, label: Picture, turn: int) -> None:
    assert sorted(words(text_reader, cv2.rotate(label, turn))) == sorted(LINES)


def test_the_quad_tells_which_way_up_a_line_is(text_reader: TextReader, label: Picture) -> None:
    first = next(text for text in text_reader.read(cv2.rotate(label, cv2.ROTATE_180)) if text.text.startswith("清风"))
    (x0, y0), (x1, _), _, (_, y3) = first.quad
    assert x1 < x0 and y3 < y0


def test_slanted_and_small_print_is_read(text_reader: TextReader, label: Picture) -> None:
    matrix = cv2.getRotationMatrix2D((300, 180), 20, 0.8)
    assert sorted(words(text_reader, cv2.warpAffine(label, matrix, (600, 400), borderValue=(255, 255, 255)))) == sorted(LINES)
    small = cv2.resize(label, (240, 144), interpolation=cv2.INTER_AREA)
    assert words(text_reader, small) == LINES


def test_a_region_is_read_alone_and_placed_in_the_whole_picture(text_reader: TextReader, label: Picture) -> None:
    whole = np.full((1080, 1920, 3), 128, np.uint8)
    whole[700:1060, 1200:1800] = label
    found = text_reader.read(whole, (1200 / 1920, 700 / 1080, 600 / 1920, 360 / 1080))
    assert [text.text.replace(" ", "") for text in found] == LINES
    assert found[2].box[0] == pytest.approx((1200 + 30) / 1920, abs=0.01)
    assert found[2].box[1] == pytest.approx((700 + 240) / 1080, abs=0.02)


def test_the_price_alphabet_keeps_only_prices(text_reader: TextReader, label: Picture) -> None:
    assert "¥11.50" in [text.text for text in text_reader.read(label, alphabet=PRICE)]


def test_an_empty_picture_has_no_text(text_reader: TextReader) -> None:
    assert text_reader.read(np.full((200, 300, 3), 200, np.uint8)) == ()
    assert text_reader.read(np.zeros((3, 5, 3), np.uint8)) == ()


def test_wrong_pictures_and_regions_are_refused(text_reader: TextReader, label: Picture) -> None:
    with pytest.raises(FrameError, match=r"float32 of shape \(4, 4, 3\)"):
        text_reader.read(np.zeros((4, 4, 3), np.float32))  # type: ignore[arg-type]
    with pytest.raises(GeometryError, match="holds no pixel"):
        text_reader.read(label, (1.2, 0.0, 0.5, 0.5))
