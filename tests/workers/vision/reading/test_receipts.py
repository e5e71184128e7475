"""Receipts drawn and photographed at several angles: what is read of them, what their hashes tell apart."""

from __future__ import annotations

import base64
from datetime import date, datetime

import cv2
import numpy as np
import pytest

from storeloom.workers.vision.errors import FrameError
from storeloom.workers.vision.reading.receipt_rules import Receipt, differing_bits
from storeloom.workers.vision.reading.receipts import decode, lay_flat, perceptual_hash
from storeloom.workers.vision.reading.text import TextReader
from storeloom.workers.vision.rendering import Picture, has_fonts
from tests.workers.vision.rendered_receipts import EN, ZH, photo, receipt

ON = date(2026, 3, 3)


@pytest.fixture(scope="module", autouse=True)
def fonts() -> None:
    if not has_fonts():
        pytest.skip("font Noto Sans CJK absent")


def read(picture: Picture, reader: TextReader) -> Receipt:
    return lay_flat(picture, reader.read).receipt(ON)


@pytest.mark.parametrize("angle", [0, -7, 33, 90, 180])
def test_a_chinese_receipt_is_read_at_any_angle(text_reader: TextReader, angle: int) -> None:
    found = read(photo(receipt(ZH), angle, light=0.75), text_reader)
    assert found.tax is not None and found.number is not None
    assert (found.tax.value, found.number.value, found.total) == ("91310000607200123X", "88123", 25880)
    assert found.time == datetime(2026, 3, 2, 14, 5, 33)
    assert found.header[0].value.startswith("优衣库")
    assert min(found.number.score, found.time_score, found.total_score) > 0.9


@pytest.mark.parametrize("angle", [0, 15, -120])
def test_an_english_receipt_is_read_at_any_angle(text_reader: TextReader, angle: int) -> None:
    found = read(photo(receipt(EN), angle), text_reader)
    assert found.tax is None and found.number is not None
    assert (found.number.value, found.total, found.time) == ("A-20417", 1485, datetime(2026, 3, 2, 9, 41))
    assert found.header[0].value == "HARBOUR COFFEE"


def test_cards_and_names_do_not_get_into_its_text(text_reader: TextReader) -> None:
    text = read(photo(receipt(ZH), -7), text_reader).text + read(photo(receipt(EN), 0), text_reader).text
    assert all(word not in text for word in ("6222", "0212", "王小明", "4111", "Alice", "Brown"))
    assert all(word in text for word in ("88123", "258.80", "A-20417", "91310000607200123X"))


def test_the_picture_that_a_person_judges_shows_neither_card_nor_name(text_reader: TextReader) -> None:
    shown = decode(lay_flat(photo(receipt(ZH), 20), text_reader.read).blanked())
    text = "".join(line.text for line in text_reader.read(shown))
    assert all(word not in text for word in ("6222", "0212", "7890", "王小明"))
    assert all(word in text for word in ("88123", "258.80", "2026-03-02"))


def test_a_long_receipt_is_read_in_bands(text_reader: TextReader) -> None:
    goods = [f"商品{n:02d}           1   {n + 10}.50" for n in range(40)]
    found = read(photo(receipt((*ZH[:5], *goods, *ZH[9:])), 4), text_reader)
    assert found.number is not None and (found.number.value, found.total) == ("88123", 25880)
    assert sum(f"商品{n:02d}" in found.text for n in range(40)) >= 38


def test_a_photo_without_a_receipt_says_nothing(text_reader: TextReader) -> None:
    found = read(np.full((300, 200, 3), 90, np.uint8), text_reader)
    assert (found.header, found.tax, found.number, found.time, found.total, found.text) == ((), None, None, None, None, "")
    assert found.hash is not None and len(found.hash) == 16


def test_the_hash_knows_the_same_photo_again() -> None:
    first = photo(receipt(ZH), 12)
    same = perceptual_hash(first)
    small = cv2.resize(first, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA)
    packed = decode(cv2.imencode(".jpg", first, [cv2.IMWRITE_JPEG_QUALITY, 30])[1].tobytes())
    edited = photo(receipt([line.replace("258.80", "758.80") for line in ZH]), 12)
    darker = (first * 0.8).astype(np.uint8)
    assert all(differing_bits(same, perceptual_hash(np.asarray(other, np.uint8))) <= 3 for other in (small, packed, edited, darker))
    others = [photo(receipt(ZH), 25), photo(receipt(ZH), 90), photo(receipt(EN), 12), photo(receipt(EN), -30)]
    assert all(differing_bits(same, perceptual_hash(other)) > 6 for other in others)


def test_a_photo_is_taken_as_file_bytes_base64_or_data_url() -> None:
    slip = receipt(EN)
    data = cv2.imencode(".png", slip)[1].tobytes()
    text = base64.b64encode(data).decode()
    for given in (data, text, f"data:image/png;base64,{text}"):
        assert np.array_equal(decode(given), slip)
    for wrong in (b"", b"no picture", "no base64!", base64.b64encode(b"no picture").decode()):
        with pytest.raises(FrameError):
            decode(wrong)
