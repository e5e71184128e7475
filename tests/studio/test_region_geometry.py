"""Geometry of the region editor: from a config to shapes and back, and what is wrong with them."""

import re
from pathlib import Path
from typing import Any

import pytest

from storeloom.core.kernel.contract import DRAWN
from storeloom.studio.components import region_editor
from storeloom.studio.components.region_editor.geometry import (
    FORMS,
    GEOMETRY_KEYS,
    Fault,
    area,
    crosses_itself,
    faults,
    fits,
    normalised,
    shapes_from_editor,
    shapes_of,
    value_of,
)
from storeloom.studio.components.region_editor.words import WORDS

SQUARE = [[0.2, 0.2], [0.8, 0.2], [0.8, 0.8], [0.2, 0.8]]
BOW = [[0.2, 0.2], [0.8, 0.8], [0.8, 0.2], [0.2, 0.8]]
VALUES: list[tuple[str, Any]] = [
    ("line", [[0.1, 0.2], [0.3, 0.4]]),
    ("line", []),
    ("lines", [{"camera": "c1", "from": [0.0, 0.5], "to": [1.0, 0.5], "kind": "door"}, [[0.1, 0.1], [0.2, 0.2]]]),
    ("polygon", SQUARE),
    ("polygons", [{"name": "crate", "polygon": SQUARE}, BOW]),
    ("quads", [{"slot": "a1", "polygon": SQUARE}]),
    ("box", [0.1, 0.2, 0.3, 0.4]),
    ("boxes", [{"box": [0.1, 0.2, 0.3, 0.4]}, [0.7, 0.7, 0.1, 0.2]]),
    ("floor_points", [[[0.1, 0.9], [0, 0.5]], [[0.9, 0.9], [4.2, 0.5]]]),
]


def codes(kind: str, value: Any) -> list[tuple[int | None, str]]:
    return [(fault.index, fault.code) for fault in faults(kind, shapes_of(kind, value))]


@pytest.mark.parametrize(("kind", "value"), VALUES)
def test_a_value_becomes_shapes_and_the_same_value_again(kind: str, value: Any) -> None:
    shapes = shapes_of(kind, value)
    assert value_of(kind, shapes) == value
    assert value_of(kind, shapes_from_editor([shape.as_json() for shape in shapes])) == value


def test_a_box_has_four_corners_from_the_top_left_clockwise() -> None:
    (shape,) = shapes_of("box", [0.1, 0.2, 0.3, 0.4])
    assert shape.points == ((0.1, 0.2), (0.4, 0.2), (0.4, 0.6), (0.1, 0.6))


def test_the_editors_kinds_are_those_that_the_contract_offers_with_the_same_keys() -> None:
    assert set(FORMS) == set(DRAWN)
    assert all(keys == GEOMETRY_KEYS[FORMS[kind]] for kind, keys in DRAWN.items() if keys)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("line", "0.1,0.2"),
        ("line", [[0.1, 0.2]]),
        ("lines", [{"from": [0, 0]}]),
        ("polygon", [[0.1, 0.2, 0.3]]),
        ("polygon", [[0.1, float("nan")]]),
        ("polygons", [{"name": "x"}]),
        ("box", [0.1, 0.2, 0.3]),
        ("boxes", [[True, 0, 0.1, 0.1]]),
        ("floor_points", [[[0.1, 0.2]]]),
    ],
)
def test_a_value_of_another_form_is_refused(kind: str, value: Any) -> None:
    assert not fits(kind, value)
    with pytest.raises(ValueError):
        shapes_of(kind, value)


@pytest.mark.parametrize("sent", [None, {"points": []}, ["x"], [{"points": [[1]]}], [{"points": [], "rest": 3}]])
def test_what_the_browser_sends_is_not_trusted(sent: Any) -> None:
    with pytest.raises(ValueError):
        shapes_from_editor(sent)


