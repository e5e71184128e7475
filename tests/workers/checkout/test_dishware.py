"""Plates by colour."""

from types import SimpleNamespace

import numpy as np
import pytest

from storeloom.workers.checkout.dishware import colour_of, plate_colour, rim_colour
from storeloom.workers.vision.errors import FrameError
from storeloom.workers.vision.things import Seen


def test_the_rim_is_read_and_neither_food_nor_table() -> None:
    picture = np.full((200, 200, 3), 255, np.uint8)
    rows, columns = np.mgrid[:200, :200]
    away = np.hypot(rows - 99.5, columns - 99.5) / 60
    picture[away <= 1] = (32, 32, 208)  # a red plate of radius 60, BGR
    picture[away <= 0.7] = (20, 120, 20)  # greens on it
    assert rim_colour(picture, (0.2, 0.2, 0.6, 0.6)) == "#d02020"
    with pytest.raises(FrameError):
        rim_colour(picture, (1.5, 1.5, 0.2, 0.2))


@pytest.mark.parametrize(
    ("seen", "known"),
    [
        ("red", "Red"),
        ("RED", "Red"),
        ("#c82828", "Red"),
        ("#2050c0", "blue"),
        ("white", None),
        ("striped", "striped"),
        ("dotted", None),
        (None, None),
    ],
)
def test_a_colour_is_the_enrolled_one_it_is_like(seen: str, known: str | None) -> None:
    assert colour_of(None, ["Red"]) is None
    assert colour_of(seen, ["Red", "blue", "striped"]) == known


def test_the_rim_is_read_where_nothing_else_tells_the_colour() -> None:
    red = SimpleNamespace(pixels=np.full((50, 50, 3), (32, 32, 208), np.uint8))
    plain, told = (Seen("1", "plate", 0.9, (0.2, 0.2, 0.6, 0.6), attrs=attrs) for attrs in ({}, {"colour": "blue"}))
    assert plate_colour(red, plain, ["blue", "red"]) == "red" and plate_colour(red, told, ["blue", "red"]) == "blue"
    assert plate_colour(red, plain, []) is None and plate_colour(SimpleNamespace(pixels=None), plain, ["red"]) is None
