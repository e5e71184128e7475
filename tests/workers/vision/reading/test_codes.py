"""Codes that are drawn by a writer of the same standards, small, turned, blurred, several at once; and what they say."""

from __future__ import annotations

from datetime import date
from typing import Any

import cv2
import numpy as np
import pytest
import zxingcpp
from numpy.typing import NDArray
from zxingcpp import BarcodeFormat

from storeloom.workers.vision.reading.codes import CodeReader, bar_angles
from storeloom.workers.vision.reading.results import Code

ON = date(2026, 3, 2)
GTIN = "06901234567892"
Picture = NDArray[np.uint8]


def symbol(text: str, kind: BarcodeFormat, module: int = 3, **more: Any) -> Picture:
    made = zxingcpp.write_barcode_to_image(zxingcpp.create_barcode(text, kind, **more), scale=module, add_quiet_zones=True)
    return np.array(made)


def on_shelf(*symbols: tuple[Picture, int, int], size: tuple[int, int] = (480, 800)) -> Picture:
    sheet = np.full((*size, 3), 230, np.uint8)
    for picture, x, y in symbols:
        sheet[y : y + picture.shape[0], x : x + picture.shape[1]] = picture[..., None]
    return sheet


def turned(picture: Picture, degrees: float, module: float) -> Picture:
    """A symbol drawn with modules of 8 px, put into the middle of a 640 x 480 picture with modules of `module` px."""
    matrix = cv2.getRotationMatrix2D((0, 0), degrees, module / 2)
    matrix[:, 2] = (1280, 960) - matrix[:, :2] @ (picture.shape[1] / 2, picture.shape[0] / 2)
    large = np.full((1920, 2560), 230, np.uint8)
    cv2.warpAffine(picture, matrix, (2560, 1920), large, borderMode=cv2.BORDER_TRANSPARENT)
    return cv2.cvtColor(cv2.resize(large, (640, 480), interpolation=cv2.INTER_AREA), cv2.COLOR_GRAY2BGR)


def read(picture: Picture, **more: Any) -> tuple[Code, ...]:
    return CodeReader().read(picture, on=ON, **more)


@pytest.mark.parametrize(
    ("kind", "text", "more", "name", "gtin"),
    [
        (BarcodeFormat.EAN13, "6901234567892", {}, "EAN-13", GTIN),
        (BarcodeFormat.EAN8, "96385074", {}, "EAN-8", "00000096385074"),
        (BarcodeFormat.UPCA, "036000291452", {}, "UPC-A", "00036000291452"),
        (BarcodeFormat.UPCE, "01234565", {}, "UPC-E", "00012345000065"),
        (BarcodeFormat.ITF14, "16901234567899", {}, "ITF-14", "16901234567899"),
        (BarcodeFormat.Code128, "(01)06901234567892(17)261231", {"gs1": True}, "GS1-128", GTIN),
        (BarcodeFormat.Code128, "MEMBER-77", {}, "Code 128", None),
        (BarcodeFormat.DataBarOmni, "(01)06901234567892", {}, "DataBar", GTIN),
        (BarcodeFormat.DataBarLtd, "(01)06901234567892", {}, "DataBar Limited", GTIN),
        (BarcodeFormat.DataBarExp, "(01)06901234567892(10)L1", {}, "DataBar Expanded", GTIN),
        (BarcodeFormat.QRCode, "https://id.gs1.org/01/06901234567892?17=261231", {}, "QR Code", GTIN),
        (BarcodeFormat.QRCode, "https://example.com/menu", {}, "QR Code", None),
        (BarcodeFormat.DataMatrix, "(01)06901234567892(17)261231(10)AB12", {"gs1": True}, "GS1 DataMatrix", GTIN),
    ],
)
def test_each_symbology_names_its_item(kind: BarcodeFormat, text: str, more: dict[str, Any], name: str, gtin: str | None) -> None:
    (code,) = read(on_shelf((symbol(text, kind, 2, **more), 60, 60)))
    assert (code.format, code.gtin, code.fault) == (name, gtin, None)


def test_what_a_code_says_beside_its_item() -> None:
    (code,) = read(on_shelf((symbol("(01)06901234567892(17)261231(10)AB12", BarcodeFormat.DataMatrix, 6, gs1=True), 50, 50)))
    assert code.message is not None
    assert (code.message.expiry, code.message.lot) == (date(2026, 12, 31), "AB12")


def test_an_in_store_code_with_a_price_names_its_item() -> None:
    (code,) = read(on_shelf((symbol("2112345019901", BarcodeFormat.EAN13), 50, 50)))
    assert code.message is not None and code.message.price == 1990
    assert code.gtin == "02112345000008"


def test_several_codes_in_one_picture_from_left_to_right() -> None:
    found = read(
        on_shelf(
            (symbol("6901234567892", BarcodeFormat.EAN13), 20, 20),
            (symbol("https://id.gs1.org/01/09506000134352", BarcodeFormat.QRCode, 4), 420, 40),
            (symbol("16901234567899", BarcodeFormat.ITF14, 2), 60, 280),
        ),
        thorough=True,
    )
    assert [code.gtin for code in found] == [GTIN, "16901234567899", "09506000134352"]
    x, y, width, height = found[0].box
    assert (x, y) == (pytest.approx(53 / 800, abs=0.01), pytest.approx(20 / 480, abs=0.01))
    assert (width, height) == (pytest.approx(284 / 800, abs=0.01), pytest.approx(150 / 480, abs=0.02))


@pytest.mark.parametrize("degrees", [15, 40, 65, 90, 140, 180, 200])
@pytest.mark.parametrize("module", [1.5, 3])
def test_turned_and_small_codes_are_found_where_they_are(degrees: float, module: float) -> None:
    (code,) = read(turned(symbol("6901234567892", BarcodeFormat.EAN13, 8), degrees, module))
    assert code.gtin == GTIN
    x, y, width, height = code.box
    assert (x + width / 2, y + height / 2) == (pytest.approx(0.5, abs=0.06), pytest.approx(0.5, abs=0.08))


def test_a_blurred_code_is_read() -> None:
    picture = cv2.GaussianBlur(turned(symbol("6901234567892", BarcodeFormat.EAN13, 8), 5, 2), (0, 0), 1.3)
    assert [code.gtin for code in read(picture)] == [GTIN]


def test_stripes_and_noise_are_no_codes() -> None:
    chance = np.random.default_rng(5)
    noise = chance.integers(0, 256, (300, 400, 3), dtype=np.uint8)
    stripes = np.repeat(np.tile(np.array([0, 255], np.uint8), 100)[None, :], 300, axis=0)
    assert read(noise) == ()
    assert read(np.repeat(np.repeat(stripes, 2, axis=1)[..., None], 3, axis=2)) == ()


def test_the_angle_of_bars_is_told_by_the_structure_tensor() -> None:
    picture = turned(symbol("6901234567892", BarcodeFormat.EAN13, 8), 40, 3)
    (angle,) = bar_angles(picture[..., 0])[:1]
    assert abs(abs(angle) - 40) <= 5
    assert bar_angles(turned(symbol("6901234567892", BarcodeFormat.EAN13, 8), 0, 3)[..., 0]) == []


def test_a_code_that_breaks_the_rules_says_how() -> None:
    (code,) = read(on_shelf((symbol("https://id.gs1.org/01/06901234567891", BarcodeFormat.QRCode, 4), 50, 50)))
    assert code.gtin is None
    assert code.fault is not None or (code.message is not None and code.message.kind == "other")
