"""One frame as all algorithms share it: each stage is worked out at most once, whoever asks first, and not at all where nobody asks.

A scene gives the answers of detection, reading and recognition itself; every rule above them runs as it does on pixels.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, cast

from storeloom.workers.vision.boxes import Box
from storeloom.workers.vision.things import Observation

if TYPE_CHECKING:
    from pathlib import Path

    from storeloom.workers.vision.detect import Image
    from storeloom.workers.vision.items.embedding import Vector
    from storeloom.workers.vision.items.results import Ranking
    from storeloom.workers.vision.reading.results import Code, Plate, PriceLabel, Text

Stage = Literal["frame", "detections", "tracks", "texts", "codes", "plates", "items"]
T = TypeVar("T")
Likely = Sequence[tuple[str, float]]
WIDE = 16 / 9


class Readers(Protocol):
    """What reads a picture beside the detector; each is made when it is first asked for. Regions and boxes are shares of the picture.

    `looks` are the vectors of what lies in boxes, `rank` the `k` likeliest of a shop's items for each of these, `classes` the `k` likeliest
    of a model's classes for each box.
    """

    def texts(self, picture: Image, region: Box | None) -> Sequence[Text]: ...
    def codes(self, picture: Image, on: date) -> Sequence[Code]: ...
    def plates(self, picture: Image) -> Sequence[Plate]: ...
    def labels(self, picture: Image, texts: Sequence[Text], codes: Sequence[Code], on: date, currency: str) -> Sequence[PriceLabel]: ...
    def looks(self, picture: Image, boxes: Sequence[Box]) -> Sequence[Vector]: ...
    def rank(self, looks: Sequence[Vector], shop: str, k: int) -> Sequence[Ranking]: ...
    def classes(self, picture: Image, model: str | Path, boxes: Sequence[Box], k: int) -> Sequence[Likely]: ...


class SceneReaders(Protocol):
    """The same answers taken from a scene's objects."""

    def texts(self, scene: Mapping[str, Any], region: Box | None) -> Sequence[Text]: ...
    def codes(self, scene: Mapping[str, Any], on: date) -> Sequence[Code]: ...
    def plates(self, scene: Mapping[str, Any]) -> Sequence[Plate]: ...
    def labels(self, scene: Mapping[str, Any], on: date, currency: str) -> Sequence[PriceLabel]: ...
    def items(self, scene: Mapping[str, Any], boxes: Sequence[Box], shop: str, k: int) -> Sequence[Ranking]: ...
    def classes(self, scene: Mapping[str, Any], boxes: Sequence[Box], k: int) -> Sequence[Likely]: ...


