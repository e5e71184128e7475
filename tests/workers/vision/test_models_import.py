"""`storeloom models`: an integrator's own file becomes a model; what cannot be told or does not fit is said in both languages."""

import hashlib
import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from storeloom.core.cli import main
from storeloom.workers.vision.detect import Detector
from storeloom.workers.vision.models import BUILT_IN, Model, load, read_model
from storeloom.workers.vision.models import session as sessions
from storeloom.workers.vision.models.importing import coco
from storeloom.workers.vision.models.session import open_session, shared_session, usable_cores
from tests.workers.vision.networks import file_of, grid_rows
from tests.workers.vision.networks import network as network_of

CELLS = 8 * 4 + 4 * 2 + 2 * 1
ROWS = grid_rows({5: [20, 16, 8, 4, 0.9, 0.1, 0.8]}, 3 * CELLS, 7)


def called(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, Any]:
    code = main(["models", *map(str, words), "--json", "--lang", "en"])
    return code, json.loads(capsys.readouterr().out)


def imported(capsys: pytest.CaptureFixture[str], file: Path, *words: object) -> tuple[int, Any]:
    return called(capsys, "import", file, "--data", file.parent / "data", *words)


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    path = tmp_path / "classes.txt"
    path.write_text("cup\njar\n", encoding="utf-8")
    return path


