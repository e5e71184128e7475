"""Plates by colour."""

import numpy as np
import pytest

from storeloom.workers.checkout.dishware import colour_of, rim_colour
from storeloom.workers.vision.errors import FrameError


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
