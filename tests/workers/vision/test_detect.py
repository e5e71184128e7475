"""The detector: preparation and decoding by hand, results on real footage."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from storeloom.workers.vision.boxes import iou
from storeloom.workers.vision.detect import Detector
from storeloom.workers.vision.errors import FrameError, ModelError
from storeloom.workers.vision.grab.footage import frames
from storeloom.workers.vision.layouts.gfl import decode as decode_gfl
from storeloom.workers.vision.models import BUILT_IN, InputSpec, Model, load, read_card
from storeloom.workers.vision.models.fit import Fitter
from storeloom.workers.vision.things import Detection

SMALL = InputSpec(16, 8, "NCHW", "BGR", (10.0, 20.0, 30.0), (2.0, 4.0, 5.0), "letterbox_top_left")


def frame_of(path: Path, seq: int) -> np.ndarray:
    return next(f.image for f in frames(path) if f.seq == seq)


def names(found: list[Detection], score: float = 0.0) -> list[str]:
    return [d.cls for d in found if d.score >= score]


def test_letterbox_fits_at_the_top_left_and_normalises() -> None:
    frame = np.zeros((8, 8, 3), np.uint8)
    frame[...] = (12, 40, 80)
    blob, placed = Fitter(SMALL).fit(frame)
    assert (blob.shape, placed.target) == ((1, 3, 8, 16), (0, 0, 8, 8))
    # (12 - 10) / 2, (40 - 20) / 4, (80 - 30) / 5 in the picture; (0 - mean) / std beside it
    assert blob[0, :, 3, 7].tolist() == [1.0, 5.0, 10.0]
    assert blob[0, :, 3, 8].tolist() == [-5.0, -5.0, -6.0]


def test_letterbox_of_red_green_blue_swaps_channels() -> None:
    frame = np.zeros((8, 16, 3), np.uint8)
    frame[...] = (80, 40, 12)
    blob, _ = Fitter(replace(SMALL, channels="RGB")).fit(frame)
    assert blob[0, :, 0, 0].tolist() == [1.0, 5.0, 10.0]


def test_letterbox_leaves_nothing_of_a_frame_of_another_shape() -> None:
    box = Fitter(SMALL)
    box.fit(np.full((8, 16, 3), 255, np.uint8))
    narrow, placed = box.fit(np.full((16, 8, 3), 255, np.uint8))
    assert placed.target == (0, 0, 4, 8)
    assert narrow[0, 0, 0, 3] == 122.5 and narrow[0, 0, 0, 4] == -5.0


def test_letterbox_refuses_an_unknown_input() -> None:
    with pytest.raises(ModelError, match="tile"):
        Fitter(replace(SMALL, fit="tile"))


def test_decoding_of_one_cell_by_hand() -> None:
    output = {"scores": "s", "sides": "d", "strides": [8], "bins": 3}
    scores = np.array([[[0.1, 0.2], [0.05, 0.7]]], np.float32)
    logits = np.full((1, 2, 4, 3), -50, np.float32)
    logits[0, 1, 0, 1] = 50  # left: 1 stride
    logits[0, 1, 1, 0] = 50  # top: none
    logits[0, 1, 2, :2] = 50  # right: between 0 and 1
    logits[0, 1, 3, 2] = 50  # bottom: 2 strides
    boxes, found, classes = decode_gfl(output, SMALL, {"s": scores, "d": logits.reshape(1, 2, 12)}, 0.3)
    # the second cell's centre is (12, 4): left 8, top 0, right 4, bottom 16
    assert boxes.tolist() == [[4.0, 4.0, 12.0, 16.0]]
    assert (found.tolist(), classes.tolist()) == ([pytest.approx(0.7)], [1])


@pytest.mark.parametrize("wrong", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8), "frame"])
def test_what_is_no_picture_is_refused(detector: Detector, wrong: object) -> None:
    with pytest.raises(FrameError):
        detector.detect(wrong)  # type: ignore[arg-type]


def test_an_unknown_layout_and_a_broken_network_are_refused(tmp_path: Path) -> None:
    card = replace(read_card(BUILT_IN / "nanodet"), folder=tmp_path)
    with pytest.raises(ModelError, match=r"'centernet' is not known.*Known: gfl"):
        Detector(Model(replace(card, output={"layout": "centernet"}), b""))
    with pytest.raises(ModelError, match="onnxruntime refuses"):
        Detector(Model(replace(card, sha256="0" * 64), b"no network"))


def test_persons_on_real_footage(detector: Detector, video: Callable[[str], Path]) -> None:
    path = video("one-by-one-person-detection.mp4")
    wanted = {0: 0, 30: 0, 100: 1, 300: 1, 800: 1, 1000: 1}
    for frame in frames(path, step=10):
        if frame.seq in wanted:
            found = detector.detect(frame.image)
            assert names(found).count("person") == wanted[frame.seq], frame.seq
            if wanted[frame.seq]:
                person = next(d for d in found if d.cls == "person")
                assert 0.83 <= person.score <= 0.9, frame.seq
                assert iou(person.box, (0.48, 0.03, 0.2, 0.86)) > 0.75, frame.seq
            else:
                assert set(names(found)) <= {"tv", "chair"}, frame.seq
        if frame.seq >= max(wanted):
            break


def test_bottles_and_people_on_real_footage(detector: Detector, video: Callable[[str], Path]) -> None:
    bottles = detector.detect(frame_of(video("bottle-detection.mp4"), 0))
    assert [(d.cls, round(d.score, 1)) for d in bottles] == [("bottle", 0.6), ("bottle", 0.6), ("bottle", 0.5)]
    aisle = detector.detect(frame_of(video("store-aisle-detection.gif"), 50))
    assert names(aisle).count("person") == 3


def test_a_lower_threshold_adds_and_changes_nothing_else(detector: Detector, video: Callable[[str], Path]) -> None:
    frame = frame_of(video("store-aisle-detection.gif"), 50)
    sure, all_of_them = detector.detect(frame), detector.detect(frame, min_score=0.1)
    assert len(all_of_them) > len(sure)
    assert [d for d in all_of_them if d.score >= detector.score] == sure
    assert all(d.box[0] >= 0 and d.box[0] + d.box[2] <= 1 + 1e-9 and d.box[1] + d.box[3] <= 1 + 1e-9 for d in all_of_them)


def test_a_card_with_a_higher_score_finds_less(video: Callable[[str], Path]) -> None:
    model = load()
    strict = Detector(Model(replace(model.card, output=dict(model.card.output) | {"score": 0.5}), model.network))
    assert len(strict.detect(frame_of(video("bottle-detection.mp4"), 0))) == 2


def test_the_builder_makes_the_shipped_file(tfjs_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnx", reason="the onnx package absent")
    from storeloom.workers.vision.build import nanodet_from_tfjs as build

    monkeypatch.setattr("sys.argv", ["nanodet_from_tfjs.py", str(tfjs_folder), str(tmp_path)])
    build.main()
    made = json.loads((tmp_path / "card.json").read_text(encoding="utf-8"))
    shipped = json.loads((BUILT_IN / "nanodet" / "card.json").read_text(encoding="utf-8"))
    differing = {"sha256": "", "speed": {}}  # the file by the version of onnx, the speed by the machine
    assert made | differing == shipped | differing
    assert made["speed"]["run_ms"] > 0
    assert hashlib.sha256((tmp_path / "model.onnx").read_bytes()).hexdigest() == made["sha256"]
    one, two = Detector(load(tmp_path)), Detector()
    blob = np.random.default_rng(7).standard_normal((1, 3, 416, 416)).astype(np.float32)
    for a, b in zip(one.session.run(None, {"image": blob}), two.session.run(None, {"image": blob}), strict=True):
        assert np.array_equal(a, b)