class View:
    """Frame `seq` of one camera, from BGR uint8 `pixels` or from a `scene`. May be used from several threads.

    `observe` runs the detector and the tracker; what it raises, `observation` raises, each time it is asked. Where items are asked for,
    `keep` is given the view, the boxes, and the vectors of what lies in them (None in a scene).
    """

    def __init__(
        self,
        camera: str,
        seq: int,
        time: datetime,
        observe: Callable[[], Observation],
        *,
        pixels: Image | None,
        scene: Mapping[str, Any] | None,
        readers: Readers,
        scene_readers: SceneReaders,
        keep: Callable[[View, Sequence[Box], Sequence[Vector] | None], None],
    ) -> None:
        self.camera, self.seq, self.time = camera, seq, time
        self.pixels, self.scene = pixels, scene
        self._observe, self._readers, self._scene_readers, self._keep = observe, readers, scene_readers, keep
        self._known: dict[Hashable, Any] = {}
        self._lock = threading.RLock()

    @property
    def t_s(self) -> float:
        """Seconds since the epoch, the clock of the rules."""
        return self.time.timestamp()

    @property
    def aspect(self) -> float:
        """The picture's width over its height; 16:9 is taken for a scene."""
        return WIDE if self.pixels is None else self.pixels.shape[1] / self.pixels.shape[0]

    @property
    def observation(self) -> Observation:
        """Detections with their tracks."""
        return self.shared("observation", self._observe)

    @property
    def observed(self) -> bool:
        """Whether someone has asked for the observation already."""
        return "observation" in self._known

    def texts(self, region: Box | None = None) -> tuple[Text, ...]:
        """Lines of text in a region, or in the whole picture."""
        return self._read(("texts", region), lambda p: self._readers.texts(p, region), lambda s: self._scene_readers.texts(s, region))

    def codes(self) -> tuple[Code, ...]:
        """Bar codes and two-dimensional codes; the frame's day in UTC dates their two-digit years."""
        on = self.time.date()
        return self._read(("codes",), lambda p: self._readers.codes(p, on), lambda s: self._scene_readers.codes(s, on))

    def plates(self) -> tuple[Plate, ...]:
        """Number plates of vehicles."""
        return self._read(("plates",), self._readers.plates, self._scene_readers.plates)

    def labels(self, currency: str = "CNY") -> tuple[PriceLabel, ...]:
        """Price labels with what they say, by the lines and codes of the picture; the frame's day in UTC dates their days without year."""
        on = self.time.date()
        return self._read(
            ("labels", currency),
            lambda p: self._readers.labels(p, self.texts(), self.codes(), on, currency),
            lambda s: self._scene_readers.labels(s, on, currency),
        )

    def items(self, boxes: Sequence[Box], shop: str = "", k: int = 5) -> tuple[Ranking, ...]:
        """What lies in each of these boxes: the `k` likeliest of the enrolled items of `shop` (a catalogue's name)."""
        key = tuple(boxes)
        return self._read(
            ("items", key, shop, k), lambda p: self._readers.rank(self._looks(p, key), shop, k), lambda s: self._given(s, key, shop, k)
        )

    def classes(self, model: str | Path, boxes: Sequence[Box], k: int = 5) -> tuple[Likely, ...]:
        """What each of these boxes shows, by a classifying model: the `k` likeliest of its classes with their probabilities, best first.

        `model` is the folder of a model, as a vendor's package brings one, or a shipped one's name; it is loaded when it is first asked.
        In a scene the answer stands as `classes` with the object that lies in the box; a box without such an object has none.
        Raises ModelFault for a model that is absent, changed or does not classify; FrameError for a box that covers no pixel.
        """
        key = tuple(boxes)
        return self._read(
            ("classes", str(model), key, k),
            lambda p: self._readers.classes(p, model, key, k),
            lambda s: self._scene_readers.classes(s, key, k),
        )

    def _looks(self, picture: Image, boxes: tuple[Box, ...]) -> Sequence[Vector]:
        """The vectors of what lies in boxes, whichever shops are asked."""

        def work() -> Sequence[Vector]:
            made = self._readers.looks(picture, boxes)
            self._keep(self, boxes, made)
            return made

        return self.shared(("looks", boxes), work)

    def _given(self, scene: Mapping[str, Any], boxes: tuple[Box, ...], shop: str, k: int) -> Sequence[Ranking]:
        self._keep(self, boxes, None)
        return self._scene_readers.items(scene, boxes, shop, k)

    def shared(self, key: Hashable, work: Callable[[], T]) -> T:
        """What `work` gives, worked out for the first who asks under this key; nothing is kept of work that raises."""
        with self._lock:
            if key not in self._known:
                self._known[key] = work()
            return cast(T, self._known[key])

    def _read(
        self, key: Hashable, from_pixels: Callable[[Image], Sequence[T]], from_scene: Callable[[Mapping[str, Any]], Sequence[T]]
    ) -> tuple[T, ...]:
        pixels, scene = self.pixels, self.scene or {}
        return self.shared(key, lambda: tuple(from_scene(scene) if pixels is None else from_pixels(pixels)))