def test_points_are_rounded_to_four_digits_and_moved_into_the_picture() -> None:
    assert normalised((0.123456, 1.7)) == (0.1235, 1.0)
    assert normalised((-3, 0.99999)) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("corners", "crosses"),
    [
        (SQUARE, False),
        (BOW, True),
        ([[0, 0], [1, 0], [0.5, 1]], False),
        ([[0, 0], [0.5, 0], [1, 0], [0.5, 1]], False),  # a corner on a straight side
        ([[0, 0], [1, 0], [0.4, 0], [0.5, 1]], True),  # a side back on its neighbour
        ([[0, 0], [1, 0], [1, 1], [0.5, 0], [0, 1]], True),  # a corner on another side
        ([[0, 0], [1, 0], [1, 1], [0.5, 0.2], [0, 1]], False),  # not convex
    ],
)
def test_self_crossing(corners: list[list[float]], crosses: bool) -> None:
    assert crosses_itself(corners) is crosses
    assert crosses_itself(corners[::-1]) is crosses


def test_area_is_the_shoelaces() -> None:
    assert area(SQUARE) == pytest.approx(0.36)
    assert area([[0, 0], [1, 0], [0, 1]]) == pytest.approx(0.5)


def test_faults_name_the_shape_and_its_kind() -> None:
    assert codes("polygons", [SQUARE, BOW, SQUARE[:2], [[0.1, 0.1], [0.105, 0.1], [0.105, 0.105]], [[0, 0], [1.2, 0], [1, 1]]]) == [
        (1, "crossing"),
        (2, "few_corners"),
        (3, "no_area"),
        (4, "outside"),
    ]
    assert codes("lines", [[[0.1, 0.1], [0.1, 0.1]], [[0.1, 0.1], [0.2, 0.1]]]) == [(0, "no_length")]
    assert codes("boxes", [[0.9, 0.1, 0.2, 0.2], [0.1, 0.1, 0.2, 0.2]]) == [(0, "outside")]
    assert codes("polygon", []) == []


def test_a_floor_needs_four_points_in_four_places() -> None:
    pairs = [[[x, y], [x, y]] for x, y in ((0.1, 0.9), (0.9, 0.9), (0.7, 0.4), (0.3, 0.4))]
    assert codes("floor_points", pairs) == []
    assert codes("floor_points", pairs[:3]) == [(None, "few_pairs")]
    assert codes("floor_points", [*pairs, pairs[0]]) == [(4, "same_place")]


def test_a_faults_words_say_which_shape_and_what_to_do() -> None:
    assert Fault(1, "crossing").text("en") == "No. 2: its sides cross. Put the corners in order around the zone."
    assert Fault(1, "crossing").text("zh") == "第 2 个：边线自相交叉，请按顺序围绕区域排列顶点。"
    assert Fault(None, "few_pairs").text("zh") == "标定地面至少需要四个点，且任意三点不共线。"


def test_the_editors_words_are_whole_used_and_known() -> None:
    folder = Path(region_editor.__file__).parent
    scripts = "\n".join(path.read_text(encoding="utf-8") for path in folder.glob("*.js"))
    python = "\n".join((folder / name).read_text(encoding="utf-8") for name in ("__init__.py", "geometry.py"))
    made = {f"{stem}_{form}" for stem in ("draw", "hint") for form in ("line", "polygon", "box", "point")}
    made |= {"line", "polygon", "box", "point", "metres_x", "metres_y", "finish", "cancel"}
    for key, words in WORDS.items():
        assert set(words) == {"en", "zh"} and all(words.values()), key
        assert re.findall(r"\{\w+\}", words["en"]) == re.findall(r"\{\w+\}", words["zh"]), key
        assert not re.search(r"[\u4e00-\u9fff]", words["en"]), key
        assert key in made or re.search(rf"[\"']{key}[\"']|\b{key}:", scripts + python), key
    assert set(re.findall(r"\bsay\(\"(\w+)\"", scripts)) <= set(WORDS)


def test_nothing_is_loaded_from_elsewhere() -> None:
    folder = Path(region_editor.__file__).parent
    for path in [*folder.glob("*.js"), *folder.glob("*.css")]:
        assert set(re.findall(r"https?://[^\"' )]+", path.read_text(encoding="utf-8"))) <= {"http://www.w3.org/2000/svg"}, path
