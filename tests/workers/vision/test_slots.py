"""Slots in a picture: shares by hand, scenes and pixels by the same question."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from storeloom.workers.vision import slots
from storeloom.workers.vision.pipeline import VisionWorker
from storeloom.workers.vision.view import View

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
SQUARE = [[0.0, 0.0], [0.5, 0.0], [0.5, 0.5], [0.0, 0.5]]


def scene(*objects: Mapping[str, Any], **more: Any) -> View:
    return VisionWorker().view({"camera": "c", "seq": 1, "scene": {"objects": list(objects), **more}}, AT)


def thing(cls: str, *box: float, **more: Any) -> dict[str, Any]:
    return {"class": cls, "box": list(box), **more}


def test_overlaps_count_once_and_what_lies_outside_not_at_all() -> None:
    assert slots.covered_share(SQUARE, []) == 0
    assert slots.covered_share(SQUARE, [(0, 0, 0.25, 0.5), (0.1, 0, 0.15, 0.25), (0.6, 0, 0.4, 1)]) == pytest.approx(0.5)
    assert slots.covered_share(SQUARE, [(-1, -1, 3, 3)]) == 1
    assert slots.covered_share([[0, 0], [1, 1], [0, 0]], [(0, 0, 1, 1)]) == 0


def test_slanted_and_concave_polygons_are_cut_exactly() -> None:
    triangle = [[0, 0], [1, 0], [0, 1]]
    assert slots.covered_share(triangle, [(0, 0, 0.5, 0.5)]) == pytest.approx(0.5)
    notched = [[0, 0], [1, 0], [1, 1], [0.5, 0.5], [0, 1]]  # 0.75 in area, both its feet cut at 0.75
    assert slots.covered_share(notched, [(0, 0.75, 1, 0.25)]) == pytest.approx(2 * 0.5 * 0.25 * 0.25 / 0.75)


def test_slots_of_a_camera_are_those_that_name_it_or_none() -> None:
    rows = [
        {"fixture": "F1", "slots": [{"slot": "a", "camera": "c", "polygon": SQUARE}, {"slot": "b", "camera": "d", "polygon": SQUARE}]},
        {"fixture": "F2", "slots": [{"slot": "e", "polygon": SQUARE}, {"slot": "f", "camera": "c"}]},
        {"fixture": "F3", "slots": 4},
    ]
    assert [(row["fixture"], slot["slot"]) for row, slot in slots.watched(rows, "c")] == [("F1", "a"), ("F2", "e")]


def test_a_hidden_part_is_neither_full_nor_empty() -> None:
    view = scene(thing("person", 0, 0, 0.1, 1), thing("item", 0.1, 0, 0.2, 0.5))
    front = slots.front(view, {"slot": "s", "polygon": SQUARE}, [(0.1, 0, 0.2, 0.5)])
    assert (front.visible, front.empty) == (pytest.approx(0.8), pytest.approx(0.5))
    hidden = slots.front(scene(thing("trolley", 0, 0, 1, 1)), {"polygon": SQUARE}, [])
    assert (hidden.visible, hidden.empty) == (0, 1)


def test_goods_are_all_but_people_labels_and_containers() -> None:
    view = scene(thing("bottle", 0.1, 0.1, 0.1, 0.1), thing("person", 0.1, 0.1, 0.1, 0.1), thing("price_label", 0.1, 0.4, 0.1, 0.05))
    assert [one.cls for one in slots.goods(view.observation.objects, SQUARE)] == ["bottle"]


def test_a_bin_tells_its_fill_or_its_heap_does() -> None:
    slot = {"polygon": SQUARE}
    assert slots.fullness(scene(thing("bin", 0, 0, 0.5, 0.5, fill=0.35)), slot, []) == (False, 0.35)
    assert slots.fullness(scene(thing("apple", 0, 0.25, 0.5, 0.25)), slot, []) == (False, pytest.approx(0.5))
    assert slots.fullness(scene(dark=True), slot, [])[0]


@pytest.mark.parametrize(("counted", "planned", "empty", "facings"), [(1, 3, 0.67, 1), (1, 2, 0.2, 2), (0, 4, 0.5, 2), (5, 3, 0.0, 5)])
def test_facings_by_count_or_by_filled_share(counted: int, planned: int, empty: float, facings: int) -> None:
    assert slots.facings(counted, planned, empty) == facings


def test_pixels_without_a_known_class_are_judged_by_their_look() -> None:
    class Nothing:
        score = 0.5

        def detect(self, frame: Any, *, min_score: float | None = None) -> list[Any]:
            return []

    picture = np.full((240, 320, 3), 150, np.uint8)
    picture[:120, :80] = np.random.default_rng(1).integers(0, 256, (120, 80, 3))
    view = VisionWorker(Nothing).view({"camera": "c", "seq": 1, "pixels": picture}, AT)
    front = slots.front(view, {"polygon": SQUARE}, [])
    assert (front.visible, front.dark) == (1, False) and 0.4 <= front.empty <= 0.55
    assert slots.front(view, {"polygon": [[0.6, 0.6], [0.9, 0.6], [0.9, 0.9], [0.6, 0.9]]}, []).empty > 0.95
