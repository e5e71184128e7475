"""What the engine says it sees: detections of one frame, and the tracked things of an observation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from storeloom.workers.vision.boxes import Box, Point, foot


@dataclass(frozen=True)
class Detection:
    """One object in one frame: `box` [x, y, w, h] in shares of the picture, `floor` metres where known, `attrs` as in a scene.

    `track` is the identity that a scene gives; a network gives none.
    """

    cls: str
    score: float
    box: Box
    floor: Point | None = None
    attrs: Mapping[str, Any] = field(default_factory=dict)
    track: str | None = None


@dataclass(frozen=True)
class Seen:
    """A detection with the track that it belongs to; `track` is None for an object too unsure to start one."""

    track: str | None
    cls: str
    score: float
    box: Box
    floor: Point | None = None
    attrs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def foot(self) -> Point:
        """Bottom centre of the box."""
        return foot(self.box)

    def as_json(self) -> dict[str, Any]:
        """The element of `vision.detections`' `boxes`."""
        data: dict[str, Any] = {"class": self.cls, "score": self.score, "box": list(self.box)}
        if self.track is not None:
            data["track"] = self.track
        attrs = dict(self.attrs) | ({} if self.floor is None else {"floor": list(self.floor)})
        return data | ({"attrs": attrs} if attrs else {})


@dataclass(frozen=True)
class Observation:
    """Everything seen in one frame of one camera. `shape` is the picture's height and width in pixels where there was one.

    `faint` is what the detector doubts and no track bears out: no rule counts it, but privacy hides it.
    """

    camera: str
    seq: int
    time: datetime
    objects: tuple[Seen, ...]
    shape: tuple[int, int] | None = None
    faint: tuple[Seen, ...] = ()

    @property
    def t_s(self) -> float:
        """Time as seconds since the epoch, the clock of the rules in `lines`, `zones` and `heat`."""
        return self.time.timestamp()

    def of(self, *classes: str) -> tuple[Seen, ...]:
        """The objects of these classes."""
        return tuple(thing for thing in self.objects if thing.cls in classes)

    def feet(self, *classes: str) -> dict[str, Point]:
        """Foot point of each track of these classes (of all classes where none is named)."""
        return {t.track: t.foot for t in self.objects if t.track is not None and (not classes or t.cls in classes)}

    def floors(self, *classes: str) -> dict[str, Point]:
        """Floor point in metres of each track of these classes that has one."""
        return {t.track: t.floor for t in self.objects if t.track is not None and t.floor is not None and (not classes or t.cls in classes)}
