"""Model folders: the shipped one is sound, and each way to break one is told."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from storeloom.workers.vision.errors import ModelError, VisionError
from storeloom.workers.vision.models import BUILT_IN, list_models, load, read_card


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
    assert [c.name for c in list_models()] == ["nanodet"]


def test_a_folder_of_ones_own_is_loaded(folder: Path) -> None:
    assert load(folder).network == b"network"
    assert load("little", root=folder.parent).card.name == "little"


def test_an_unknown_name_lists_the_known_ones(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"no such model.*Known models: little\.") as caught:
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
    write_card(folder, card | {"file": "../model.onnx", "classes": [1]})
    with pytest.raises(ModelError) as caught:
        read_card(folder)
    for part in ("licence is missing", "input.width must be of type int", "input.std must not hold 0", "plain file name", "names"):
        assert part in caught.value.what


def test_a_card_that_is_no_json_is_told(folder: Path) -> None:
    (folder / "card.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match="not JSON"):
        read_card(folder)
