"""A frame shared by all: each stage once, and not at all where nobody asks."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest

from storeloom.workers.vision.boxes import Box
from storeloom.workers.vision.errors import FrameError
from storeloom.workers.vision.pipeline import VisionWorker
from storeloom.workers.vision.things import Detection

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
PERSON = {"id": "p1", "class": "person", "box": [0.4, 0.4, 0.1, 0.3]}


class Counting:
    """A detector and readers that count their calls."""

    score = 0.5

    def __init__(self) -> None:
        self.calls: list[str] = []

    def detect(self, frame: Any, *, min_score: float | None = None) -> list[Detection]:
        self.calls.append("detect")
        return [Detection("person", 0.9, (0.1, 0.1, 0.2, 0.5))]

    def texts(self, picture: Any, region: Box | None) -> Sequence[Any]:
        self.calls.append(f"texts {region}")
        return ["text"]

    def codes(self, picture: Any, on: date) -> Sequence[Any]:
        self.calls.append(f"codes {on}")
        return []

    def plates(self, picture: Any) -> Sequence[Any]:
        self.calls.append("plates")
        return []

    def looks(self, picture: Any, boxes: Sequence[Box]) -> Sequence[Any]:
        self.calls.append(f"looks {len(boxes)}")
        return ["look"] * len(boxes)

    def rank(self, looks: Sequence[Any], shop: str, k: int) -> Sequence[Any]:
        self.calls.append(f"rank {len(looks)} {shop}")
        return ["item"] * len(looks)


def frame(seq: int = 1, **more: Any) -> Mapping[str, Any]:
    return {"camera": "cam", "seq": seq, "width": 64, "height": 36, "pixels": np.zeros((36, 64, 3), np.uint8)} | more


def test_each_stage_is_worked_out_once_and_only_when_asked_for() -> None:
    counting = Counting()
    view = VisionWorker(lambda: counting, readers=counting).view(frame(), AT)
    assert counting.calls == [] and not view.observed
    for _ in range(3):
        assert view.observation.of("person")
        assert view.texts() == ("text",) and view.texts((0, 0, 0.5, 0.5)) == ("text",)
        assert view.codes() == () and view.plates() == ()
        assert view.items([(0, 0, 0.5, 0.5)], "shop") == view.items([(0, 0, 0.5, 0.5)], "other") == ("item",)
    read = ["texts None", "texts (0, 0, 0.5, 0.5)", "codes 2026-03-02", "plates"]
    assert counting.calls == ["detect", *read, "looks 1", "rank 1 shop", "rank 1 other"]
    assert view.observed and view.aspect == 64 / 36


def test_whoever_asks_for_the_same_frame_gets_the_same_view_and_observation() -> None:
    counting = Counting()
    worker = VisionWorker(lambda: counting, readers=counting)
    view = worker.view(frame(), AT)
    assert worker.view(frame(), AT) is view
    assert worker.observe(frame(), AT) is view.observation
    assert counting.calls == ["detect"]
    assert worker.view(frame(2), AT) is not view


def test_a_stage_that_fails_is_asked_again() -> None:
    view = VisionWorker(Counting).view(frame(), AT)
    answers = [ValueError("no"), 5]

    def work() -> int:
        answer = answers.pop(0)
        if isinstance(answer, ValueError):
            raise answer
        return int(answer)

    with pytest.raises(ValueError, match="no"):
        view.shared("key", work)
    assert view.shared("key", work) == 5 and view.shared("key", work) == 5


def test_scenes_answer_from_their_objects() -> None:
    objects = [
        PERSON,
        {"class": "price_label", "box": [0, 0, 0.2, 0.1], "text": "9.90"},
        {"class": "number_plate", "box": [0.5, 0.5, 0.2, 0.1], "text": "粤B·12345", "colour": "blue"},
        {"class": "barcode", "box": [0.7, 0.1, 0.1, 0.1], "gtins": [["6901234567892", 0.8]]},
        {"class": "pack", "box": [0.2, 0.7, 0.1, 0.2], "gtins": [["a", 0.6], ["b", 0.9]]},
    ]
    view = VisionWorker().view({"camera": "cam", "seq": 1, "scene": {"objects": objects}}, AT)
    assert "9.90" in [text.text for text in view.texts()]
    assert [(plate.text, plate.colour) for plate in view.plates()] == [("粤B12345", "blue")]
    assert [(code.gtin, code.score) for code in view.codes()] == [("06901234567892", 0.8)]
    pack, nothing = view.items([(0.2, 0.7, 0.1, 0.2), (0.8, 0.8, 0.1, 0.1)])
    assert pack.gtin == "b" and nothing.unknown
    assert view.items([(0.2, 0.7, 0.1, 0.2)], k=1)[0].candidates == (("b", 0.9),)
    assert view.aspect == 16 / 9


def test_a_scene_answers_for_whichever_classifying_model() -> None:
    things = [{"class": "bin", "box": [0, 0, 0.5, 1], "classes": [["green", 0.2], ["red", 0.7], ["blue", 0.1]]}, PERSON]
    view = VisionWorker().view({"camera": "cam", "seq": 1, "scene": {"objects": things}}, AT)
    there, nowhere = view.classes("any", [(0.0, 0.0, 0.5, 0.9), (0.6, 0.0, 0.4, 1.0)], k=2)
    assert list(there) == [("red", 0.7), ("green", 0.2)] and list(nowhere) == []


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"seq": 1, "scene": {}}, "Camera is None"),
        ({"camera": "c", "seq": True, "scene": {}}, "Seq is True"),
        ({"camera": "c", "seq": 1}, "either pixels or a scene"),
    ],
)
def test_what_is_no_frame_is_refused(data: Mapping[str, Any], words: str) -> None:
    with pytest.raises(FrameError, match=words):
        VisionWorker().view(data, AT)


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(FrameError, match="no zone"):
        VisionWorker().view(frame(), AT.replace(tzinfo=None))
