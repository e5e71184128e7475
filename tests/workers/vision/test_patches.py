"""Patches on a floor, followed, and found in drawn pictures."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from storeloom.workers.vision.patches import Patch, changed, follow, mirrors, overlaps
from storeloom.workers.vision.places import Place

SPOT = (0.4, 0.4, 0.2, 0.2)
PERSON = (0.35, 0.2, 0.2, 0.5)


def wet(box: tuple[float, float, float, float] = SPOT, area: float = 0.12) -> Patch:
    return Patch(box, area, True)


def test_thirty_per_cent_of_either_makes_them_one() -> None:
    assert overlaps((0, 0, 1, 1), (0.7, 0, 1, 1))
    assert not overlaps((0, 0, 1, 1), (0.71, 0, 1, 1))
    assert overlaps((0, 0, 1, 1), (0.4, 0.4, 0.1, 0.1))


def test_time_counts_while_it_is_seen_and_what_is_clean_is_forgotten() -> None:
    state: dict[str, Any] = {}
    assert follow(state, [wet()], (), 0, (), 7) == ["7"]
    follow(state, [wet()], (), 40, (), 8)
    follow(state, [], (PERSON,), 60, (), 8)
    assert (state["7"]["look"], state["7"]["held_s"], state["7"]["hidden_s"]) == ("hidden", 40, 60)
    follow(state, [wet()], (), 100, (), 8)
    follow(state, [wet(area=0.2), wet((0.5, 0.4, 0.2, 0.2))], (), 150, (), 8)
    assert (state["7"]["held_s"], state["7"]["area_m2"], state["7"]["hidden_s"], len(state)) == (90, 0.2, None, 1)
    follow(state, [], (), 160, ("7",), 8)
    assert state["7"]["look"] == "clean"
    follow(state, [], (), 170, (), 8)
    assert state == {}


def floor(*spots: tuple[int, int, int, tuple[int, int, int]]) -> NDArray[np.uint8]:
    """A plain floor of 320 x 180 with squares (left, top, side, BGR)."""
    picture = np.full((180, 320, 3), (120, 130, 125), np.uint8)
    for left, top, side, colour in spots:
        picture[top : top + side, left : left + side] = colour
    return picture


def test_a_patch_on_a_learnt_floor_has_its_area() -> None:
    place = Place("z1", picture=((0, 0), (1, 0), (1, 1), (0, 1)), area_m2=18.0)
    state: dict[str, Any] = {}
    for t_s in range(5):
        state, found = changed(state, place, floor(), (), t_s, settled=True)
        assert found == []
    state, found = changed(state, place, floor((100, 80, 32, (20, 30, 160))), (), 6, settled=True)
    assert len(found) == 1
    # 32 x 32 of 320 x 180 pixels on 18 m2: 0.32 m2 of box, an ellipse of it
    assert found[0].area_m2 == pytest.approx(0.32 * np.pi / 4, rel=0.15)
    assert not found[0].wet


def test_glints_make_it_wet() -> None:
    puddle = floor((100, 80, 32, (90, 100, 95)), (110, 90, 8, (250, 250, 250)))
    box = (100 / 320, 80 / 180, 32 / 320, 32 / 180)
    assert mirrors(puddle, box)
    assert not mirrors(floor((100, 80, 32, (90, 100, 95))), box)
    assert not mirrors(np.full((180, 320, 3), 250, np.uint8), box)
