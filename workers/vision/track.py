"""Multi-object tracking by ByteTrack (Zhang et al. 2022, arXiv:2110.06864), in numpy.

Each track holds a constant-velocity Kalman filter of its box (centre, width, height). Sure detections are matched to predicted boxes
first; the unsure ones left by occlusion or blur may then only continue a track that was just seen, never start one.

Three things differ from the paper's code, because store cameras are sampled at uneven rates: velocities and noise are per second, not per
frame; noise scales with the box's own width and height (as in BoT-SORT, arXiv:2206.14651), so that picture shares serve as units; and what
moved farther than its own box while no frame came is sought within its reach, which grows with the time since it was seen (the idea of the
buffered overlap of C-BIoU, arXiv:2211.14317, with the buffer bound to time).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from storeloom.workers.vision.boxes import Floats, iou_matrix
from storeloom.workers.vision.things import Detection

FRAME_S = 1 / 30
STD_POSITION = 1 / 20
STD_VELOCITY = 1 / 160 / FRAME_S
NEVER = 1e6


@dataclass(frozen=True)
class TrackSettings:
    """Thresholds of the tracker.

    `high`: score of a sure detection; `low`: least score considered; `new`: score that may start a track; `first_iou`, `second_iou`:
    least overlaps of the two stages; `keep_s`: how long a vanished track may come back, and the longest time over which a movement is
    extrapolated (a camera sampled more rarely finds its things where they stood); `confirm`: matches before a track may vanish at all.

    A sure detection left without a track continues one left without a detection where the centres lie no farther apart than `reach_sizes_s`
    times the longer side of the larger box for each second since the track was seen, `reach_s` seconds at most, and the areas differ by no
    more than `reach_ratio`. `reach_sizes_s` 0 does without. `aspect`: width of the pictures over their height.
    """

    high: float = 0.35
    low: float = 0.1
    new: float = 0.45
    first_iou: float = 0.2
    second_iou: float = 0.4
    keep_s: float = 1.5
    confirm: int = 2
    reach_sizes_s: float = 1.0
    reach_s: float = 1.0
    reach_ratio: float = 4.0
    aspect: float = 16 / 9


class BoxFilter:
    """Constant-velocity Kalman filter of one box; its four coordinates are independent, so each variance is a plain number."""

    def __init__(self, box: Sequence[float]) -> None:
        self.place = to_centre(box)
        self.speed = np.zeros(4)
        unit = self._unit()
        self.var_place = (2 * STD_POSITION * unit) ** 2
        self.var_speed = (10 * STD_VELOCITY * unit) ** 2
        self.cov = np.zeros(4)

    def _unit(self) -> Floats:
        """Size that each coordinate's noise is a share of: the width for x and width, the height for y and height."""
        width, height = np.maximum(self.place[2:], 1e-3)
        return np.array([width, height, width, height])

    def predict(self, dt_s: float) -> None:
        frames, unit = dt_s / FRAME_S, self._unit()
        self.place = self.place + dt_s * self.speed
        self.var_place = self.var_place + 2 * dt_s * self.cov + dt_s**2 * self.var_speed + frames * (STD_POSITION * unit) ** 2
        self.cov = self.cov + dt_s * self.var_speed
        self.var_speed = self.var_speed + frames * (STD_VELOCITY * unit) ** 2

    def correct(self, box: Sequence[float]) -> None:
        total = self.var_place + (STD_POSITION * self._unit()) ** 2
        gain, gain_speed = self.var_place / total, self.cov / total
        wrong = to_centre(box) - self.place
        self.place = self.place + gain * wrong
        self.speed = self.speed + gain_speed * wrong
        self.var_speed = self.var_speed - gain_speed * self.cov
        self.cov = (1 - gain) * self.cov
        self.var_place = (1 - gain) * self.var_place

    def box(self) -> Floats:
        """Box [x, y, w, h] of the present estimate."""
        size = np.maximum(self.place[2:], 1e-6)
        return np.concatenate([self.place[:2] - size / 2, size])


@dataclass
class Track:
    """A followed object: its filter, where and when it was last matched and how often, and whether the last frame showed it."""

    name: str
    cls: str
    filter: BoxFilter
    seen_at: Floats
    seen_s: float
    hits: int = 1
    lost: bool = False


