"""The shipped readers behind a `View`: of pictures by networks, each loaded when it is first asked for, and of scenes."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from storeloom.workers.pricing.money import decimals
from storeloom.workers.vision.boxes import Box, iou
from storeloom.workers.vision.items.shops import Shops

if TYPE_CHECKING:
    from pathlib import Path

    from storeloom.workers.vision.detect import Classifier, Image
    from storeloom.workers.vision.items.embedding import Vector
    from storeloom.workers.vision.items.results import Ranking
    from storeloom.workers.vision.reading.codes import CodeReader
    from storeloom.workers.vision.reading.plates import PlateReader
    from storeloom.workers.vision.reading.results import Code, Plate, PriceLabel, Text
    from storeloom.workers.vision.reading.text import TextReader
    from storeloom.workers.vision.view import Likely, SceneReaders

SAME_THING = 0.5


class ShippedReaders:
    """Text, codes and plates by the shipped networks, items by the catalogues of `shops`, which may change while frames flow.

    An item of a shop without catalogue is unknown, for the reason that nothing is enrolled. Threads may share the readers.
    """

    def __init__(self, shops: Shops | None = None) -> None:
        self.shops = shops if shops is not None else Shops()
        self._text: TextReader | None = None
        self._codes: CodeReader | None = None
        self._plates: PlateReader | None = None
        self._classifiers: dict[str, Classifier] = {}
        self._lock = threading.RLock()

    def texts(self, picture: Image, region: Box | None) -> Sequence[Text]:
        return self._text_reader().read(picture, region)

    def codes(self, picture: Image, on: date) -> Sequence[Code]:
        from storeloom.workers.vision.reading.codes import CodeReader

        with self._lock:
            self._codes = self._codes or CodeReader()
        return self._codes.read(picture, on=on)

    def plates(self, picture: Image) -> Sequence[Plate]:
        from storeloom.workers.vision.reading.plates import PlateReader

        with self._lock:
            self._plates = self._plates or PlateReader(self._text_reader())
        return self._plates.read(picture)

    def labels(self, picture: Image, texts: Sequence[Text], codes: Sequence[Code], on: date, currency: str) -> Sequence[PriceLabel]:
        from storeloom.workers.vision.reading.codes import CodeReader
        from storeloom.workers.vision.reading.labels import LabelReader

        with self._lock:
            self._codes = self._codes or CodeReader()
        digits = decimals(currency)
        return LabelReader(self._text_reader(), self._codes, currency=currency, minor_digits=digits).find(picture, texts, codes, on=on)

    def looks(self, picture: Image, boxes: Sequence[Box]) -> Sequence[Vector]:
        return self.shops.looks(picture, boxes)

    def rank(self, looks: Sequence[Vector], shop: str, k: int) -> Sequence[Ranking]:
        return self.shops.rank(looks, shop, k)

    def classes(self, picture: Image, model: str | Path, boxes: Sequence[Box], k: int) -> Sequence[Likely]:
        from storeloom.workers.vision.items.embedding import cut

        classifier = self._classifier(model)
        return [classifier.classify(cut(picture, box, margin=0.0), most=k) for box in boxes]

    def _classifier(self, model: str | Path) -> Classifier:
        from storeloom.workers.vision.detect import Classifier
        from storeloom.workers.vision.models import load

        with self._lock:
            if str(model) not in self._classifiers:
                self._classifiers[str(model)] = Classifier(load(model, task="classify"))
            return self._classifiers[str(model)]

    def _text_reader(self) -> TextReader:
        from storeloom.workers.vision.reading.text import TextReader

        with self._lock:
            self._text = self._text or TextReader()
            return self._text


class ScriptedReaders:
    """What a scene says is written and what lies in its boxes."""

    def texts(self, scene: Mapping[str, Any], region: Box | None) -> Sequence[Text]:
        from storeloom.workers.vision.reading import scenes

        return scenes.texts(scene, region)

    def codes(self, scene: Mapping[str, Any], on: date) -> Sequence[Code]:
        from storeloom.workers.vision.reading import scenes

        return scenes.codes(scene, on=on)

    def plates(self, scene: Mapping[str, Any]) -> Sequence[Plate]:
        from storeloom.workers.vision.reading import scenes

        return scenes.plates(scene)

    def labels(self, scene: Mapping[str, Any], on: date, currency: str) -> Sequence[PriceLabel]:
        from storeloom.workers.vision.reading import scenes

        return scenes.labels(scene, on=on, currency=currency, minor_digits=decimals(currency))

    def items(self, scene: Mapping[str, Any], boxes: Sequence[Box], shop: str, k: int) -> Sequence[Ranking]:
        """By the `gtins` of the object that lies in each box."""
        from storeloom.workers.vision.items.results import NOTHING, given

        return [NOTHING if thing is None else given(thing["gtins"], k=k) for thing in _in_boxes(scene, boxes, "gtins")]

    def classes(self, scene: Mapping[str, Any], boxes: Sequence[Box], k: int) -> Sequence[Likely]:
        """By the `classes` of the object that lies in each box."""
        told = [
            [] if thing is None else [(str(name), float(share)) for name, share in thing["classes"]]
            for thing in _in_boxes(scene, boxes, "classes")
        ]
        return [sorted(one, key=lambda pair: -pair[1])[:k] for one in told]


def _in_boxes(scene: Mapping[str, Any], boxes: Sequence[Box], answer: str) -> Iterator[Mapping[str, Any] | None]:
    """The object of a scene that lies in each box and bears this answer, None where there is none."""
    for box in boxes:
        things = [thing for thing in scene["objects"] if thing.get(answer) and iou(thing["box"], box) >= SAME_THING]
        yield max(things, key=lambda thing: iou(thing["box"], box), default=None)


SCENE_READERS: SceneReaders = ScriptedReaders()
