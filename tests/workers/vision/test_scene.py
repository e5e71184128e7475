"""Scenes become detections; a malformed one says where."""

from typing import Any

import pytest

from storeloom.workers.vision import scene
from storeloom.workers.vision.errors import SceneError

PERSON = {"id": "p1", "class": "person", "box": [0.1, 0.2, 0.3, 0.4]}


def test_an_object_keeps_all_that_it_carries() -> None:
    full = PERSON | {
        "score": 0.9,
        "floor": [3, 4.5],
        "colour": "#336699",
        "text": "9.90",
        "gtins": [["6901234567892", 0.8]],
        "staff": True,
        "area_m2": 0.12,
        "move": [0.1, 0],
    }
    (found,) = scene.detections({"objects": [full]})
    assert (found.cls, found.score, found.box, found.floor, found.track) == ("person", 0.9, (0.1, 0.2, 0.3, 0.4), (3.0, 4.5), "p1")
    assert found.attrs == {
        "colour": "#336699",
        "text": "9.90",
        "gtins": [["6901234567892", 0.8]],
        "staff": True,
        "area_m2": 0.12,
    }


def test_only_class_and_box_are_needed() -> None:
    (found,) = scene.detections({"objects": [{"class": "bin", "box": [0, 0, 1, 1]}]})
    assert (found.score, found.floor, found.track, found.attrs) == (1.0, None, None, {})
    assert scene.detections({"objects": []}) == []


@pytest.mark.parametrize(
    ("change", "path", "what"),
    [
        ({"class": ""}, "objects[1].class", "Class is ''"),
        ({"id": 7}, "objects[1].id", "Id is 7"),
        ({"box": [0, 0, 1]}, "objects[1].box", "Give 4 numbers"),
        ({"box": [0, 0, 1, "a"]}, "objects[1].box", "Found 'a'"),
        ({"box": [0, 0, float("nan"), 1]}, "objects[1].box", "finite"),
        ({"box": [0, 0, -0.1, 1]}, "objects[1].box", "-0.1 by 1.0"),
        ({"score": 1.2}, "objects[1].score", "Score is 1.2"),
        ({"score": True}, "objects[1].score", "Found True"),
        ({"floor": [1]}, "objects[1].floor", "Give 2 numbers"),
        ({"id": "p1"}, "objects[0].id", "stands at 2 objects"),
    ],
)
def test_faults_name_their_place(change: dict[str, Any], path: str, what: str) -> None:
    with pytest.raises(SceneError) as caught:
        scene.detections({"objects": [PERSON, PERSON | {"id": "p2"} | change]})
    assert caught.value.path == f"scene.{path}"
    assert what in str(caught.value)


@pytest.mark.parametrize("wrong", [None, [], {}, {"objects": {}}, {"objects": ["person"]}])
def test_what_is_no_scene_is_refused(wrong: object) -> None:
    with pytest.raises(SceneError):
        scene.detections(wrong)
