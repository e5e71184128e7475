"""From frames to tracked things: one detector pass a frame, however many rules and solutions ask for it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storeloom.workers.vision import scene as scenes
from storeloom.workers.vision.detectors import DetectorFactory, Detectors, default_detector
from storeloom.workers.vision.errors import FrameError
from storeloom.workers.vision.items.recent import Look, Recent
from storeloom.workers.vision.items.shops import Shops
from storeloom.workers.vision.readers import SCENE_READERS, ShippedReaders
from storeloom.workers.vision.swap import Swap, SwapError, words
from storeloom.workers.vision.things import Detection, Observation, Seen
from storeloom.workers.vision.track import Tracker, TrackSettings
from storeloom.workers.vision.view import Readers, View

if TYPE_CHECKING:
    from storeloom.workers.vision.boxes import Box
    from storeloom.workers.vision.detect import Image
    from storeloom.workers.vision.items.embedding import Vector
    from storeloom.workers.vision.items.results import Taught
    from storeloom.workers.vision.items.typical import Typical
    from storeloom.workers.vision.models import Model

KEPT = 8
KEPT_VIEWS = 2


class CameraPipeline:
    """One camera's detections and tracks.

    The detector is that of `detectors`, which several cameras may share, or is made by the factory; either when the first real frame comes.
    """

    def __init__(self, camera: str, detectors: DetectorFactory | Detectors | None = None, settings: TrackSettings | None = None) -> None:
        self.camera = camera
        self._detectors = detectors if isinstance(detectors, Detectors) else Detectors(detectors or default_detector)
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
        check_frame(time, frame, scene)
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
            found, least = self._detectors.look(self.camera, frame, self._settings.low)
            shape = frame.shape[0], frame.shape[1]
        things = [Seen(track, d.cls, d.score, d.box, d.floor, d.attrs) for d, track in zip(found, self._tracks(found, time), strict=True)]
        objects = tuple(thing for thing in things if thing.track is not None or thing.score >= least)
        faint = tuple(thing for thing in things if thing.track is None and thing.score < least)
        return Observation(self.camera, seq, time, objects, shape, faint)

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

    Calls for different cameras may run in different threads. `readers` read text, codes, plates and items, the shipped ones by default;
    `items` are the catalogues of what can be recognised and taught, kept in memory by default.
    """

    def __init__(
        self,
        detector_factory: DetectorFactory | None = None,
        settings: TrackSettings | None = None,
        readers: Readers | None = None,
        items: Shops | None = None,
    ) -> None:
        self._detectors = Detectors(detector_factory or default_detector)
        self._settings = settings if settings is not None else TrackSettings()
        self.items = items if items is not None else Shops()
        self._readers: Readers = readers if readers is not None else ShippedReaders(self.items)
        self._recent = Recent()
        self._pipelines: dict[str, CameraPipeline] = {}
        self._views: dict[str, OrderedDict[tuple[int, datetime], View]] = {}
        self._lock = threading.Lock()

    def observe(self, event_data: Mapping[str, Any], time: datetime) -> Observation:
        """What is seen in a `camera.frame`: `event_data` is its `data`, {camera, seq, width, height, pixels | scene}.

        `pixels` is a BGR uint8 array. Raises as `CameraPipeline.observe`, and FrameError for data that is no frame's.
        """
        camera, seq = identity(event_data)
        return self.pipeline(camera).observe(seq, time, frame=event_data.get("pixels"), scene=event_data.get("scene"))

    def view(self, event_data: Mapping[str, Any], time: datetime) -> View:
        """The frame of a `camera.frame` as all who look at it share it; nothing is worked out before it is asked for.

        The last views of each camera are kept, so that whoever asks for the same frame gets the same one.
        Raises FrameError for data that is no frame's, for neither or both of pixels and scene, and for a naive time.
        """
        camera, seq = identity(event_data)
        pixels, scene = event_data.get("pixels"), event_data.get("scene")
        check_frame(time, pixels, scene)
        self._recent.pass_time(camera, time)
        with self._lock:
            views = self._views.setdefault(camera, OrderedDict())
            known = views.get((seq, time))
            if known is None:
                known = View(
                    camera,
                    seq,
                    time,
                    lambda: self.pipeline(camera).observe(seq, time, frame=pixels, scene=scene),
                    pixels=pixels,
                    scene=scene,
                    readers=self._readers,
                    scene_readers=SCENE_READERS,
                    keep=self._keep,
                )
                views[(seq, time)] = known
                if len(views) > KEPT_VIEWS:
                    views.popitem(last=False)
            return known

    def pipeline(self, camera: str) -> CameraPipeline:
        """The pipeline of a camera, made at its first frame."""
        with self._lock:
            if camera not in self._pipelines:
                self._pipelines[camera] = CameraPipeline(camera, self._detectors, self._settings)
            return self._pipelines[camera]

    def forget(self, camera: str) -> None:
        """Drop a camera's pipeline with its tracks and a model of its own, when the camera is taken away or moved."""
        with self._lock:
            self._pipelines.pop(camera, None)
            self._views.pop(camera, None)
        self._recent.forget(camera)
        self._detectors.forget(camera)

    def teach(self, camera: str, seq: int, box: Sequence[float], shop: str, gtin: str, *, samples: int | None = None) -> Taught | None:
        """Learn a person's answer to what `View.items` said of a box a moment ago: it is this item (see `ItemCatalogue.correct`).

        `samples` is how many pictures' vectors the shop keeps of each item. None, and nothing is learnt, when the picture is gone (a minute
        of frames, a restart) or shows a person. The same answer again changes nothing. In a scene, which has no picture, nothing is
        learnt either and the answer is `learnt`.
        """
        return self._learn(camera, seq, box, shop, gtin, lambda look: self.items.correct(shop, gtin, look, samples=samples), "learnt")

    def enrol(self, camera: str, seq: int, box: Sequence[float], shop: str, gtin: str, *, samples: int | None = None) -> Taught | None:
        """Add a box that `View.items` was asked for a moment ago to an item, as one of the pictures taken to enrol it.

        The item is recognised from now on. `enrolled`, or None as in `teach`; in a scene `enrolled`.
        """

        def add(look: Vector) -> Taught:
            self.items.enrol(shop, gtin, [look], samples=samples)
            return "enrolled"

        return self._learn(camera, seq, box, shop, gtin, add, "enrolled")

    def typical(self, camera: str, seq: int, box: Sequence[float], shop: str, gtin: str) -> Typical | None:
        """How like an item a box is that `View.items` was asked for a moment ago, beside its enrolled pictures.

        None in a scene, when the picture is gone or shows a person, and for an item with fewer than three pictures.
        """
        look = self._recent.find(camera, seq, box)
        return None if look is None or look.vector is None else self.items.typical(shop, gtin, look.vector)

    def refit(self, shops: Iterable[str] | None = None) -> None:
        """Begin to make the recognition of these shops (of all, where none is named) anew, in the background: see `Shops.refit`."""
        self.items.refit(shops)

    def close(self) -> None:
        """Save what was taught."""
        self.items.close()

    def _learn(
        self, camera: str, seq: int, box: Sequence[float], shop: str, gtin: str, learn: Callable[[Vector], Taught], in_a_scene: Taught
    ) -> Taught | None:
        look = self._recent.find(camera, seq, box)
        if look is None:
            return None
        if (shop, gtin) not in look.answers:
            look.answers[shop, gtin] = in_a_scene if look.vector is None else learn(look.vector)
        return look.answers[shop, gtin]

    def _keep(self, view: View, boxes: Sequence[Box], vectors: Sequence[Vector] | None) -> None:
        """Keep what lies in these boxes for a while, that it may be taught."""
        people = [person.box for person in view.observation.of("person")]
        for box, vector in zip(boxes, vectors if vectors is not None else [None] * len(boxes), strict=True):
            self._recent.keep(view.camera, Look(view.seq, view.time, box, vector), people)

    @property
    def detectors(self) -> Detectors:
        """Which detector sees which camera's frames."""
        return self._detectors

    def swap_model(
        self,
        camera: str | None,
        model: str | Path | Model | DetectorFactory,
        *,
        probation: int = 50,
        labels: Collection[str] | None = None,
        hold: bool = False,
    ) -> Swap:
        """Begin to replace the model of a camera, or (None) of all cameras, those to come included; frames flow on, tracks go on.

        `model` is a model or its folder, the name of a shipped one, or what makes a detector. It is loaded and run on a blank picture in
        the background and takes over at the camera's next frame. It must know `labels`, or else all the classes of the model before it. In
        its first `probation` frames (over all its cameras) it is taken back when it raises, when its answer makes no sense, or when two
        frames running each take over ten times the old model's median (times up to 50 ms are never too long); each such frame is seen by
        the old model, which stays in memory until the probation is over. With `hold` it is on trial until `detectors.settle` ends that,
        and the caller answers for the camera.
        Raises SwapError for a camera without frames and while another swap is under way on one of the cameras; all that is wrong with the
        model itself stands in the `Swap`.
        """
        with self._lock:
            known = sorted(self._pipelines)
        if camera is not None and camera not in known and not hold:
            raise SwapError(words("unknown", camera=camera), words("unknown_fix", known=", ".join(known) or "-"), "camera")
        return self._detectors.replace(camera, model, probation=probation, labels=labels, least=self._settings.low, hold=hold)


def identity(event_data: Mapping[str, Any]) -> tuple[str, int]:
    """Camera and number of a `camera.frame`; FrameError where it lacks either."""
    camera, seq = event_data.get("camera"), event_data.get("seq")
    if not isinstance(camera, str) or not camera:
        raise FrameError(f"Camera is {camera!r}.", "camera.frame.camera", "Give the camera's device id.")
    if not isinstance(seq, int) or isinstance(seq, bool):
        raise FrameError(f"Seq is {seq!r}.", "camera.frame.seq", "Give the frame's number.")
    return camera, seq


def check_frame(time: datetime, pixels: object, scene: object) -> None:
    """FrameError for a naive time, and unless there is one of pixels and scene."""
    if time.tzinfo is None:
        raise FrameError("The time has no zone.", "time", "Give a timezone-aware time.")
    if (pixels is None) == (scene is None):
        raise FrameError("A frame needs either pixels or a scene.", "camera.frame", "Give one of the two.")
