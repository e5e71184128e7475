"""Number plates drawn after GA 36: of all colours, slanted, two at once; and the rules of their text."""

from __future__ import annotations

import numpy as np
import pytest

from storeloom.workers.vision.reading.lines import Reading
from storeloom.workers.vision.reading.plate_text import is_valid
from storeloom.workers.vision.reading.plates import PlateReader, agreed, background, decode, plate_anchors
from tests.workers.vision.rendered_plates import plate, street

FRONT = [(380, 260), (580, 260), (580, 324), (380, 324)]


@pytest.mark.parametrize(
    ("text", "colour"),
    [("粤B12345", "blue"), ("蒙GTVPPE", "yellow"), ("沪AD12345", "green"), ("京A1234警", "white"), ("浙C8K3M6", "black")],
)
def test_a_plate_of_each_colour(plate_reader: PlateReader, text: str, colour: str) -> None:
    (found,) = plate_reader.read(street([(plate(text, colour), FRONT)], 4))
    assert (found.text, found.colour, found.valid) == (text, colour, True)
    x, y, width, height = found.box
    assert x * 960 == pytest.approx(380, abs=14) and y * 540 == pytest.approx(260, abs=10)
    assert width * 960 == pytest.approx(200, abs=24) and height * 540 == pytest.approx(64, abs=14)


def test_a_slanted_plate(plate_reader: PlateReader) -> None:
    corners = [(300, 240), (455, 275), (450, 335), (298, 293)]
    (found,) = plate_reader.read(street([(plate("苏E05EV8", "blue"), corners)], 5, noise=6, quality=75))
    assert found.text == "苏E05EV8"
    assert np.allclose(np.array(found.quad) * (960, 540), corners, atol=16)


def test_two_cars_and_a_region_with_one(plate_reader: PlateReader) -> None:
    left = [(120, 300), (300, 300), (300, 357), (120, 357)]
    right = [(640, 300), (820, 300), (820, 352), (640, 352)]
    picture = street([(plate("鲁Q99K31", "blue"), left), (plate("川AD66524", "green"), right)], 6)
    assert {found.text for found in plate_reader.read(picture)} == {"鲁Q99K31", "川AD66524"}
    (alone,) = plate_reader.read(picture, (0.55, 0.3, 0.45, 0.6))
    assert alone.text == "川AD66524" and alone.box[0] * 960 == pytest.approx(640, abs=14)


def test_a_street_without_plates(plate_reader: PlateReader) -> None:
    assert plate_reader.read(street([], 7)) == ()


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("粤B12345", True),
        ("粤B1234学", True),
        ("粤BD12345", True),
        ("粤B12345F", True),
        ("使123456", True),
        ("粤BI2345", False),  # no I
        ("粤O12345", False),  # no O
        ("粤B1234", False),
        ("粤BX12345", False),  # no kind of new energy
        ("B123456", False),
    ],
)
def test_how_a_plate_is_built(text: str, valid: bool) -> None:
    assert is_valid(text) is valid


def reading(text: str, *chances: float) -> Reading:
    return Reading(text, chances, tuple(0.1 * k for k in range(len(text))))


def test_two_readings_make_one() -> None:
    both = agreed(reading("蒙A1", 0.9, 0.5, 0.4), reading("京A7", 0.99, 0.8, 0.95))
    assert both.text == "蒙A7"  # the second speaks only where the first is unsure
    assert both.chances == pytest.approx((0.9 * 0.6, 0.8, 0.95 * 0.6))


def test_of_readings_of_different_length_the_plate_goes() -> None:
    plain = reading("粤B12345", *[0.9] * 7)
    assert agreed(reading("粤B1234", *[0.9] * 6), plain) == plain
    both = agreed(plain, reading("粤BD12345", *[0.9] * 8))
    assert both.text == "粤B12345" and both.least == pytest.approx(0.54)


def test_anchors_and_offsets_by_hand() -> None:
    anchors = plate_anchors(32, 64, (32,), ((20, 40),))
    assert anchors.tolist() == [[16, 16, 20, 20], [16, 16, 40, 40], [48, 16, 20, 20], [48, 16, 40, 40]]
    offsets = np.array([[1.0, 0, 0, np.log(2) / 0.2]], np.float32)
    points = np.array([[1, 1, -1, 1, -1, -1, 1, -1]], np.float32)  # bottom right, bottom left, top left, top right
    boxes, corners = decode(offsets, points, anchors[:1], {"variances": [0.1, 0.2]})
    assert boxes[0] == pytest.approx([8, -4, 20, 40])  # centre 16 + 1 x 0.1 x 20 = 18
    assert np.allclose(corners[0], [[14, 14], [18, 14], [18, 18], [14, 18]])


@pytest.mark.parametrize(
    ("bgr", "colour"), [((170, 60, 10), "blue"), ((20, 180, 240), "yellow"), ((110, 190, 60), "green"), ((15, 15, 15), "black")]
)
def test_the_background_gives_the_colour(bgr: tuple[int, int, int], colour: str) -> None:
    flat = np.empty((40, 120, 3), np.uint8)
    flat[:] = bgr
    flat[10:30, 50:60] = 245 if colour != "yellow" else 10
    assert background(flat) == colour
