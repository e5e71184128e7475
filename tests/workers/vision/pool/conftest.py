"""Short recordings, jobs over them, and what a pool makes of them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from storeloom.workers.vision.grab.source import Source
from storeloom.workers.vision.pool.engine import Pace
from storeloom.workers.vision.pool.hosted import HostedPool
from storeloom.workers.vision.pool.job import CameraJob, Counts, Noted, Report, Told, jobs
from storeloom.workers.vision.things import Detection

FOOTAGE = Path(__file__).resolve().parents[5] / "shared" / "data" / "video" / "one-by-one-person-detection.mp4"
BRISK = Pace(report_s=0.1, readings=50, keep_s=0.2)
ZONE = {"zone": {"algorithm": "zone_occupancy", "settings": {"window_s": 1, "each_stay": True}}}


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve seconds of a person who walks in and stays, 10 frames a second, 384 x 216."""
    if not FOOTAGE.is_file():
        pytest.skip(f"footage {FOOTAGE.name} absent")
    path = tmp_path_factory.mktemp("clip") / "walk.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (384, 216))
    with Source(FOOTAGE) as source:
        for frame in source.frames():
            if frame.seq >= 180:
                break
            if frame.seq >= 60:
                writer.write(cv2.resize(frame.image, (384, 216), interpolation=cv2.INTER_AREA))
    writer.release()
    return path


class Bright:
    """A detector that sees one person in a bright frame, as far to the right as the frame is bright; none in a dark one."""

    score = 0.35
    classes = ("person",)

    def __init__(self) -> None:
        self.calls = 0

    def detect(self, frame: Any, *, min_score: float | None = None) -> list[Detection]:
        self.calls += 1
        x = float(frame.mean()) / 255
        return [Detection("person", 0.9, (x, 0.4, 0.1, 0.3))] if x > 0.1 else []


@pytest.fixture
def film(tmp_path: Path) -> Callable[..., Path]:
    """Writes a video whose k-th frame is evenly `shades[k]` bright."""

    def write(name: str, shades: Any, fps: float = 10.0) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), fps, (96, 64))
        for shade in shades:
            writer.write(np.full((64, 96, 3), int(shade), np.uint8))
        writer.release()
        return path

    return write


def job(camera: str, address: Path | str | None, algorithms: Mapping[str, Any] = ZONE, **more: Any) -> CameraJob:
    """A job; without an address one for recordings."""
    one = {"camera": camera, "algorithms": dict(algorithms), **more} | ({} if address is None else {"address": str(address)})
    return jobs({"cameras": [one]}, recorded=address is None)[0]


class Outcome:
    """All that a pool gave: reports and what was told, by camera."""

    def __init__(self) -> None:
        self.reports: dict[str, list[Report]] = {}
        self.told: dict[str, list[Told]] = {}

    def add(self, news: Any) -> None:
        (self.reports if isinstance(news, Report) else self.told).setdefault(news.camera, []).append(news)

    def readings(self, camera: str) -> list[Noted]:
        return [one for report in self.reports.get(camera, []) for one in report.readings]

    def counts(self, camera: str) -> Counts:
        return sum((report.counts for report in self.reports.get(camera, [])), Counts())

    def codes(self, camera: str) -> list[str]:
        return [told.code for told in self.told.get(camera, [])]


def run(pool: HostedPool, after: Callable[[Outcome], None] = lambda _: None, takes: int = 600) -> Outcome:
    """Take until all is done; `after` is called after each take."""
    outcome = Outcome()
    for _ in range(takes):
        if pool.done:
            return outcome
        for news in pool.take(0.2):
            outcome.add(news)
        after(outcome)
    raise AssertionError(f"the pool came to no end: {pool.now()}")
