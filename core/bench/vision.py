"""Area `vision`: cameras end to end (decode, detect, track, algorithms) against bare runs of the same network, on one core a stream.

A pipeline and the bare network take turns, a few frames each, so that a busy machine hits both alike; a ratio is of the medians. The
footage is the first of ../shared/data/video beside the repository, else pictures made from a seed.
"""

from __future__ import annotations

import itertools
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storeloom.core.bench import vision_density, vision_ray
from storeloom.core.bench.harness import Result, interleaved
from storeloom.core.kernel.errors import Finding, InputFault
from storeloom.core.kernel.registry import ROOT

if TYPE_CHECKING:
    from storeloom.workers.vision.algorithms.base import Algorithm
    from storeloom.workers.vision.detect import Detector, Image

FOOTAGE = ROOT.parent / "shared" / "data" / "video" / "one-by-one-person-detection.mp4"
START = datetime(2026, 3, 2, 10, tzinfo=UTC)
CHUNK, CHUNKS, WARM = 4, 40, 8
FPS = 10.0
MADE, SEED = 64, 7
SOAK_FRAMES, SOAK_DETECT = 10_000, 10
FLOOR = [[[0, 0], [0, 0]], [[1, 0], [6, 0]], [[1, 1], [6, 8]], [[0, 1], [0, 8]]]
TWENTY: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("line_count", {}),
    ("line_count", {"points": [[0.5, 0], [0.5, 1]]}),
    ("line_count", {"points": [[0, 0.8], [1, 0.8]], "uniform": ["navy"]}),
    ("zone_occupancy", {}),
    ("zone_occupancy", {"polygon": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}),
    ("zone_occupancy", {"polygon": [[0.5, 0], [1, 0], [1, 1], [0.5, 1]], "each_stay": True}),
    ("queue", {"service": [[0, 0.8], [1, 0.8]]}),
    ("queue", {"floor": FLOOR}),
    ("heat_map", {"floor": FLOOR}),
    ("crowding", {"floor": FLOOR}),
    ("loitering", {}),
    ("loitering", {"kind": "intrusion", "limit_s": 2}),
    ("fall", {}),
    ("uniform", {"colours": ["navy"]}),
    ("stray_tracked", {}),
    ("stray_seen", {}),
    ("cleanliness", {"polygon": [[0, 0.6], [1, 0.6], [1, 1], [0, 1]]}),
    ("cleanliness", {"what": "bin", "polygon": [[0.8, 0.6], [1, 0.6], [1, 1], [0.8, 1]]}),
    ("facings", {"polygon": [[0, 0], [0.4, 0], [0.4, 0.5], [0, 0.5]]}),
    ("items", {}),
)


def measure() -> list[Result]:
    """Frame rates against the bare network, preparation of a frame, memory over 10,000 frames, and how many cameras the machine bears.

    InputFault (SL-INP-03) where the extra `vision` is not installed; whatever keeps a camera from starting is raised.
    """
    try:
        from storeloom.workers.vision.detect import Detector

        detector = Detector()
    except ImportError as error:
        raise InputFault(Finding("SL-INP-03", {"what": "bench vision", "extra": "vision"})) from error
    measured = [*ratios(detector), *two_streams(detector), preparation(detector), memory(detector)]
    return [*measured, *vision_density.measure(), *vision_ray.measure()]


class Camera:
    """One camera over the footage, again and again: decoded anew each time, its clock running on."""

    def __init__(self, name: str, detector: Detector, algorithms: Mapping[str, Algorithm[Any]], every: int = 1) -> None:
        from storeloom.workers.vision.cameras import CameraSet
        from storeloom.workers.vision.pipeline import VisionWorker

        self.name = name
        self.set = CameraSet(name, algorithms)
        self._worker = VisionWorker(lambda: Seldom(detector, every) if every > 1 else detector)
        self._frames = pictures()
        self._seq = 0

    def step(self) -> None:
        """Decode, detect, track, and run the algorithms on one frame."""
        pixels = next(self._frames)
        data = {"camera": self.name, "seq": self._seq, "width": pixels.shape[1], "height": pixels.shape[0], "pixels": pixels}
        self.set.look(self._worker.view(data, START + timedelta(seconds=self._seq / FPS)))
        self._seq += 1

    def check(self) -> None:
        """RuntimeError where an algorithm failed, for a camera that does less is faster."""
        wrong = [standing.words["en"] for standing in self.set.standings() if standing.words is not None]
        if wrong:
            raise RuntimeError("; ".join(wrong))


class Seldom:
    """A detector that looks at one frame in `every` and repeats its answer for the others."""

    def __init__(self, detector: Detector, every: int) -> None:
        self._detector, self._every = detector, every
        self._calls, self._found = 0, list[Any]()

    @property
    def score(self) -> float:
        return self._detector.score

    def detect(self, frame: Image, *, min_score: float | None = None) -> list[Any]:
        if self._calls % self._every == 0:
            self._found = self._detector.detect(frame, min_score=min_score)
        self._calls += 1
        return self._found


def pictures(path: Path = FOOTAGE) -> Iterator[Image]:
    """Frames of the footage without end, or made ones, 720 x 1280, where it is absent."""
    if not path.is_file():
        yield from itertools.cycle(made_pictures())
    from storeloom.workers.vision.grab.footage import frames

    while True:
        for frame in frames(path):
            yield frame.image


def made_pictures() -> list[Image]:
    """Smooth pictures, so that they compress and resize like real ones."""
    import cv2
    import numpy as np

    rng = np.random.default_rng(SEED)
    small = [rng.integers(0, 256, (9, 16, 3), np.uint8) for _ in range(MADE)]
    return [np.asarray(cv2.resize(one, (1280, 720), interpolation=cv2.INTER_CUBIC), np.uint8) for one in small]


