"""Which detector sees which camera's frames, and its replacement at a frame boundary.

All cameras share one detector until one is given its own. A new detector is loaded and warmed up in the background, then sees the frames
on trial; the old one stays in memory until the trial is over and sees every frame on which the new one fails.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from storeloom.workers.vision.swap import (
    LOAD_S,
    NEVER_LATE_S,
    TIMES_SLOWER,
    UNTIMED_S,
    Run,
    Swap,
    SwapError,
    UnsoundModelError,
    Words,
    blames_frame,
    blank_picture,
    check_blank,
    check_found,
    why_failed,
    words,
)
from storeloom.workers.vision.things import Detection

if TYPE_CHECKING:
    from storeloom.workers.vision.detect import Image
    from storeloom.workers.vision.models import Model

TIMED = 50


class FrameDetector(Protocol):
    """What the pipeline needs of a detector; `score` is the least score of an object worth reporting untracked.

    One that has an attribute `classes` is held to it: it may report no other, and a successor must know them all.
    """

    @property
    def score(self) -> float: ...

    def detect(self, frame: Image, *, min_score: float | None = None) -> list[Detection]: ...


DetectorFactory = Callable[[], FrameDetector]


def default_detector() -> FrameDetector:
    """The COCO detector that ships with the engine."""
    from storeloom.workers.vision.detect import Detector

    return Detector()


def factory_of(model: str | Path | Model | DetectorFactory) -> tuple[str, DetectorFactory]:
    """A model's name for a reader, and what makes its detector: a model or its folder, the name of a shipped one, or a factory."""
    if isinstance(model, str | Path):
        return Path(model).name, lambda: detector_of(model)
    if callable(model):
        return str(getattr(model, "__name__", type(model).__name__)), model
    return model.card.folder.name, lambda: detector_of(model)


def detector_of(model: str | Path | Model) -> FrameDetector:
    """A detection model's detector; ModelFault where the model cannot be used."""
    from storeloom.workers.vision.detect import Detector
    from storeloom.workers.vision.models import load

    return Detector(load(model) if isinstance(model, str | Path) else model)


def classes_of(detector: FrameDetector) -> frozenset[str] | None:
    """The classes that a detector lists; None where it lists none."""
    listed = getattr(detector, "classes", None)
    return None if listed is None else frozenset(listed)


class Look(NamedTuple):
    """What a detector found in a frame, and the least score that it trusts."""

    found: list[Detection]
    score: float


@dataclass
class Trial:
    """A swap under way: the new detector once it is loaded, its times (s) by camera, and the frames on which it was late."""

    swap: Swap
    detector: FrameDetector | None = None
    times: dict[str, deque[float]] = field(default_factory=dict)
    late: dict[str, Run] = field(default_factory=dict)