class Tracker:
    """Gives each detection the name of its track. Names are `prefix#1`, `prefix#2`... in order of appearance.

    Detections of different classes never share a track.
    """

    def __init__(self, prefix: str = "t", settings: TrackSettings | None = None) -> None:
        self.settings = settings if settings is not None else TrackSettings()
        self.tracks: list[Track] = []
        self._prefix = prefix
        self._born = 0
        self._time_s: float | None = None

    def update(self, detections: Sequence[Detection], t_s: float) -> list[str | None]:
        """Track names in the order of `detections` of one frame taken at `t_s`; None for one too unsure to be tracked.

        ValueError where `t_s` lies before the last frame.
        """
        step_s = 0.0 if self._time_s is None else t_s - self._time_s
        if step_s < 0:
            raise ValueError(f"frames must come in order of time: {t_s} after {self._time_s}")
        self._time_s = t_s
        self.tracks = [track for track in self.tracks if not track.lost or t_s - track.seen_s <= self.settings.keep_s]
        for track in self.tracks:
            track.filter.predict(min(step_s, self.settings.keep_s))
        names: list[str | None] = [None] * len(detections)
        for track, index in self._pairs(detections, t_s):
            track.filter.correct(detections[index].box)
            track.seen_at, track.seen_s = to_centre(detections[index].box), t_s
            track.hits, track.lost = track.hits + 1, False
            names[index] = track.name
        self._note_lost(t_s)
        for index, detection in enumerate(detections):
            if names[index] is None and detection.score >= max(self.settings.new, self.settings.high):
                names[index] = self._start(detection, t_s)
        return names

    def _pairs(self, detections: Sequence[Detection], t_s: float) -> list[tuple[Track, int]]:
        """Tracks and the numbers of the detections that continue them: the sure ones, then the unsure ones, then what is within reach."""
        sure = [i for i, d in enumerate(detections) if d.score >= self.settings.high]
        unsure = [i for i, d in enumerate(detections) if self.settings.low <= d.score < self.settings.high]
        pairs = self._match(self.tracks, sure, detections, self.settings.first_iou)
        left = [t for t in without(self.tracks, pairs) if not t.lost]
        pairs += self._match(left, unsure, detections, self.settings.second_iou)
        used = {index for _, index in pairs}
        return pairs + self._reach(without(self.tracks, pairs), [i for i in sure if i not in used], detections, t_s)

    def _match(
        self, tracks: Sequence[Track], indices: Sequence[int], detections: Sequence[Detection], least_iou: float
    ) -> list[tuple[Track, int]]:
        """The pairs of least total cost 1 - IoU x score among tracks and detections of one class that overlap enough."""
        if not tracks or not indices:
            return []
        overlaps = iou_matrix([t.filter.box() for t in tracks], [detections[i].box for i in indices])
        cost = 1 - overlaps * np.array([detections[i].score for i in indices])
        same = np.array([[t.cls == detections[i].cls for i in indices] for t in tracks])
        allowed: NDArray[Any] = same & (overlaps >= least_iou)
        rows, columns = linear_sum_assignment(np.where(allowed, cost, NEVER))
        return [(tracks[r], indices[c]) for r, c in zip(rows, columns, strict=True) if allowed[r, c]]

    def _reach(
        self, tracks: Sequence[Track], indices: Sequence[int], detections: Sequence[Detection], t_s: float
    ) -> list[tuple[Track, int]]:
        """The pairs of least total distance among those within reach; a track is where it was seen or where it was heading."""
        unseen = {track.name: t_s - track.seen_s for track in tracks}
        near = [track for track in tracks if unseen[track.name] <= self.settings.reach_s]
        if not near or not indices:
            return []
        boxes = np.array([to_centre(detections[i].box) for i in indices])
        seen, heading = np.array([t.seen_at for t in near]), np.array([t.filter.place for t in near])
        apart = np.minimum(self._apart(seen, boxes), self._apart(heading, boxes))
        within = apart <= self.settings.reach_sizes_s * np.array([unseen[t.name] for t in near])[:, None]
        ratio = seen[:, None, 2:].prod(axis=2) / np.maximum(boxes[None, :, 2:].prod(axis=2), 1e-12)
        alike = (ratio <= self.settings.reach_ratio) & (ratio >= 1 / self.settings.reach_ratio)
        same = np.array([[t.cls == detections[i].cls for i in indices] for t in near])
        allowed: NDArray[Any] = within & alike & same
        rows, columns = linear_sum_assignment(np.where(allowed, apart, NEVER))
        return [(near[r], indices[c]) for r, c in zip(rows, columns, strict=True) if allowed[r, c]]

    def _apart(self, places: Floats, boxes: Floats) -> Floats:
        """Distances of the centres (n x m) in longer sides of the larger box of each pair."""
        square = np.array([self.settings.aspect, 1.0])
        distance = np.linalg.norm((places[:, None, :2] - boxes[None, :, :2]) * square, axis=2)
        longer = np.maximum((places[:, 2:] * square).max(axis=1)[:, None], (boxes[:, 2:] * square).max(axis=1)[None, :])
        apart: Floats = distance / np.maximum(longer, 1e-6)
        return apart

    def _note_lost(self, t_s: float) -> None:
        """Mark the tracks that this frame does not show, and forget those seen too rarely to be believed."""
        for track in self.tracks:
            track.lost = track.seen_s < t_s
        self.tracks = [track for track in self.tracks if not track.lost or track.hits >= self.settings.confirm]

    def _start(self, detection: Detection, t_s: float) -> str:
        self._born += 1
        name = f"{self._prefix}#{self._born}"
        self.tracks.append(Track(name, detection.cls, BoxFilter(detection.box), to_centre(detection.box), t_s))
        return name


def without(tracks: Sequence[Track], pairs: Sequence[tuple[Track, int]]) -> list[Track]:
    """The tracks that stand in no pair."""
    names = {track.name for track, _ in pairs}
    return [track for track in tracks if track.name not in names]


def to_centre(box: Sequence[float]) -> Floats:
    """[centre x, centre y, w, h] of a box [x, y, w, h]."""
    return np.array([box[0] + box[2] / 2, box[1] + box[3] / 2, box[2], box[3]], np.float64)
