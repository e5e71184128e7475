"""One camera's work on its frames, wherever they come from: the same in a thread, on an actor and over a night's recordings."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from storeloom.workers.vision.cameras import CameraSet, Standing
from storeloom.workers.vision.detectors import DetectorFactory, FrameDetector
from storeloom.workers.vision.pool.job import AlgorithmJob, CameraJob, Noted, detector_model
from storeloom.workers.vision.pool.kept import Kept, KeptWorker

if TYPE_CHECKING:
    from storeloom.workers.vision.detect import Image


class Models:
    """The vision workers that the cameras of a process share, one for each model: one session a model, of `threads` threads.

    `factories` make the detectors of models by the name that a job gives; by default a model's own is loaded.
    """

    def __init__(self, threads: int = 1, factories: Mapping[str, DetectorFactory] | None = None) -> None:
        self._threads = threads
        self._factories = dict(factories or {})
        self._workers: dict[str, KeptWorker] = {}
        self._lock = threading.Lock()

    def worker(self, model: str) -> KeptWorker:
        """That of a job's model, which is loaded at the first frame."""
        with self._lock:
            if model not in self._workers:
                self._workers[model] = KeptWorker(self._factories.get(model) or self._factory(model))
            return self._workers[model]

    def _factory(self, model: str) -> DetectorFactory:
        def make() -> FrameDetector:
            from storeloom.workers.vision.detect import Detector

            return Detector(detector_model(model), threads=self._threads)

        return make


class CameraWork:
    """The algorithms of one camera over its detections and tracks; a change of them takes effect between two frames, as a whole."""

    def __init__(self, job: CameraJob, models: Models, kept: Kept | None = None) -> None:
        self.camera = job.camera
        self._jobs = dict(job.algorithms)
        self._worker = models.worker(job.model)
        self._worker.forget(job.camera)
        self._pipeline = self._worker.pipeline(job.camera)
        self._set = CameraSet(job.camera, {name: one.make() for name, one in job.algorithms.items()})
        self._lock = threading.Lock()
        self._latest = -1 if kept is None else kept.seq
        if kept is not None:
            self._pipeline.restore(kept.tracks)
            self._set.restore(kept.algorithms)

    def look(self, seq: int, time: datetime, pixels: Image) -> list[Noted]:
        """What is read in a frame (BGR uint8); raises as `CameraSet.look`."""
        with self._lock:
            data = {"camera": self.camera, "seq": seq, "width": pixels.shape[1], "height": pixels.shape[0], "pixels": pixels}
            view = self._worker.view(data, time)
            found = self._set.look(view)
            self._latest = seq
            return [Noted(seq, index, time, one.stream, one.data) for index, one in enumerate(found)]

    def rest(self, seq: int, time: datetime) -> list[Noted]:
        """What windows that are still open tell at the end of a recording, noted after its last frame as of number `seq`."""
        with self._lock:
            return [Noted(seq, index, time, one.stream, one.data) for index, one in enumerate(self._set.rest())]

    def set_algorithms(self, wanted: Mapping[str, AlgorithmJob]) -> list[str]:
        """Run these from the next frame on; the names of those that begin anew. Those that stay as they are notice nothing.

        Raises as `algorithms.make`, and then nothing has changed.
        """
        made = {name: one.make() for name, one in wanted.items() if self._jobs.get(name) != one}
        anew = []
        with self._lock:
            for name in self._jobs.keys() - wanted.keys():
                self._set.remove(name)
            for name, algorithm in made.items():
                if name not in self._jobs:
                    self._set.add(name, algorithm)
                    anew.append(name)
                elif not self._set.replace(name, algorithm):
                    anew.append(name)
            self._jobs = dict(wanted)
        return anew

    def state(self) -> Kept:
        """What it remembers after its last frame."""
        with self._lock:
            return Kept(self._latest, self._set.state(), self._pipeline.state())

    def standings(self) -> list[Standing]:
        return self._set.standings()
