"""What a camera remembers, so that it goes on elsewhere as if nothing had happened: its tracks and its algorithms' states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import numpy as np

from storeloom.workers.vision.detectors import Detectors
from storeloom.workers.vision.pipeline import CameraPipeline, VisionWorker
from storeloom.workers.vision.track import BoxFilter, Track, Tracker, TrackSettings

FILTER = ("place", "speed", "var_place", "var_speed", "cov")


@dataclass(frozen=True)
class Kept:
    """All of it after frame `seq`, as JSON: the algorithms' (`CameraSet.state`) and the tracker's."""

    seq: int
    algorithms: Mapping[str, Any]
    tracks: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


class KeptTracker(Tracker):
    """A tracker whose tracks can be written down and taken up again."""

    def state(self) -> dict[str, Any]:
        tracks = [
            {"name": t.name, "cls": t.cls, "hits": t.hits, "lost": t.lost, "seen_s": t.seen_s, "seen_at": t.seen_at.tolist()}
            | {key: getattr(t.filter, key).tolist() for key in FILTER}
            for t in self.tracks
        ]
        return {"tracks": tracks, "born": self._born, "time_s": self._time_s}

    def restore(self, kept: Mapping[str, Any]) -> None:
        self._born, self._time_s = kept["born"], kept["time_s"]
        self.tracks = []
        for one in kept["tracks"]:
            box = BoxFilter((0.0, 0.0, 0.0, 0.0))
            for key in FILTER:
                setattr(box, key, np.array(one[key]))
            seen_at = np.array(one["seen_at"])
            self.tracks.append(Track(one["name"], one["cls"], box, seen_at, one["seen_s"], one["hits"], one["lost"]))


class KeptPipeline(CameraPipeline):
    """A camera's pipeline that goes on from kept tracks."""

    def __init__(self, camera: str, detectors: Detectors) -> None:
        super().__init__(camera, detectors, TrackSettings())
        self._tracker: KeptTracker = KeptTracker(camera, self._settings)

    def state(self) -> dict[str, Any]:
        with self._lock:
            return {"tracker": self._tracker.state(), "latest": None if self._latest is None else self._latest.isoformat()}

    def restore(self, kept: Mapping[str, Any]) -> None:
        with self._lock:
            self._tracker.restore(kept["tracker"])
            self._latest = None if kept["latest"] is None else datetime.fromisoformat(kept["latest"])


class KeptWorker(VisionWorker):
    """A vision worker whose pipelines can be written down."""

    def pipeline(self, camera: str) -> KeptPipeline:
        with self._lock:
            found = self._pipelines.get(camera)
            if not isinstance(found, KeptPipeline):
                found = self._pipelines[camera] = KeptPipeline(camera, self._detectors)
            return found
