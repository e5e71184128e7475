"""Snapshots of real pixels: people hidden, kept with purpose and end, unusable ones taken again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from storeloom.plugins.product.store_audit.remote_video_audit import RemoteVideoAudit
from storeloom.workers.vision.pipeline import VisionWorker
from storeloom.workers.vision.things import Detection
from tests.plugins.plugin_runs import Run

NOW = datetime(2026, 3, 2, 9, 59, tzinfo=UTC)
QUESTION = {"item": "floor", "camera": "cam1", "from": "10:00", "to": "10:02"}


class Finder:
    """Finds one person in the left half of every picture whose first pixel is not black."""

    score = 0.4

    def detect(self, frame: NDArray[np.uint8], *, min_score: float | None = None) -> list[Detection]:
        return [Detection("person", 0.9, (0.1, 0.1, 0.3, 0.8), None, {}, None)] if frame[0, 0].any() else []


def chequered(*, person: bool) -> NDArray[np.uint8]:
    fine = np.repeat(((np.indices((96, 128)).sum(axis=0) // 2 % 2) * 200 + 20).astype(np.uint8)[..., None], 3, axis=2)
    fine[0, 0] = 255 if person else 0
    return fine


def run(tmp_path: Path) -> Run:
    store = Run(RemoteVideoAudit, NOW, {"staff": [], "checklists": [], "zones": []}, tmp_path, {"questions": [QUESTION]}, "supermarket")
    store.workers._vision = VisionWorker(Finder)
    return store


def feed(store: Run, seconds: int, picture: NDArray[np.uint8]) -> list[dict[str, object]]:
    time = datetime(2026, 3, 2, 10, tzinfo=UTC) + timedelta(seconds=seconds)
    return [one.data for one in store.give("camera.frame", time, camera="cam1", seq=seconds, width=128, height=96, pixels=picture)]


def test_the_picture_kept_shows_nobody_and_goes_at_its_end(tmp_path: Path) -> None:
    store = run(tmp_path)
    tasks = [one for second in range(130) for one in feed(store, second, chequered(person=True)) if one.get("kind") == "judge_picture"]
    name = tasks[0]["values"]["picture"]  # type: ignore[index]
    path = tmp_path / "pictures" / "it" / name
    kept = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert kept is not None
    hidden, shown = kept[15:80, 16:48], kept[15:80, 90:122]
    assert hidden.std() < 20 < 60 < shown.std()
    assert '"purpose": "remote audit: floor"' in path.with_name(f"{name}.label").read_text()
    store.until(NOW + timedelta(days=29))
    assert path.is_file()
    store.until(NOW + timedelta(days=31))
    assert list(path.parent.iterdir()) == []


def test_one_lost_for_a_moment_stays_hidden(tmp_path: Path) -> None:
    first = run(tmp_path / "a")
    at = next(second for second in range(130) if feed(first, second, chequered(person=False)))
    store = run(tmp_path / "b")
    for second in range(at):
        assert feed(store, second, chequered(person=True)) == []
    feed(store, at, chequered(person=False))
    kept = cv2.imread(str(next((tmp_path / "b" / "pictures" / "it").glob("*.jpg"))), cv2.IMREAD_GRAYSCALE)
    assert kept is not None and kept[15:80, 16:48].std() < 20


def test_dark_and_blurred_pictures_are_not_kept(tmp_path: Path) -> None:
    for folder, picture in (("dark", chequered(person=False) // 9), ("blurred", np.full((96, 128, 3), 120, np.uint8))):
        store = run(tmp_path / folder)
        found = [one for second in range(0, 400) for one in feed(store, second, np.asarray(picture, np.uint8))]
        assert [one["kind"] for one in found] == ["camera_fault"]
        assert not (tmp_path / folder / "pictures").exists()
