"""One frame as all algorithms share it: each stage is worked out at most once, whoever asks first.

A scene gives the answers of detection, reading and recognition itself; every rule above them runs as it does on pixels.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from storeloom.workers.vision.boxes import Box
from storeloom.workers.vision.things import Observation

if TYPE_CHECKING:
    from storeloom.workers.vision.detect import Image
    from storeloom.workers.vision.items.results import Ranking
    from storeloom.workers.vision.reading.results import Code, Plate, Text

Stage = Literal["frame", "detections", "tracks", "texts", "codes", "plates", "items"]
T = TypeVar("T")


class Readers(Protocol):
    """What reads a picture beside the detector; each is made when it is first asked for. Regions and boxes are shares of the picture."""

    def texts(self, picture: Image, region: Box | None) -> Sequence[Text]: ...
    def codes(self, picture: Image) -> Sequence[Code]: ...
    def plates(self, picture: Image) -> Sequence[Plate]: ...
    def items(self, picture: Image, boxes: Sequence[Box], shop: str) -> Sequence[Ranking]: ...


class SceneReaders(Protocol):
    """The same answers taken from a scene's objects."""

    def texts(self, scene: Mapping[str, Any], region: Box | None) -> Sequence[Text]: ...
    def codes(self, scene: Mapping[str, Any]) -> Sequence[Code]: ...
    def plates(self, scene: Mapping[str, Any]) -> Sequence[Plate]: ...
    def items(self, scene: Mapping[str, Any], boxes: Sequence[Box], shop: str) -> Sequence[Ranking]: ...


class View:
    """One frame of one camera, from BGR uint8 `pixels` or from a `scene`. May be used from several threads."""

    def __init__(
        self,
        observation: Observation,
        pixels: Image | None,
        scene: Mapping[str, Any] | None,
        readers: Readers,
        scene_readers: SceneReaders,
    ) -> None:
        self.observation = observation
        self.pixels = pixels
        self.scene = scene
        self._readers, self._scene_readers = readers, scene_readers
        self._known: dict[tuple[Any, ...], Any] = {}
        self._lock = threading.RLock()

    @property
    def camera(self) -> str:
        return self.observation.camera

    @property
    def time(self) -> datetime:
        return self.observation.time

    @property
    def t_s(self) -> float:
        return self.observation.t_s

    def texts(self, region: Box | None = None) -> tuple[Text, ...]:
        """Lines of text in a region, or in the whole picture."""
        return self._once(("texts", region), lambda p: self._readers.texts(p, region), lambda s: self._scene_readers.texts(s, region))

    def codes(self) -> tuple[Code, ...]:
        """Bar codes and two-dimensional codes."""
        return self._once(("codes",), self._readers.codes, self._scene_readers.codes)

    def plates(self) -> tuple[Plate, ...]:
        """Number plates of vehicles."""
        return self._once(("plates",), self._readers.plates, self._scene_readers.plates)

    def items(self, boxes: Sequence[Box], shop: str = "") -> tuple[Ranking, ...]:
        """What lies in each of these boxes, by the enrolled classes of `shop` (a catalogue's name)."""
        key = tuple(boxes)
        return self._once(
            ("items", key, shop), lambda p: self._readers.items(p, key, shop), lambda s: self._scene_readers.items(s, key, shop)
        )

    def _once(
        self, key: tuple[Any, ...], from_pixels: Callable[[Image], Sequence[T]], from_scene: Callable[[Mapping[str, Any]], Sequence[T]]
    ) -> tuple[T, ...]:
        with self._lock:
            if key not in self._known:
                self._known[key] = tuple(from_scene(self.scene) if self.pixels is None else from_pixels(self.pixels))  # type: ignore[arg-type]
            found: tuple[T, ...] = self._known[key]
            return found