class Detectors:
    """The detectors of a store's cameras. Frames of one camera come one after the other, those of several may come at once."""

    def __init__(self, factory: DetectorFactory) -> None:
        self._factory = factory
        self._shared: FrameDetector | None = None
        self._own: dict[str, FrameDetector] = {}
        self._trials: dict[str | None, Trial] = {}
        self._times: dict[str, deque[float]] = {}
        self._lock = threading.Lock()
        self._making = threading.Lock()

    def look(self, camera: str, frame: Image, least: float) -> Look:
        """One frame through the camera's detector (made now where it is the first frame), or through the one on trial.

        Raises what the settled detector raises; a fault of the one on trial takes it back and shows elsewhere only in its `Swap`.
        """
        with self._lock:
            trial = self._trials.get(camera, self._trials.get(None))
            detector = trial.detector if trial is not None else None
        if trial is None or detector is None:
            return self._settled(camera, frame, least)
        run = self._try(trial, detector, camera, frame, least)
        if run is None:
            return self._settled(camera, frame, least)
        if run.error is None:
            sound: Look = run.value
            return sound if self._count(trial, detector, camera, run.seconds) else self._settled(camera, frame, least)
        fault = why_failed(run.error, "raised")
        if not blames_frame(run.error):
            self._take_back(trial, fault)
        look = self._settled(camera, frame, least)
        self._take_back(trial, fault)
        return look

    def replace(
        self,
        camera: str | None,
        model: str | Path | Model | DetectorFactory,
        *,
        probation: int,
        labels: Collection[str] | None,
        least: float,
        hold: bool = False,
    ) -> Swap:
        """Begin a swap; SwapError while another is under way on one of its cameras, ValueError for a probation below 1.

        With `hold` it stays on trial past its probation until `settle` is called.
        """
        if probation < 1:
            raise ValueError(f"probation must be 1 frame or more, not {probation}")
        name, make = factory_of(model)
        trial = Trial(Swap(camera, name, probation, hold=hold))
        with self._lock:
            for other in self._trials.values():
                if camera is None or other.swap.camera in (None, camera):
                    why = words("busy", cameras=other.swap.cameras, state=other.swap.state)
                    raise SwapError(why, words("busy_fix"), "camera")
            self._trials[camera] = trial
        threading.Thread(target=self._load, args=(trial, make, labels, least), name="model-swap", daemon=True).start()
        return trial.swap

    def settle(self, swap: Swap, fault: Words | None = None) -> None:
        """End a swap that is held: keep its model, or (`fault`) take it back. One that is over stays as it is; one that has yet to prove
        itself is not kept."""
        with self._lock:
            trial = self._trials.get(swap.camera)
            if trial is None or trial.swap is not swap:
                return
            if fault is None and swap.proved and trial.detector is not None:
                self._keep(trial, trial.detector)
        if fault is not None:
            self._take_back(trial, fault)

    def use(self, chosen: Mapping[str | None, FrameDetector]) -> None:
        """See all frames from now on with these detectors, by camera, the others with that of None, or the shipped one; trials end."""
        with self._lock:
            trials = list(self._trials.values())
        for trial in trials:
            self._take_back(trial, words("chosen"))
        with self._lock:
            self._shared = chosen.get(None)
            self._own = {camera: detector for camera, detector in chosen.items() if camera is not None}
            self._times.clear()

    def forget(self, camera: str) -> None:
        """Drop a camera's own detector, its times and its swap, when the camera is taken away."""
        with self._lock:
            trial = self._trials.get(camera)
            self._own.pop(camera, None)
            self._times.pop(camera, None)
        if trial is not None:
            self._take_back(trial, words("forgotten"))

    def _settled(self, camera: str, frame: Image, least: float) -> Look:
        """The frame through the detector that is not on trial."""
        detector = self._current(camera)
        start = time.perf_counter()
        found = detector.detect(frame, min_score=least)
        seconds = time.perf_counter() - start
        with self._lock:
            self._times.setdefault(camera, deque(maxlen=TIMED)).append(seconds)
        return Look(found, detector.score)

    def _current(self, camera: str) -> FrameDetector:
        with self._lock:
            current = self._own.get(camera, self._shared)
        if current is not None:
            return current
        with self._making:
            if self._shared is None:
                made = self._factory()
                with self._lock:
                    self._shared = made if self._shared is None else self._shared
            return self._shared

    def _load(self, trial: Trial, make: DetectorFactory, labels: Collection[str] | None, least: float) -> None:
        """In the background: make the new detector, warm it up, hold it to its labels, and put it on trial."""
        run = Run(lambda: warmed(make, least))
        if not run.wait(LOAD_S):
            self._take_back(trial, words("load_late", limit_s=LOAD_S))
        elif run.error is not None:
            self._take_back(trial, why_failed(run.error, "not_loaded"))
        else:
            missing = self._missing(trial.swap.camera, run.value, labels)
            if missing:
                self._take_back(trial, words("labels", missing=", ".join(missing)))
                return
            with self._lock:
                if self._trials.get(trial.swap.camera) is trial:
                    trial.detector = run.value
                    trial.swap.move("live")

    def _missing(self, camera: str | None, new: FrameDetector, labels: Collection[str] | None) -> list[str]:
        """The classes that a new detector lacks: of `labels`, or else of the detectors that it stands in for."""
        known = classes_of(new)
        if known is None:
            return []
        if labels is None:
            with self._lock:
                before = [self._shared, *self._own.values()] if camera is None else [self._own.get(camera, self._shared)]
            labels = {name for old in before if old is not None for name in classes_of(old) or ()}
        return sorted(set(labels) - known)

    def _try(self, trial: Trial, detector: FrameDetector, camera: str, frame: Image, least: float) -> Run | None:
        """The finished run of the detector on trial; None where it is late, which is forgiven for one frame but not for two running."""
        limit_s, usual = self._limit(camera)
        earlier = trial.late.pop(camera, None)
        if earlier is not None and not earlier.over:
            self._take_back(trial, words("stuck", limit_ms=limit_s * 1000, usual=usual))
            return None
        run = Run(lambda: sound_look(detector, frame, least))
        if run.wait(limit_s):
            return run
        if earlier is not None:
            self._take_back(trial, words("slow", limit_ms=limit_s * 1000, usual=usual))
        else:
            trial.late[camera] = run
        return None

    def _limit(self, camera: str) -> tuple[float, Words]:
        """Seconds that a detector on trial has for a frame of this camera, and in words what the settled one takes."""
        with self._lock:
            times = list(self._times.get(camera, ()))
        if not times:
            return UNTIMED_S, words("untimed")
        median_s = statistics.median(times)
        return max(TIMES_SLOWER * median_s, NEVER_LATE_S), words("usual", usual_ms=median_s * 1000)

    def _count(self, trial: Trial, detector: FrameDetector, camera: str, seconds: float) -> bool:
        """Whether a sound frame of a detector on trial stands; the last one of its probation settles it."""
        swap = trial.swap
        with self._lock:
            if self._trials.get(swap.camera) is not trial:
                return swap.state == "kept"
            trial.times.setdefault(camera, deque(maxlen=TIMED)).append(seconds)
            swap.frames += 1
            if swap.frames >= swap.probation and not swap.hold:
                self._keep(trial, detector)
            elif swap.frames == swap.probation:
                swap.prove()
            return True

    def _keep(self, trial: Trial, detector: FrameDetector) -> None:
        """Settle a detector and let go of the one before it; called under the lock."""
        camera = trial.swap.camera
        if camera is None:
            self._shared, self._times = detector, trial.times
            self._own.clear()
        else:
            self._own[camera], self._times[camera] = detector, trial.times.get(camera, deque(maxlen=TIMED))
        del self._trials[camera]
        trial.swap.move("kept")

    def _take_back(self, trial: Trial, fault: Words) -> None:
        """End a trial with the old detector as it was; nothing where the trial is over."""
        with self._lock:
            if self._trials.get(trial.swap.camera) is trial:
                del self._trials[trial.swap.camera]
                trial.swap.move("rolled_back", fault)


def warmed(make: DetectorFactory, least: float) -> FrameDetector:
    """A new detector that has seen a blank picture; raises what it raises, UnsoundModelError for an answer that makes no sense."""
    detector = make()
    look = sound_look(detector, blank_picture(), least)
    check_blank(look.found)
    return detector


def sound_look(detector: FrameDetector, frame: Image, least: float) -> Look:
    """A look whose answer makes sense; UnsoundModelError otherwise."""
    found: Sequence[Detection] = detector.detect(frame, min_score=least)
    check_found(found, classes_of(detector))
    score = float(detector.score)
    if not 0 <= score <= 1:
        raise UnsoundModelError(words("score", score=score))
    return Look(list(found), score)
