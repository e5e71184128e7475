"""How full slots and bins look, on drawn shelves and on plain arrays."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from storeloom.workers.vision import slot_look
from storeloom.workers.vision.errors import GeometryError
from storeloom.workers.vision.rendering import CLEAN
from storeloom.workers.vision.rendering_places import heap, shelf

WHOLE = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]


def box_of(x: float, y: float, width: float, height: float) -> list[tuple[float, float]]:
    return [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]


@pytest.mark.parametrize(("back", "with_picture"), [("plain", False), ("plain", True), ("perforated", True)])
def test_empty_slots_are_told_from_full_ones(back: str, with_picture: bool) -> None:
    drawn = shelf(back, CLEAN, np.random.default_rng(5))
    for box, facings in zip(drawn.slots, drawn.facings, strict=True):
        polygon = box_of(*box)
        slot = {"polygon": polygon} | ({"empty": slot_look.enrol(drawn.bare, polygon)} if with_picture else {})
        _, filled = slot_look.filled(drawn.picture, slot, (), (), ())
        if facings == 0:
            assert filled <= 0.3
        elif facings == drawn.planned:
            assert filled > 0.3


def test_foreign_goods_do_not_fill_a_slot_and_known_ones_do() -> None:
    picture = np.full((100, 100, 3), 128, np.uint8)
    picture[:, 50:] = np.random.default_rng(1).integers(0, 256, (100, 50, 3))
    left, right = (0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 0.5, 1.0)
    slot = {"polygon": WHOLE}
    assert slot_look.filled(picture, slot, (), (right,), ())[1] < 0.1
    assert slot_look.filled(picture, slot, (left,), (), ())[1] > 0.95
    assert slot_look.filled(picture, slot, (), (), ((0, 0, 1, 1),)) == (False, 0.0)


def test_a_bin_is_measured_between_its_empty_and_its_full_picture() -> None:
    drawn = heap(CLEAN, np.random.default_rng(3))
    slot = {"polygon": WHOLE, "empty": slot_look.enrol(drawn.empty, WHOLE), "full": slot_look.enrol(drawn.full, WHOLE)}
    for picture, fullness in ((drawn.empty, 0.0), (drawn.full, 1.0), (drawn.now, drawn.filled)):
        dark, found = slot_look.fullness(picture, slot, ())
        assert not dark and found == pytest.approx(fullness, abs=0.1)
    assert slot_look.fullness(drawn.now, {"polygon": WHOLE, "empty": slot["empty"]}, ()) == (False, None)
    assert slot_look.fullness(drawn.now, {**slot, "full": slot["empty"]}, ()) == (False, None)


def test_the_dark_is_told() -> None:
    assert slot_look.too_dark(np.full((40, 40, 3), 12, np.uint8), WHOLE)
    assert not slot_look.too_dark(np.full((40, 40, 3), 60, np.uint8), WHOLE)


@pytest.mark.parametrize("kept", ["no base64!", base64.b64encode(b"no picture").decode()])
def test_a_reference_that_is_no_picture_is_refused(kept: str) -> None:
    with pytest.raises(GeometryError, match="no picture"):
        slot_look.reference(kept, (8, 8))
