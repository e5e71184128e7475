"""Small moving things, on drawn pictures."""

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from storeloom.workers.vision.boxes import centre
from storeloom.workers.vision.movement import MovementRule, step

RULE = MovementRule()


def floor(*spots: tuple[int, int, int], light: int = 90) -> NDArray[np.uint8]:
    """A grey floor with fixed texture and dark squares (left, top, side)."""
    picture = np.full((180, 320, 3), light, np.uint8)
    picture[::20] += 10
    for left, top, side in spots:
        picture[top : top + side, left : left + side] = 20
    return picture


def run(pictures: list[NDArray[np.uint8]], gap_s: float = 0.5) -> list[dict[str, Any]]:
    state: dict[str, Any] = {}
    found = []
    for number, picture in enumerate(pictures):
        state, boxes = step(json.loads(json.dumps(state)), RULE, picture, number * gap_s)
        found.append(boxes)
    return found


def test_what_runs_keeps_its_name_and_its_place_is_told() -> None:
    found = run([floor(), *(floor((40 + 12 * k, 150, 8)) for k in range(5)), floor()])
    assert [list(boxes) for boxes in found] == [[], ["0"], ["0"], ["0"], ["0"], ["0"], []]
    assert centre(found[3]["0"]) == pytest.approx(((64 + 4) / 320, (150 + 4) / 180), abs=0.01)


def test_two_things_keep_apart() -> None:
    found = run([floor(), *(floor((40 + 10 * k, 150, 8), (280 - 10 * k, 30, 8)) for k in range(4))])
    assert [sorted(boxes) for boxes in found[1:]] == [["0", "1"]] * 4
    left = next(name for name, box in found[1].items() if box[0] < 0.5)
    assert found[4][left][0] == pytest.approx(70 / 320, abs=0.01)


def test_a_lamp_a_person_and_a_still_floor_are_no_small_things() -> None:
    assert run([floor(), floor(), floor(light=200), floor(light=200)]) == [{}, {}, {}, {}]
    assert run([floor(), floor((100, 40, 90))]) == [{}, {}]


def test_after_three_seconds_out_of_sight_it_is_another() -> None:
    found = run([floor(), floor((40, 150, 8)), *(floor() for _ in range(8)), floor((40, 150, 8))])
    assert (list(found[1]), list(found[-1])) == (["0"], ["1"])