def test_an_own_file_is_imported_checked_listed_and_measured(tmp_path: Path, classes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = imported(capsys, file_of(tmp_path, {"output0": ROWS}, "my net.onnx"), "--classes", classes, "--licence", "MIT")
    assert code == 0 and told["ok"]
    assert (told["guessed"]["output.layout"], told["guessed"]["input.fit"]) == ("yolov5", "letterbox_centre")
    folder = tmp_path / "data" / "models" / "my_net"
    assert told["folder"] == str(folder)
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    assert (card["classes"], card["licence"], card["input"]["width"], card["input"]["height"]) == (["cup", "jar"], "MIT", 64, 32)
    assert card["speed"]["run_ms"] > 0 and card["speed"]["threads"] == 1
    assert called(capsys, "check", folder) == (0, {"ok": True, "folder": str(folder), "findings": []})
    _, listed = called(capsys, "list", "--data", tmp_path / "data")
    assert {"nanodet", "my_net"} <= {row["name"] for row in listed["models"]}
    assert [row["name"] for row in listed["models"] if row["default"]] == ["nanodet"]
    _, speeds = called(capsys, "bench", "my_net", "--data", tmp_path / "data")
    assert speeds["models"]["my_net"]["frame_ms"] > speeds["models"]["my_net"]["run_ms"] > 0


def test_what_was_guessed_can_be_set(tmp_path: Path, classes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changes = ("--set", "input.channels=BGR", "--set", "output.score=0.8", "--set", "input.mean=[1,2,3]")
    code, told = imported(capsys, file_of(tmp_path, {"output0": ROWS}), "--classes", classes, "--name", "n", *changes)
    assert code == 0 and not {"input.channels", "output.score", "input.mean"} & told["guessed"].keys()
    card = read_model(Path(told["folder"])).card
    assert (card.input.channels, card.input.mean, card.output["score"]) == ("BGR", (1, 2, 3), 0.8)


def test_the_shipped_network_is_told_from_its_outputs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(BUILT_IN / "nanodet" / "model.onnx", tmp_path / "nano.onnx")
    code, told = imported(capsys, tmp_path / "nano.onnx", "--classes", "coco")
    assert code == 0
    made, shipped = (read_model(folder).card for folder in (Path(told["folder"]), BUILT_IN / "nanodet"))
    assert (made.output, made.input, made.classes) == (shipped.output, shipped.input, shipped.classes)


def test_an_open_size_is_asked_for_and_taken(tmp_path: Path, classes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = file_of(tmp_path, {"output0": ROWS}, shape=("n", 3, "h", "w"))
    code, told = imported(capsys, file, "--classes", classes)
    assert (code, [finding["code"] for finding in told["findings"]]) == (1, ["SL-MOD-17"])
    assert "?x3x?x?" in told["findings"][0]["reason"] and "--size" in told["findings"][0]["fix"]
    assert imported(capsys, file, "--classes", classes, "--size", "64x32")[0] == 0


@pytest.mark.parametrize(
    ("outputs", "words", "code", "part"),
    [
        ({"heat": np.zeros((1, 2, 8, 8), np.float32)}, (), "SL-MOD-15", "heat float32 1x2x8x8"),
        ({"rows": ROWS}, ("--layout", "gfl"), "SL-MOD-16", "'gfl': rows float32 1x126x7"),
        ({"rows": ROWS[:, :, :6].copy()}, (), "SL-MOD-18", "1 classes apart, the list holds 2"),
        ({"rows": np.full_like(ROWS, np.inf)}, (), "SL-MOD-11", "rows holds NaN or infinity"),
        ({"rows": ROWS}, ("--set", "input.fit=tile"), "SL-CFG-03", '"tile"'),
        ({"rows": ROWS}, ("--set", "output.colour=1"), "SL-CFG-02", "colour"),
    ],
)
def test_what_does_not_fit_is_told_and_leaves_nothing(
    tmp_path: Path,
    classes: Path,
    capsys: pytest.CaptureFixture[str],
    outputs: dict[str, np.ndarray],
    words: tuple[str, ...],
    code: str,
    part: str,
) -> None:
    status, told = imported(capsys, file_of(tmp_path, outputs), "--classes", classes, *words)
    assert (status, [finding["code"] for finding in told["findings"]]) == (1, [code])
    assert part in told["findings"][0]["reason"]
    assert not list((tmp_path / "data").rglob("*"))


def test_a_detector_without_a_list_of_classes_is_told_how_many_it_has(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed: dict[str, np.ndarray] = {"boxes": np.ones((1, 4), np.float32), "labels": np.ones(1, np.int64), "scores": np.ones(1, np.float32)}
    cases: list[tuple[dict[str, np.ndarray], str]] = [
        ({"rows": ROWS}, "tells 2 classes apart, the list holds 0"),
        (listed, "an open number of classes"),
    ]
    for outputs, part in cases:
        status, told = imported(capsys, file_of(tmp_path, outputs))
        assert (status, told["findings"][0]["code"]) == (1, "SL-MOD-18")
        assert part in told["findings"][0]["reason"]


@pytest.mark.parametrize("text", ["cup\n\njar\n", "cup\ncup\n", "[1, 2]", "[", ""])
def test_a_broken_list_of_classes_is_told(tmp_path: Path, classes: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    classes.write_text(text, encoding="utf-8")
    status, told = imported(capsys, file_of(tmp_path, {"rows": ROWS}), "--classes", classes)
    assert (status, told["findings"][0]["code"], told["findings"][0]["file"]) == (1, "SL-MOD-19", str(classes))


def test_a_file_that_is_no_network_and_one_that_is_absent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.onnx").write_bytes(b"text")
    assert imported(capsys, tmp_path / "text.onnx")[1]["findings"][0]["code"] == "SL-MOD-07"
    assert imported(capsys, tmp_path / "absent.onnx")[1]["findings"][0]["code"] == "SL-DOC-05"


def test_a_name_is_not_taken_twice_and_goes_nowhere_else(tmp_path: Path, classes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = file_of(tmp_path, {"rows": ROWS})
    assert imported(capsys, file, "--classes", classes)[0] == 0
    assert imported(capsys, file, "--classes", classes)[1]["findings"][0]["code"] == "SL-MOD-20"
    assert imported(capsys, file, "--classes", classes, "--name", "../../x")[0] == 2
    code, told = imported(capsys, file, "--classes", classes, "--name", "nanodet")
    assert (code, told["findings"][0]["code"]) == (2, "SL-CLI-01")
    assert [path.name for path in (tmp_path / "data" / "models").iterdir()] == ["own"]


def test_a_detr_of_three_classes_is_told_by_its_names_though_both_tables_have_four_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "three.txt").write_text("cup\njar\nbox\n", encoding="utf-8")
    logits, boxes = np.full((1, 20, 4), -3.0, np.float32), np.full((1, 20, 4), 0.4, np.float32)
    file = file_of(tmp_path, {"logits": logits, "pred_boxes": boxes})
    guessed = imported(capsys, file, "--classes", tmp_path / "three.txt")[1]["guessed"]
    found = {key: guessed[f"output.{key}"] for key in ("layout", "boxes", "scores", "activation")}
    assert found == {"layout": "detr", "boxes": "pred_boxes", "scores": "logits", "activation": "softmax"}


@pytest.mark.parametrize("words", [("import",), ("import", "a.onnx"), ("import", "a.onnx", "--layout", "x"), ("check",)])
def test_a_command_without_what_it_needs_is_misuse(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    code, told = called(capsys, *words)
    assert (code, told["findings"][0]["code"]) == (2, "SL-CLI-01")


def test_check_doubts_a_model_that_sees_much_in_nothing(tmp_path: Path, classes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    many = grid_rows({k: [5 + 2.4 * k, 16, 2, 2, 0.9, 0.9, 0.1] for k in range(21)}, 3 * CELLS, 7)
    code, told = imported(capsys, file_of(tmp_path, {"rows": many}), "--classes", classes)
    assert code == 0 and [finding["code"] for finding in told["findings"]] == ["SL-MOD-13"]
    assert called(capsys, "check", told["folder"])[0] == 1


def test_check_tells_a_changed_network_and_an_unknown_name(tmp_path: Path, classes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, told = imported(capsys, file_of(tmp_path, {"rows": ROWS}), "--classes", classes)
    with (Path(told["folder"]) / "model.onnx").open("ab") as file:
        file.write(b"x")
    assert called(capsys, "check", told["folder"])[1]["findings"][0]["code"] == "SL-MOD-05"
    unknown = called(capsys, "check", "large")[1]["findings"][0]
    assert unknown["code"] == "SL-MOD-01" and "nanodet" in unknown["reason"]


def test_cocos_own_numbers() -> None:
    assert len(coco()) == 80
    numbered = coco(gaps=True)
    # COCO numbers: 1 person, 13 stop sign, 44 bottle, 90 toothbrush; 12 is no class
    assert [numbered[k] for k in (1, 12, 13, 44, 90)] == ["person", "unused_12", "stop sign", "bottle", "toothbrush"]


def test_threads_that_ask_at_once_get_one_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def slow(network: bytes, path: Path, threads: int) -> object:
        time.sleep(0.05)
        made.append(open_session(network, path, threads))
        return made[-1]

    monkeypatch.setattr(sessions, "open_session", slow)
    network = network_of({"rows": ROWS})
    model = Model(replace(load().card, sha256=hashlib.sha256(network).hexdigest()), network)
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda _: shared_session(model), range(4)))
    assert len(made) == 1 and all(session is made[0] for session in got)


def test_one_session_a_model_and_no_more_threads_than_cores() -> None:
    model = load()
    assert Detector(model).session is Detector(model).session is shared_session(model)
    own = open_session(model.network, model.card.path, threads=99)
    assert own is not shared_session(model)
    assert own.get_session_options().intra_op_num_threads == usable_cores()
