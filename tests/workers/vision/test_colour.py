"""Colours: published CIEDE2000 pairs, and trunks painted by hand."""

import numpy as np
import pytest

from storeloom.workers.vision import colour
from storeloom.workers.vision.errors import ColourError, FrameError

# Sharma, Wu and Dalal 2005, table 1
PAIRS = [
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0000),
    ((50, 0, 0), (50, -1, 2), 2.3669),
    ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
    ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
    ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((6.7747, -0.2908, -2.4247), (5.8714, -0.0985, -2.2286), 0.6377),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]


@pytest.mark.parametrize(("one", "two", "expected"), PAIRS)
def test_published_differences(one: colour.Lab, two: colour.Lab, expected: float) -> None:
    assert colour.difference(one, two) == pytest.approx(expected, abs=5e-5)
    assert colour.difference(two, one) == pytest.approx(expected, abs=5e-5)


def test_red_in_cielab() -> None:
    assert colour.lab((255, 0, 0)) == pytest.approx((53.24, 80.09, 67.20), abs=0.01)


def test_likeness_falls_with_the_difference() -> None:
    assert colour.likeness("#336699", "#336699") == 1
    assert colour.likeness("red", "#D02020") == 1
    assert colour.likeness("#336699", "#38699a") > 0.95
    assert colour.likeness("red", "green") == 0
    assert 0.2 < colour.likeness("navy", "blue") < 0.8
    assert colour.best_likeness("#336699", ["red", "#336699"]) == 1
    assert colour.best_likeness("#336699", []) == 0


def test_names() -> None:
    assert [colour.name_of(c) for c in ("#cc1111", "#0a0a0a", "#205090", "#f8f8f8")] == ["red", "black", "blue", "white"]


@pytest.mark.parametrize("wrong", ["", "#12345", "#12345g", "mauve-ish"])
def test_what_is_no_colour_is_refused(wrong: str) -> None:
    with pytest.raises(ColourError, match="no colour"):
        colour.parse(wrong)


def test_the_commonest_colour_of_the_trunk_wins() -> None:
    picture = np.full((200, 100, 3), 255, np.uint8)
    picture[40:110, 25:75] = (0x99, 0x66, 0x33)  # blue, green, red of #336699 on the trunk
    picture[50:70, 30:50] = (0, 0, 255)  # a red print
    assert colour.trunk_colour(picture, (0.0, 0.0, 1.0, 1.0)) == "#336699"
    half = np.hstack([np.zeros_like(picture), picture])
    assert colour.trunk_colour(half, (0.5, 0.0, 0.5, 1.0)) == "#336699"


def test_a_trunk_outside_the_picture_is_refused() -> None:
    with pytest.raises(FrameError, match="no pixel"):
        colour.trunk_colour(np.zeros((50, 50, 3), np.uint8), (1.2, 0.0, 0.2, 0.5))
