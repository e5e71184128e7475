"""The 8-bit NanoDet against the original: what its card claims, and the same on a few frames that it was not calibrated on."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from storeloom.workers.vision.detect import Detector
from storeloom.workers.vision.models import BUILT_IN, load
from storeloom.workers.vision.things import Detection

pytest.importorskip("onnx", reason="the onnx package absent")
from storeloom.workers.vision.build import quantise

CARD = json.loads((BUILT_IN / "nanodet_int8" / "card.json").read_text(encoding="utf-8"))


def test_its_card_meets_what_it_was_accepted_by() -> None:
    assert CARD["speed"]["original_ms"] / CARD["speed"]["run_ms"] >= quantise.LEAST_SPEEDUP
    assert set(CARD["agreement"]) == set(quantise.RECORDINGS)
    for figures in CARD["agreement"].values():
        assert figures["firm"]["recall"] == figures["firm"]["precision"] == 1.0
        assert figures["firm"]["boxes"] >= 40 and figures["frames"] >= 45


def test_its_card_differs_from_the_originals_only_in_what_quantising_changes() -> None:
    original = json.loads((BUILT_IN / "nanodet" / "card.json").read_text(encoding="utf-8"))
    changed = {key for key in CARD.keys() | original.keys() if CARD.get(key) != original.get(key)}
    assert changed == {"name", "sha256", "source", "speed", "agreement"}
    assert CARD["source"].items() >= original["source"].items()


def test_frames_to_compare_are_none_of_the_calibration() -> None:
    for k, name in enumerate(quantise.RECORDINGS):
        calibrated = CARD["source"]["calibration_frames"][name]
        first, second = quantise.draw(67 if name.endswith("gif") else 1394, quantise.SEED + k)
        assert not set(first) & set(second)
        assert len(calibrated) == len(set(calibrated)) == len(first)


@pytest.mark.parametrize("name", quantise.RECORDINGS)
def test_firm_boxes_are_found_by_both(video: Callable[[str], Path], detector: Detector, name: str) -> None:
    path = video(name)
    calibrated = CARD["source"]["calibration_frames"][name]
    some = [k for k in range(60, 5, -9) if k not in calibrated]
    images = list(quantise.pictures(path, some))
    found = quantise.agreement(detector, Detector(load("nanodet_int8")), images, quantise.FIRM, quantise.FOUND)
    assert len(images) == len(some) >= 3
    assert (found.recall, found.precision) == (1.0, 1.0), found


def test_agreement_by_hand() -> None:
    class Fixed:
        def __init__(self, *found: Detection) -> None:
            self.found = found

        def detect(self, image: object, *, min_score: float) -> list[Detection]:
            return [d for d in self.found if d.score >= min_score]

    here, there = (0.0, 0.0, 0.5, 0.5), (0.5, 0.5, 0.5, 0.5)
    original = Fixed(Detection("cup", 0.9, here), Detection("cup", 0.6, there), Detection("jar", 0.45, here))
    copy = Fixed(Detection("cup", 0.42, here), Detection("jar", 0.7, there), Detection("jar", 0.51, here))
    found = quantise.agreement(original, copy, [np.zeros((1, 1, 3), np.uint8)], 0.5, 0.4)  # type: ignore[arg-type]
    # kept: the cup here, not the cup there; real: the jar here (0.45 in the original), not the jar there
    assert (found.kept, found.firm, found.real, found.claimed) == (1, 2, 1, 2)
    assert (found.recall, found.precision) == (0.5, 0.5)


def test_widening_changes_no_output() -> None:
    model = load("nanodet")
    wide = quantise.widened(model.network)
    assert not any(node.op_type == "Cast" for node in wide.graph.node)
    import onnxruntime

    blob = {"image": np.random.default_rng(3).standard_normal((1, 3, 416, 416)).astype(np.float32)}
    one, two = (
        onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"]).run(None, blob)
        for network in (model.network, wide.SerializeToString())
    )
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
