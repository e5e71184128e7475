"""The watches of kitchen, floor, night and pass on drawn pixels, where no scene says what is seen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from storeloom.plugins.personnel.staff_conduct.dish_standard import DishStandard
from storeloom.plugins.personnel.staff_conduct.floor_hygiene_watch import FloorHygieneWatch
from storeloom.plugins.personnel.staff_conduct.kitchen_conduct import KitchenConduct
from storeloom.plugins.personnel.staff_conduct.rodent_watch import RodentWatch
from storeloom.workers.vision.pipeline import VisionWorker
from storeloom.workers.vision.things import Detection
from tests.plugins.plugin_runs import Run

NOON = datetime(2026, 3, 2, 10, tzinfo=UTC)
NIGHT = datetime(2026, 3, 2, 18, tzinfo=UTC)
WHOLE = [[0, 0], [1, 0], [1, 1], [0, 1]]
Picture = NDArray[np.uint8]


def finder(found: Callable[[Picture], list[Detection]]) -> Any:
    class Finder:
        score = 0.4

        def detect(self, frame: Picture, *, min_score: float | None = None) -> list[Detection]:
            return found(frame)

    return Finder


def store_of(
    kind: Any,
    tmp_path: Path,
    tables: dict[str, Any],
    config: dict[str, Any],
    found: Callable[[Picture], list[Detection]],
    hours: dict[str, str] | None = None,
) -> Run:
    store = Run(kind, NOON - timedelta(hours=1), tables, tmp_path, config, "supermarket", hours)
    store.workers._vision = VisionWorker(finder(found))
    return store


def feed(store: Run, at: datetime, picture: Picture, seq: int) -> list[Any]:
    height, width = picture.shape[:2]
    return list(store.give("camera.frame", at, camera="cam1", seq=seq, width=width, height=height, pixels=picture))


def floor(*spots: tuple[int, int, int, tuple[int, int, int]]) -> Picture:
    picture = np.full((180, 320, 3), (120, 130, 125), np.uint8)
    picture[::20] += 8
    for left, top, side, colour in spots:
        picture[top : top + side, left : left + side] = colour
    return picture


def test_the_open_kitchen_shows_nobody(tmp_path: Path) -> None:
    zones = [{"zone": "ready_to_eat", "kind": "kitchen", "cameras": [{"camera": "cam1", "polygon": WHOLE}]}]
    cook = [Detection("person", 0.9, (0.1, 0.1, 0.3, 0.8), None, {}, None)]
    store = store_of(KitchenConduct, tmp_path, {"zones": zones}, {"display_public": True}, lambda frame: cook)
    chequers = ((np.indices((96, 128)).sum(axis=0) // 2 % 2) * 200 + 20).astype(np.uint8)
    picture = np.repeat(chequers[..., None], 3, axis=2)
    for second in range(3):
        feed(store, NOON + timedelta(seconds=second), picture, second)
    kept = cv2.imread(str(tmp_path / "pictures" / "it" / "kitchen-cam1.jpg"), cv2.IMREAD_GRAYSCALE)
    assert kept is not None
    assert kept[15:80, 16:48].std() < 20 < 60 < kept[15:80, 90:122].std()


def test_a_stain_on_the_floor_is_told_and_a_person_in_the_way_is_none(tmp_path: Path) -> None:
    zones = [{"zone": "dairy", "kind": "sales", "area_m2": 18, "cameras": [{"camera": "cam1", "polygon": WHOLE}]}]

    def people(frame: Picture) -> list[Detection]:
        return [Detection("person", 0.9, (0.6, 0.1, 0.2, 0.8), None, {}, None)] if frame[60, 220, 0] == 7 else []

    store = store_of(FloorHygieneWatch, tmp_path, {"zones": zones}, {"stain_hold": 10}, people)
    clean, person = floor(), floor((200, 30, 60, (7, 7, 7)))
    dirty = floor((60, 90, 40, (20, 30, 160)))
    told = []
    for second, picture in enumerate([clean] * 6 + [person] * 20 + [dirty] * 15):
        told += [(second, one) for one in feed(store, NOON + timedelta(seconds=second), picture, second)]
    incidents = [(second, one.data["kind"], one.data["zone"]) for second, one in told if one.stream == "vision.incident"]
    assert incidents == [(36, "stain", "dairy")]


def test_a_small_thing_that_runs_along_the_wall_at_night(tmp_path: Path) -> None:
    # the picture is four metres wide and 2.25 m deep, its lower edge the wall
    to_metres = [[4.0, 0.0, 0.0], [0.0, -2.25, 2.25], [0.0, 0.0, 1.0]]
    room = [[0, 0], [4, 0], [4, 2.25], [0, 2.25]]
    zones = [{"zone": "bakery", "kind": "fresh", "polygon": room, "cameras": [{"camera": "cam1", "homography": to_metres}]}]

    def rat(frame: Picture) -> list[Detection]:
        spots = np.argwhere(frame[..., 0] == 20)
        if not len(spots):
            return []
        top, left = spots.min(axis=0)
        return [Detection("rodent", 0.7, (left / 320, top / 180, 8 / 320, 8 / 180), None, {}, None)]

    store = store_of(RodentWatch, tmp_path, {"zones": zones}, {"prior": 0.1}, rat, {"open": "08:00", "close": "16:00"})
    told = []
    for step, picture in enumerate([floor()] * 3 + [floor((40 + 12 * k, 165, 8, (20, 20, 20))) for k in range(8)]):
        told += feed(store, NIGHT + timedelta(seconds=step / 2), picture, step)
    assert [(one.data["kind"], one.data["zone"], one.data["severity"]) for one in told if one.stream == "vision.incident"] == [
        ("rodent", "bakery", "critical")
    ]


def test_a_dish_beside_its_enrolled_pictures(tmp_path: Path) -> None:
    plate = [Detection("bowl", 0.9, (0.3, 0.3, 0.3, 0.3), None, {}, None)]
    tables = {"products": [{"gtin": "06900000000012", "name": "Noodles"}]}
    store = store_of(DishStandard, tmp_path, tables, {"enrol_min": 5}, lambda frame: plate if frame[101, 140, 1] != 130 else [])
    vision = store.workers.vision
    greens = [floor((96, 54, 96, (30, 160 + 4 * k, 40 + k))) for k in range(8)]
    for seq, picture in enumerate(greens):
        view = vision.view({"camera": "cam9", "seq": seq, "pixels": picture}, NOON - timedelta(minutes=30) + timedelta(seconds=seq))
        view.items([plate[0].box], "dishes", 5)
        assert vision.enrol("cam9", seq, plate[0].box, "dishes", "06900000000012") == "enrolled"
    told: dict[str, list[Any]] = {}
    for name, colour, start in (("good", (30, 170, 43), 0), ("burnt", (20, 60, 60), 60)):
        picture = floor((96, 54, 96, colour))
        told[name] = [one for k in range(4) for one in feed(store, NOON + timedelta(seconds=start + k), picture, 100 + start + k)]
        feed(store, NOON + timedelta(seconds=start + 50), floor(), 100 + start + 50)
    looks = {name: [one.data["kind"] for one in found if one.stream == "vision.incident"] for name, found in told.items()}
    assert looks["good"] == []
    assert looks["burnt"] == ["look"]
    assert [one.data["tests"] for one in told["good"] if one.stream == "vision.item"] == [{"look": True}]