def algorithms(count: int) -> dict[str, Algorithm[Any]]:
    from storeloom.workers.vision.algorithms import make

    return {f"{name}-{k}": make(name, settings) for k, (name, settings) in enumerate(TWENTY[:count])}


def bare(detector: Detector) -> Callable[[], None]:
    """One run of the network on an input of its own."""
    import numpy as np

    given = detector.session.get_inputs()[0]
    blob = np.random.default_rng(SEED).standard_normal(detector.card.input.shape).astype(np.float32)
    outputs = [tensor.name for tensor in detector.session.get_outputs()]

    def run() -> None:
        detector.session.run(outputs, {given.name: blob})

    return run


def repeated(call: Callable[[], None], times: int) -> Callable[[], None]:
    def calls() -> None:
        for _ in range(times):
            call()

    return calls


def ratios(detector: Detector) -> list[Result]:
    """Frame rate of one stream with one and with twenty algorithms, over that of the bare network; in processor time, too, which a busy
    machine leaves alone."""
    cameras = {count: Camera(f"bench-{count}", detector, algorithms(count)) for count in (1, 20)}
    subjects: dict[str, Callable[[], None]] = {"bare": repeated(bare(detector), CHUNK)}
    subjects |= {str(count): repeated(camera.step, CHUNK) for count, camera in cameras.items()}
    for call in subjects.values():
        repeated(call, WARM // CHUNK)()
    spent: dict[str, list[float]] = {name: [] for name in subjects}
    times = interleaved({name: metered(call, spent[name]) for name, call in subjects.items()}, CHUNKS)
    for camera in cameras.values():
        camera.check()
    frame_ms = {name: 1000 * seconds / CHUNK for name, seconds in times.items()}
    against = f"bare session.run {frame_ms['bare']:.1f} ms a frame, in turns of {CHUNK} frames; decode, detect, track"
    cpu_ms = {name: 1000 * sum(seconds) / len(seconds) / CHUNK for name, seconds in spent.items()}
    cpu = f"processor time of bare session.run, {cpu_ms['bare']:.1f} ms a frame; mean of the same runs"
    results = [Result("vision_one_stream", 1000 / frame_ms["1"], "frames/s", "", "one stream, one thread, 1 algorithm", CHUNKS)]
    for count, name, goal in (("1", "one_algorithm", ">= 0.90"), ("20", "twenty_algorithms", ">= 0.80")):
        rate = frame_ms["bare"] / frame_ms[count]
        results.append(Result(f"vision_{name}", rate, "x bare fps", goal, f"{against}, {count} algorithms", CHUNKS))
        results.append(Result(f"vision_{name}_cpu", cpu_ms["bare"] / cpu_ms[count], "x bare cpu", "", cpu, CHUNKS))
    return results


def metered(call: Callable[[], None], spent: list[float]) -> Callable[[], None]:
    """The same call, its processor time in seconds appended to `spent`."""

    def calls() -> None:
        start = time.thread_time()
        call()
        spent.append(time.thread_time() - start)

    return calls


def two_streams(detector: Detector) -> list[Result]:
    """Frame rate of two streams in two threads over that of two threads of bare runs, all sharing one session."""
    cameras = [Camera(f"bench-pair-{k}", detector, algorithms(1)) for k in range(2)]
    raw = bare(detector)
    pipelines = [repeated(camera.step, CHUNK) for camera in cameras]
    subjects: dict[str, Callable[[], None]] = {
        "bare": lambda: together([repeated(raw, CHUNK)] * 2),
        "pair": lambda: together(pipelines),
    }
    for call in subjects.values():
        call()
    times = interleaved(subjects, CHUNKS)
    for camera in cameras:
        camera.check()
    against = f"two threads of bare session.run, {2 * CHUNK / times['bare']:.1f} runs/s together, in turns of {CHUNK} frames each"
    return [
        Result("vision_two_streams", times["bare"] / times["pair"], "x bare fps", ">= 0.85", against, CHUNKS),
        Result(
            "vision_two_streams_rate", 2 * CHUNK / times["pair"], "frames/s", "", "two streams in two threads, 1 algorithm each", CHUNKS
        ),
    ]


def together(calls: list[Callable[[], None]]) -> None:
    """Run each in a thread; raises the first error."""
    errors: list[Exception] = []

    def guarded(call: Callable[[], None]) -> None:
        try:
            call()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def preparation(detector: Detector) -> Result:
    """A 720 x 1280 picture into the network's input."""
    from storeloom.workers.vision.models.fit import Fitter

    fitter, picture = Fitter(detector.card.input), made_pictures()[0]
    fitter.fit(picture)
    seconds = []
    for _ in range(400):
        start = time.perf_counter()
        fitter.fit(picture)
        seconds.append(time.perf_counter() - start)
    size = f"{detector.card.input.width} x {detector.card.input.height}"
    return Result("vision_preparation", 1000 * statistics.median(seconds), "ms", "<= 1", f"1280 x 720 into {size}", len(seconds))


def memory(detector: Detector, frames: int = SOAK_FRAMES) -> Result:
    """Resident memory at the end of a long run over that after its first tenth."""
    import psutil

    camera = Camera("bench-soak", detector, algorithms(20), every=SOAK_DETECT)
    process = psutil.Process()
    resident = []
    for number in range(frames):
        camera.step()
        if (number + 1) % (frames // 10) == 0:
            resident.append(process.memory_info().rss)
    camera.check()
    against = (
        f"after {frames} frames over after {frames // 10} ({resident[0] / 2**20:.0f} MiB); decode, track, 20 algorithms on every frame, "
        f"the network on one in {SOAK_DETECT}"
    )
    return Result("vision_memory", resident[-1] / resident[0], "x", "<= 1.05", against, 1)
