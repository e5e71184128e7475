"""Area `swap`: a camera's model replaced in full flow by the same shipped model, at 20 frames a second over 10 s."""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from storeloom.core.bench.harness import Result
from storeloom.core.kernel.errors import Finding, InputFault
from storeloom.workers.vision.detectors import FrameDetector, default_detector
from storeloom.workers.vision.pipeline import VisionWorker
from storeloom.workers.vision.things import Detection

RATE, SECONDS, SWAP_AT = 20, 10, 80
FRAMES = RATE * SECONDS
START = datetime(2026, 3, 2, 10, tzinfo=UTC)
CAMERA, SEED = "camera-1", 7
Picture = NDArray[np.uint8]


def measure() -> list[Result]:
    """Frames that no model saw or both did, and the longest time between two observations, beside a run without a swap.

    InputFault (SL-INP-03) where the extra `vision` is not installed; RuntimeError where the model is not kept.
    """
    steady = Run(swap=False)
    swapped = Run(swap=True)
    seen = Counter(swapped.seen)
    against = f"{FRAMES} frames sent at {RATE} a second, the model replaced at frame {SWAP_AT}"
    gaps = f"{1000 / RATE:.0f} ms between frames sent; longest gap without a swap {steady.longest_gap_ms:.0f} ms"
    return [
        Result("swap_frames_lost", sum(seen[seq] == 0 for seq in range(FRAMES)), "frames", "<= 0", against, 1),
        Result("swap_frames_twice", sum(seen[seq] > 1 for seq in range(FRAMES)), "frames", "", against, 1),
        Result("swap_longest_gap", swapped.longest_gap_ms, "ms", "", gaps, 1),
    ]


class Noting:
    """The shipped detector; it notes the number of each frame that it sees."""

    def __init__(self, seen: list[int]) -> None:
        self._detector: FrameDetector = default_detector()
        self._seen = seen

    @property
    def score(self) -> float:
        return self._detector.score

    def detect(self, frame: Picture, *, min_score: float | None = None) -> list[Detection]:
        self._seen.append(number(frame))
        return self._detector.detect(frame, min_score=min_score)


class Run:
    """One run: the numbers of the frames that the models saw, and the seconds at which the observations were there."""

    def __init__(self, *, swap: bool) -> None:
        self.seen: list[int] = []
        self.times: list[float] = []
        frames: queue.SimpleQueue[tuple[int, Picture]] = queue.SimpleQueue()
        worker = VisionWorker(self._model)
        begun = None
        observe(worker, FRAMES, picture(FRAMES))
        threading.Thread(target=send, args=(frames,), name="bench-camera", daemon=True).start()
        for _ in range(FRAMES):
            seq, pixels = frames.get()
            if swap and seq == SWAP_AT:
                begun = worker.swap_model(CAMERA, self._model)
            observe(worker, seq, pixels)
            self.times.append(time.perf_counter())
        if begun is not None and begun.state != "kept":
            raise RuntimeError(begun.reason["en"])

    @property
    def longest_gap_ms(self) -> float:
        return 1000 * max(later - earlier for earlier, later in itertools.pairwise(self.times))

    def _model(self) -> Noting:
        try:
            return Noting(self.seen)
        except ImportError as error:
            raise InputFault(Finding("SL-INP-03", {"what": "bench swap", "extra": "vision"})) from error


def send(frames: queue.SimpleQueue[tuple[int, Picture]]) -> None:
    """The frames, each at its time whatever became of the one before."""
    start = time.perf_counter()
    for seq in range(FRAMES):
        pixels = picture(seq)
        time.sleep(max(0.0, start + seq / RATE - time.perf_counter()))
        frames.put((seq, pixels))


def picture(seq: int) -> Picture:
    """A noisy picture, 360 x 640, with its number in its first pixel."""
    made = np.random.default_rng(SEED + seq % 8).integers(0, 256, (360, 640, 3), np.uint8)
    made[0, 0] = (1, seq >> 8, seq & 255)
    return made


def number(frame: Picture) -> int:
    """The number of a picture, -1 for one that is none of the camera's."""
    return (int(frame[0, 0, 1]) << 8) + int(frame[0, 0, 2]) if frame[0, 0, 0] == 1 else -1


def observe(worker: VisionWorker, seq: int, pixels: Picture) -> None:
    data = {"camera": CAMERA, "seq": seq, "width": 640, "height": 360, "pixels": pixels}
    worker.observe(data, START + timedelta(seconds=seq % FRAMES / RATE))
