"""A camera's algorithms on real footage, and the bench's cameras on made pictures."""

import itertools
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storeloom.core.bench import vision as bench
from storeloom.workers.vision.algorithms import Algorithm, Reading, make
from storeloom.workers.vision.cameras import CameraSet
from storeloom.workers.vision.detect import Detector
from storeloom.workers.vision.grab.footage import frames
from storeloom.workers.vision.pipeline import VisionWorker
from storeloom.workers.vision.things import Detection

START = datetime(2026, 3, 2, 10, tzinfo=UTC)


ALARMS: dict[str, dict[str, Any]] = {
    "fall": {},
    "stray_seen": {"still_s": 5},
    "stray_tracked": {},
    "cleanliness": {"hold_s": 5},
    "crowding": {"area_m2": 2},
}
SECONDS, BAG_S = 40, 15


class Replay:
    """Gives the same answers again, picture by picture."""

    def __init__(self, detector: Detector) -> None:
        self.score = detector.score
        self._detector = detector
        self._answers: list[list[Detection]] = []
        self.at: int | None = None

    def detect(self, frame: Any, *, min_score: float | None = None) -> list[Detection]:
        if self.at is None:
            self._answers.append(self._detector.detect(frame, min_score=min_score))
            return self._answers[-1]
        self.at += 1
        return self._answers[self.at - 1]


def watch(detector: Replay, path: Path, algorithms: Mapping[str, Algorithm[Any]], *, bag: bool = False) -> list[Reading]:
    """The readings of a frame a second; with a bag, something blue lies on the floor from BAG_S on."""
    camera, worker, readings = CameraSet("cam", algorithms), VisionWorker(lambda: detector), list[Reading]()
    for frame in itertools.takewhile(lambda f: f.t_s <= SECONDS, frames(path, step=10)):
        pixels = frame.image.copy()
        height, width = pixels.shape[:2]
        if bag and frame.t_s >= BAG_S:
            pixels[round(0.7 * height) : round(0.85 * height), round(0.1 * width) : round(0.2 * width)] = (160, 60, 30)
        data = {"camera": "cam", "seq": frame.seq, "width": width, "height": height, "pixels": pixels}
        readings += camera.look(worker.view(data, START + timedelta(seconds=frame.t_s)))
    assert all(standing.on and standing.words is None for standing in camera.standings())
    json.dumps(camera.state())
    return readings


def test_people_are_counted_and_only_what_happens_is_told(detector: Detector, video: Callable[[str], Path]) -> None:
    path, replay = video("one-by-one-person-detection.mp4"), Replay(detector)
    alarms = {name: make(name, settings) for name, settings in ALARMS.items()}
    counts = {"zone": make("zone_occupancy", {"window_s": 1}), "queue": make("queue", {"report_s": 1})}
    readings = watch(replay, path, {**alarms, **counts})
    # a man in black makes the camera open its iris: the floor and the walls brighten, and that is none of these
    assert [reading.data for reading in readings if reading.stream == "vision.incident"] == []
    occupancy = {r.data["from"]: r.data["occupancy"] for r in readings if "entered" in r.data}
    # nobody at 3 s, somebody at 10 s and at 30 s
    assert [occupancy[f"2026-03-02T10:00:{s:02}Z"] for s in (3, 10, 30)] == [0, 1, 1]
    assert max(r.data["queue"] for r in readings if "queue" in r.data) == 1
    replay.at = 0
    told = [r.data for r in watch(replay, path, alarms, bag=True) if r.stream == "vision.incident"]
    assert sorted((one["kind"], one["state"]) for one in told) == [("left_object", "open"), ("spill", "open")]


def test_the_bench_runs_its_twenty_algorithms_over_made_pictures(detector: Detector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.pictures, "__defaults__", (Path("absent.mp4"),))
    assert len(bench.TWENTY) == 20
    camera = bench.Camera("made", detector, bench.algorithms(20), every=10)
    for _ in range(15):
        camera.step()
    camera.check()
    assert [standing.looks for standing in camera.set.standings()][:3] == [15, 15, 15]


def test_errors_in_a_stream_of_the_bench_come_out() -> None:
    def fails() -> None:
        raise ValueError("broken stream")

    with pytest.raises(ValueError, match="broken stream"):
        bench.together([fails, lambda: None])
