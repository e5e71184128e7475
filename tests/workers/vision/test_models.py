"""Model folders: the shipped one is sound, and each way to break one is told."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from storeloom.workers.vision.errors import ModelError, VisionError
from storeloom.workers.vision.models import BUILT_IN, ModelCard, list_models, load, read_card, read_model
from storeloom.workers.vision.models.card_check import LIMITS, SCHEMA
from storeloom.workers.vision.models.faults import ModelFault


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "little"
    made.mkdir()
    (made / "model.onnx").write_bytes(b"network")
    card = json.loads((BUILT_IN / "nanodet" / "card.json").read_text(encoding="utf-8"))
    write_card(made, card | {"name": "little", "sha256": hashlib.sha256(b"network").hexdigest()})
    return made


def write_card(folder: Path, card: dict[str, Any]) -> None:
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")


def changed_card(folder: Path, **changes: Any) -> None:
    write_card(folder, json.loads((folder / "card.json").read_text(encoding="utf-8")) | changes)


def test_the_shipped_network_is_the_one_of_its_card() -> None:
    card = read_card(BUILT_IN / "nanodet")
    assert hashlib.sha256(card.path.read_bytes()).hexdigest() == card.sha256
    assert (card.task, card.licence, card.input.width, card.input.height) == ("detect", "Apache-2.0", 416, 416)
    assert len(card.classes) == 80
    assert [card.classes[k] for k in (0, 39, 45, 62, 79)] == ["person", "bottle", "bowl", "tv", "toothbrush"]


@pytest.mark.parametrize("card", list_models(), ids=lambda card: card.name)
def test_every_shipped_network_is_small_and_the_one_of_its_card(card: ModelCard) -> None:
    assert card.folder == BUILT_IN / card.name
    assert read_model(card.folder).card == card
    assert card.path.stat().st_size < 10_000_000
    assert card.licence in ("Apache-2.0", "MIT", "BSD-3-Clause")
    assert card.source["package"].partition(":")[0] in ("npm", "pypi")


def test_a_folder_of_ones_own_is_loaded(folder: Path) -> None:
    assert load(folder).network == b"network"
    assert load("little", root=folder.parent).card.name == "little"


def test_an_unknown_name_lists_the_known_ones(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"no such model: large\. Known models: little\.") as caught:
        load("large", root=folder.parent)
    assert caught.value.path == str(folder.parent / "large")
    assert isinstance(caught.value, VisionError)


def test_a_changed_network_is_refused(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"netvork")
    with pytest.raises(ModelError, match="not the one of the card") as caught:
        load(folder)
    assert caught.value.path.endswith("model.onnx")
    assert caught.value.remedy.startswith("Restore")


def test_a_missing_network_and_a_missing_card_are_told(folder: Path) -> None:
    (folder / "model.onnx").unlink()
    with pytest.raises(ModelError, match="network file of this card is missing"):
        load(folder)
    (folder / "card.json").unlink()
    with pytest.raises(ModelError, match="no model card"):
        load(folder)


def test_a_model_of_another_task_is_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match="task is 'detect', not 'embed'"):
        load(folder, task="embed")


def test_all_faults_of_a_card_are_told_at_once(folder: Path) -> None:
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    del card["licence"]
    card["input"] |= {"width": "wide", "std": [1, 0, 1]}
    card["output"] |= {"nms_uio": 0.5}
    write_card(folder, card | {"file": "../model.onnx", "classes": [1]})
    with pytest.raises(ModelFault) as caught:
        read_card(folder)
    told = {finding.path: (finding.code, finding.text("en"), finding.text("zh")) for finding in caught.value.findings}
    assert told.keys() == {"", "input.width", "input.std[1]", "output.nms_uio", "file", "classes[0]"}
    assert told[""][0] == "SL-CFG-04" and "licence" in told[""][1] and "licence" in told[""][2]
    assert "Did you mean 'nms_iou'" in told["output.nms_uio"][1]
    assert told["input.width"][1] == 'Value "wide" is outside what is allowed: a whole number.'
    assert told["input.width"][2] == '值 "wide" 超出允许范围：整数。'
    assert "more than 0" in told["input.std[1]"][1] and "大于 0" in told["input.std[1]"][2]


def test_every_limit_of_the_schema_has_words() -> None:
    kinds = {"minimum", "exclusiveMinimum", "maximum", "minItems", "maxItems", "minLength", "pattern"}
    worded = {kind[0].lower() + kind[1:] for kind in LIMITS} | {"type", "enum", "required", "additionalProperties"}
    plain = {"$schema", "title", "properties", "items", "default", "allOf", "if", "then", "const", "$ref", "$defs"}
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))

    def keywords(node: Any) -> set[str]:
        if not isinstance(node, dict):
            return set()
        found = set(node)
        for key, value in node.items():
            for part in value.values() if key in ("properties", "$defs") else value if key == "allOf" else [value]:
                found |= keywords(part)
        return found

    assert kinds | {"type", "enum"} <= keywords(schema) <= worded | plain


@pytest.mark.parametrize(
    ("output", "path"),
    [
        ({"layout": "yolov8", "rows": "o", "score": 0.3}, "output"),
        ({"layout": "ssd", "boxes": "b", "scores": "s", "corners": "xywh"}, "output.corners"),
        ({"layout": "classify", "scores": "s", "activation": "softmax"}, "output.layout"),
        ({"layout": "detr", "boxes": "b", "scores": "s", "activation": "sigmoid", "score": 1.5}, "output.score"),
    ],
)
def test_an_output_is_held_to_its_layout_and_task(folder: Path, output: dict[str, Any], path: str) -> None:
    changed_card(folder, output=output)
    with pytest.raises(ModelFault) as caught:
        read_card(folder)
    assert path in {finding.path for finding in caught.value.findings}


def test_a_card_that_is_no_json_is_told(folder: Path) -> None:
    (folder / "card.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match="not JSON"):
        read_card(folder)
