"""Pictures of cameras to draw on: a frame by the camera's own driver, or one that the integrator uploads. People are blurred before
anything is shown, and what is kept is the blurred picture, in the session only."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from storeloom.core.kernel.adapter import Adapter
from storeloom.core.kernel.compose import Composition
from storeloom.core.kernel.errors import StoreloomError
from storeloom.core.kernel.registry import Registry
from storeloom.core.runtime.adapters import make_adapter
from storeloom.studio.components.region_editor import as_jpeg

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FRAME = "camera.frame"
WAIT_S = 15.0
FRAMES = 50
FLAT = 8.0
LONGEST = 1280


class PictureError(Exception):
    """No picture to show: `word` is the key of the studio's word for it, `values` fill it."""

    def __init__(self, word: str, **values: object) -> None:
        super().__init__(word)
        self.word, self.values_said = word, values


@dataclass(frozen=True)
class Camera:
    """A camera that an instance is bound to: its driver, None where the store profile names none, and the driver's settings."""

    id: str
    driver: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Picture:
    """A JPEG in which the people that were found are blurred, and how many these are."""

    jpeg: bytes
    people: int


def cameras_of(composition: Composition, instance: str, registry: Registry) -> list[Camera]:
    """The devices bound to an instance that feed frames, all of the store's where nothing is bound."""
    store = composition.sources.store.value if composition.sources.store else {}
    known = {name: facts for name, facts in (store.get("devices") or {}).items() if isinstance(facts, Mapping)}
    kinds = {kind for kind, facts in registry.catalogue.adapter_kinds.items() if FRAME in facts.get("feeds", ())}
    one = next((one for one in composition.instances if one.name == instance), None)
    bound = {device.id for kind, devices in (one.devices if one else {}).items() if kind in kinds for device in devices}
    return [
        Camera(name, facts.get("adapter"), facts.get("settings") or {})
        for name, facts in known.items()
        if facts.get("kind") in kinds and (not bound or name in bound)
    ]


def taken(camera: Camera, registry: Registry, *, wait_s: float = WAIT_S) -> Picture:
    """The first good frame of a camera: the first that is not of one colour, of the first 50.

    PictureError where there is no driver, where it breaks off or gives no frame within `wait_s`, or where people cannot be blurred; the
    driver's own StoreloomError where it cannot read its source.
    """
    if camera.driver is None:
        raise PictureError("no_driver", camera=camera.id)
    driver = make_adapter(registry, camera.driver, camera.id, camera.settings)
    answers: queue.Queue[Any] = queue.Queue()
    threading.Thread(target=_watch, args=(driver, answers), name=f"picture of {camera.id}", daemon=True).start()
    try:
        answer = answers.get(timeout=wait_s)
    except queue.Empty:
        driver.close()
        answer = None
    if isinstance(answer, StoreloomError):
        raise answer
    if isinstance(answer, Exception):
        raise PictureError("driver_broke", camera=camera.id, reason=f"{type(answer).__name__}: {answer}") from answer
    if answer is None:
        raise PictureError("no_frame", camera=camera.id, s=f"{wait_s:g}")
    return blurred(answer)


def uploaded(coded: bytes) -> Picture:
    """A picture that somebody uploaded. PictureError where it cannot be read or people cannot be blurred."""
    try:
        import cv2
        import numpy as np
    except ImportError as error:
        raise PictureError("needs_vision") from error
    try:
        image = cv2.imdecode(np.frombuffer(coded, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise PictureError("bad_picture") from error
    if image is None:
        raise PictureError("bad_picture")
    return blurred(np.asarray(image, np.uint8))


def blurred(image: NDArray[np.uint8]) -> Picture:
    """A BGR picture made ready: at most 1280 pixels wide or high, people who are found made unrecognisable. PictureError without the
    vision engine: then nothing is shown."""
    try:
        from storeloom.workers.vision.detectors import default_detector
        from storeloom.workers.vision.pictures import shrink
        from storeloom.workers.vision.privacy import PEOPLE, blur_people

        detector = default_detector()
    except ImportError as error:
        raise PictureError("needs_vision") from error
    small = shrink(image, (0.0, 0.0, 1.0, 1.0), LONGEST)
    people = [thing for thing in detector.detect(small, min_score=0.3) if thing.cls in PEOPLE]
    return Picture(as_jpeg(blur_people(small, people)), len(people))


def _watch(driver: Adapter, answers: queue.Queue[Any]) -> None:
    """Put the first good frame into the queue, else the first one, None, or what went wrong."""
    first = None
    try:
        with closing(driver):
            for count, fact in enumerate(driver.facts()):
                pixels = fact.data.get("pixels") if fact.stream == FRAME else None
                if pixels is not None:
                    first = pixels if first is None else first
                    if float(pixels.std()) >= FLAT:
                        answers.put(pixels)
                        return
                if count >= FRAMES:
                    break
        answers.put(first)
    except Exception as error:  # whatever a vendor's driver raises is told to the one who asked
        answers.put(error if first is None else first)
