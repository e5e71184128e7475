"""Frames that carry their numbers, and models that note which of them they saw: for tests of models that take turns."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from storeloom.workers.vision.pipeline import VisionWorker
from storeloom.workers.vision.things import Detection, Observation

START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
WALKER = Detection("person", 0.9, (0.2, 0.2, 0.1, 0.4))
BLANK = -1
Found = Sequence[Detection]


def picture(seq: int) -> np.ndarray:
    """A frame that carries its number; a picture of one colour has none."""
    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[0, 0] = (1, seq >> 8, seq & 255)
    return pixels


def number(frame: np.ndarray) -> int:
    return (int(frame[0, 0, 1]) << 8) + int(frame[0, 0, 2]) if frame[0, 0, 0] == 1 else BLANK


class Fake:
    """Sees a walker whose score tells which model it is; notes the numbers of the frames that it saw."""

    def __init__(self, score: float = 0.9, cost_s: float = 0.0, classes: tuple[str, ...] | None = None) -> None:
        self.score = 0.35
        self.mine = score
        self.cost_s = cost_s
        self.seen: list[int] = []
        self.on: dict[int, Callable[[], Found]] = {}
        if classes is not None:
            self.classes = classes

    def detect(self, frame: np.ndarray, *, min_score: float | None = None) -> Found:
        seq = number(frame)
        self.seen.append(seq)
        if self.cost_s and seq != BLANK:
            time.sleep(self.cost_s)
        if seq in self.on:
            return self.on[seq]()
        return [] if seq == BLANK else [Detection("person", self.mine, WALKER.box)]


def feed(worker: VisionWorker, first: int, last: int, camera: str = "c1") -> list[Observation]:
    """Frames `first` to `last`, 50 ms of event time apart."""
    return [
        worker.observe({"camera": camera, "seq": seq, "pixels": picture(seq)}, START + timedelta(seconds=seq / 20))
        for seq in range(first, last + 1)
    ]


def scores(observations: list[Observation]) -> list[float]:
    return [o.objects[0].score for o in observations]
