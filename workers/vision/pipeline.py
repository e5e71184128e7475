"""From frames to tracked things: one detector pass a frame, however many rules and solutions ask for it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from storeloom.workers.vision import scene as scenes
from storeloom.workers.vision.errors import FrameError
from storeloom.workers.vision.things import Detection, Observation, Seen
from storeloom.workers.vision.track import Tracker, TrackSettings

if TYPE_CHECKING:
    from storeloom.workers.vision.detect import Image

KEPT = 8


class FrameDetector(Protocol):
    """What the pipeline needs of a detector; `score` is the least score of an object worth reporting untracked."""

    @property
    def score(self) -> float: ...

    def detect(self, frame: Image, *, min_score: float | None = None) -> list[Detection]: ...


DetectorFactory = Callable[[], FrameDetector]


def default_detector() -> FrameDetector:
    """The COCO detector that ships with the engine."""
    from storeloom.workers.vision.detect import Detector

    return Detector()


class CameraPipeline:
    """One camera's detections and tracks. The detector is made by `detector_factory` when the first real frame comes."""

    def __init__(self, camera: str, detector_factory: DetectorFactory | None = None, settings: TrackSettings | None = None) -> None:
        self.camera = camera
        self._factory = detector_factory if detector_factory is not None else default_detector
        self._detector: FrameDetector | None = None
        self._settings = settings if settings is not None else TrackSettings()
        self._tracker = Tracker(camera, self._settings)
        self._latest: datetime | None = None
        self._kept: OrderedDict[tuple[int, datetime], Observation] = OrderedDict()
        self._lock = threading.Lock()

    def observe(self, seq: int, time: datetime, *, frame: Image | None = None, scene: Mapping[str, Any] | None = None) -> Observation:
        """What is seen in frame `seq`, taken at `time` (timezone-aware), from BGR uint8 pixels or from a scene.

        The last observations are kept, so the same frame is worked on once whoever asks. A frame older than the latest one is
        observed, but cannot join the tracks: its objects carry only the track that a scene gives them.
        Raises FrameError for a frame with neither or both, or with a naive time; SceneError for a malformed scene.
        """
        if time.tzinfo is None:
            raise FrameError("The time has no zone.", "time", "Give a timezone-aware time.")
        if (frame is None) == (scene is None):
            raise FrameError("A frame needs either pixels or a scene.", "camera.frame", "Give one of the two.")
        with self._lock:
            known = self._kept.get((seq, time))
            if known is None:
                known = self._see(seq, time, frame, scene)
                self._kept[(seq, time)] = known
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            return known

    def _see(self, seq: int, time: datetime, frame: Image | None, scene: Mapping[str, Any] | None) -> Observation:
        shape = None
        least = 0.0
        if frame is None:
            found = scenes.detections(scene)
        else:
            if self._detector is None:
                self._detector = self._factory()
            found = self._detector.detect(frame, min_score=self._settings.low)
            least, shape = self._detector.score, (frame.shape[0], frame.shape[1])
        objects = tuple(
            Seen(track, d.cls, d.score, d.box, d.floor, d.attrs)
            for d, track in zip(found, self._tracks(found, time), strict=True)
            if track is not None or d.score >= least
        )
        return Observation(self.camera, seq, time, objects, shape)

    def _tracks(self, found: list[Detection], time: datetime) -> list[str | None]:
        """Each detection's track: its own where a scene names it, else the tracker's."""
        if self._latest is not None and time < self._latest:
            return [d.track for d in found]
        self._latest = time
        nameless = [d for d in found if d.track is None]
        given = iter(self._tracker.update(nameless, time.timestamp()))
        return [next(given) if d.track is None else d.track for d in found]


class VisionWorker:
    """All cameras of a store: a pipeline for each, one detector (made on the first real frame) for all.

    Calls for different cameras may run in different threads.
    """

    def __init__(self, detector_factory: DetectorFactory | None = None, settings: TrackSettings | None = None) -> None:
        self._factory = detector_factory if detector_factory is not None else default_detector
        self._settings = settings
        self._detector: FrameDetector | None = None
        self._pipelines: dict[str, CameraPipeline] = {}
        self._lock = threading.Lock()

    def observe(self, event_data: Mapping[str, Any], time: datetime) -> Observation:
        """What is seen in a `camera.frame`: `event_data` is its `data`, {camera, seq, width, height, pixels | scene}.

        `pixels` is a BGR uint8 array. Raises as `CameraPipeline.observe`, and FrameError for data that is no frame's.
        """
        camera, seq = event_data.get("camera"), event_data.get("seq")
        if not isinstance(camera, str) or not camera:
            raise FrameError(f"Camera is {camera!r}.", "camera.frame.camera", "Give the camera's device id.")
        if not isinstance(seq, int) or isinstance(seq, bool):
            raise FrameError(f"Seq is {seq!r}.", "camera.frame.seq", "Give the frame's number.")
        return self.pipeline(camera).observe(seq, time, frame=event_data.get("pixels"), scene=event_data.get("scene"))

    def pipeline(self, camera: str) -> CameraPipeline:
        """The pipeline of a camera, made at its first frame."""
        with self._lock:
            if camera not in self._pipelines:
                self._pipelines[camera] = CameraPipeline(camera, self._shared, self._settings)
            return self._pipelines[camera]

    def forget(self, camera: str) -> None:
        """Drop a camera's pipeline with its tracks, when the camera is taken away or moved."""
        with self._lock:
            self._pipelines.pop(camera, None)

    def _shared(self) -> FrameDetector:
        with self._lock:
            if self._detector is None:
                self._detector = self._factory()
            return self._detector
