"""The shipped network replaced by copies of itself, sound ones and ones whose card does not fit."""

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from storeloom.workers.vision.errors import ModelError
from storeloom.workers.vision.models import BUILT_IN
from storeloom.workers.vision.pipeline import VisionWorker
from storeloom.workers.vision.things import Observation

pytest.importorskip("onnxruntime", reason="onnxruntime absent")
from storeloom.workers.vision.detect import Detector

START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


@pytest.fixture
def copy_of_shipped(tmp_path: Path) -> Callable[..., Path]:
    """A copy of the shipped model with changes to its card."""

    def make(name: str, **changes: object) -> Path:
        folder = tmp_path / name
        shutil.copytree(BUILT_IN / "nanodet", folder)
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        for key, value in changes.items():
            card[key] = card[key] | value if isinstance(value, dict) else value
        (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
        return folder

    return make


def test_a_real_model_is_swapped_for_another_from_its_folder(copy_of_shipped: Callable[..., Path]) -> None:
    worker = VisionWorker()
    rng = np.random.default_rng(5)
    frames = [rng.integers(0, 256, (90, 160, 3), np.uint8) for _ in range(10)]

    def see(seq: int) -> Observation:
        return worker.observe({"camera": "c1", "seq": seq, "pixels": frames[seq]}, START + timedelta(seconds=seq / 20))

    for seq in range(5):
        see(seq)
    swap = worker.swap_model("c1", copy_of_shipped("newer", output={"score": 0.5}), probation=3)
    assert swap.wait(30, ("live",)) == "live", swap.reason
    assert [see(seq).shape for seq in range(5, 10)] == [(90, 160)] * 5
    assert (swap.model, swap.state, swap.frames) == ("newer", "kept", 3)


def test_real_models_that_do_not_fit_are_refused_with_reasons(copy_of_shipped: Callable[..., Path], tmp_path: Path) -> None:
    worker = VisionWorker()
    no_network = copy_of_shipped("no_network", sha256=hashlib.sha256(b"text").hexdigest())
    (no_network / "model.onnx").write_bytes(b"text")
    wanted = {
        copy_of_shipped("small", input={"width": 320, "height": 320}): "by its card it takes tensor(float) 1x3x320x320",
        copy_of_shipped(
            "two", classes=["person", "cup"]
        ): "The network's output 'scores' is tensor(float) 1x3549x80; by its card (2 classes) it is tensor 1x3549x2",
        copy_of_shipped("names", output={"sides": "reach"}): "The network gives no 'reach', only scores, sides",
        copy_of_shipped("bare", output={"layout": "gfl", "bins": None}): "output.bins: ",
        no_network: "onnxruntime refuses the network",
        tmp_path / "absent": "There is no such model: absent",
    }
    for folder, part in wanted.items():
        swap = worker.swap_model(None, folder)
        assert swap.wait(30) == "rolled_back"
        assert part in swap.reason["en"]
        assert sum("\u4e00" <= sign <= "\u9fff" for sign in swap.reason["zh"]) >= 20, "the reason is in Chinese, not in quoted English"


def test_a_network_that_puts_out_nan_is_not_taken_for_an_empty_picture() -> None:
    class Broken:
        def run(self, names: Sequence[str], feeds: object) -> list[np.ndarray]:
            return [np.full((1, 3549, 80), np.nan, np.float32), np.zeros((1, 3549, 44), np.float32)]

    detector = Detector()
    detector.session = Broken()
    with pytest.raises(ModelError, match="output scores holds NaN or infinity"):
        detector.detect(np.zeros((4, 4, 3), np.uint8))
