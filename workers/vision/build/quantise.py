"""Make the 8-bit copy of the shipped NanoDet, and hold it to the original: calibrate, compare, time, and write it only if it stands.

Usage: `python workers/vision/build/quantise.py VIDEOS [TARGET]`, where VIDEOS holds the three recordings of RECORDINGS.
It needs the `onnx` package, which nothing at run time does, and writes `model.onnx` and `card.json` into TARGET.

Post-training static quantisation of the convolutions: activations unsigned, weights signed with a scale for each output channel
(Jacob et al. 2018, arXiv:1712.05877; Krishnamoorthi 2018, arXiv:1806.08342). Weights use 7 bits, since a processor without VNNI adds
pairs of 8 by 8 bit products in 16 bits, which saturate. The head's scores and distances stay in floating point from the last
convolution on. Frames for calibration and for the comparison are drawn by a seed and never overlap.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static

from storeloom.workers.vision.boxes import iou
from storeloom.workers.vision.detect import Detector
from storeloom.workers.vision.grab.footage import frames, probe
from storeloom.workers.vision.models import Model, load
from storeloom.workers.vision.models.fit import Fitter
from storeloom.workers.vision.models.trial import cpu
from storeloom.workers.vision.things import Detection

RECORDINGS = ("one-by-one-person-detection.mp4", "bottle-detection.mp4", "store-aisle-detection.gif")
SEED, CALIBRATE, COMPARE = 20260302, 40, 60
FIRM, FOUND, SAME_IOU = 0.5, 0.4, 0.5  # a firm box may lose a little of its score, but must not be lost
LEAST_FIRM, LEAST_SPEEDUP, RUNS = 1.0, 1.5, 60
Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Agreement:
    """How many of the original's `firm` boxes the copy has (`kept`), how many of the copy's `claimed` ones the original has (`real`)."""

    kept: int
    firm: int
    real: int
    claimed: int

    @property
    def recall(self) -> float:
        return self.kept / self.firm if self.firm else 1.0

    @property
    def precision(self) -> float:
        return self.real / self.claimed if self.claimed else 1.0


def draw(total: int, seed: int) -> tuple[list[int], list[int]]:
    """Frame numbers of a recording for calibration and for the comparison, ascending, without a common one."""
    order = np.random.default_rng(seed).permutation(total).tolist()
    first = min(CALIBRATE, total // 3)
    return sorted(order[:first]), sorted(order[first : first + COMPARE])


def pictures(path: Path, numbers: Sequence[int]) -> Iterator[Image]:
    """These frames of a recording."""
    wanted = set(numbers)
    for frame in frames(path):
        if frame.seq in wanted:
            yield frame.image
        if frame.seq >= max(wanted):
            return


class Reader(CalibrationDataReader):  # type: ignore[misc]
    """Network inputs for the calibration, one a call."""

    def __init__(self, name: str, blobs: Sequence[NDArray[np.float32]]) -> None:
        self._rest = iter([{name: blob} for blob in blobs])

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        return next(self._rest, None)


def widened(network: bytes) -> onnx.ModelProto:
    """The network with its half-precision weights and their casts replaced by single-precision weights."""
    model = onnx.load_from_string(network)
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    casts = [node for node in model.graph.node if node.op_type == "Cast" and node.input[0] in stored]
    for node in casts:
        model.graph.initializer.append(numpy_helper.from_array(stored[node.input[0]].astype(np.float32), node.output[0]))
        model.graph.node.remove(node)
    read = {name for node in model.graph.node for name in node.input}
    for tensor in [tensor for tensor in model.graph.initializer if tensor.name not in read]:
        model.graph.initializer.remove(tensor)
    return model


def quantised(model: onnx.ModelProto, blobs: Sequence[NDArray[np.float32]]) -> bytes:
    """The 8-bit network: convolutions quantised, everything after the head's last ones left as it is."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "int8.onnx"
        quantize_static(
            model,
            target,
            Reader(model.graph.input[0].name, blobs),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "LeakyRelu", "Concat", "MaxPool", "Resize", "Add", "Split"],
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            nodes_to_exclude=head_ends(model),
        )
        return target.read_bytes()


def head_ends(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes between the head's last convolutions and the outputs."""
    made_by = {output: node for node in model.graph.node for output in node.output}
    todo, names = [made_by[tensor.name] for tensor in model.graph.output], set()
    while todo:
        node = todo.pop()
        if node.op_type != "Conv" and node.name not in names:
            names.add(node.name)
            todo += [made_by[name] for name in node.input if name in made_by]
    return sorted(names)


def agreement(original: Detector, copy: Detector, images: Sequence[Image], sure: float, found: float) -> Agreement:
    """How the two agree: a box at or above `sure` on one side counts as had by the other if that has it at or above `found`."""
    kept = firm = real = claimed = 0
    for image in images:
        old, new = (detector.detect(image, min_score=found) for detector in (original, copy))
        old_sure, new_sure = ([d for d in side if d.score >= sure] for side in (old, new))
        kept, firm = kept + matched(old_sure, new), firm + len(old_sure)
        real, claimed = real + matched(new_sure, old), claimed + len(new_sure)
    return Agreement(kept, firm, real, claimed)


def matched(boxes: Sequence[Detection], others: Sequence[Detection]) -> int:
    """How many of the boxes the others have, of the same class and in the same place."""
    return sum(any(o.cls == d.cls and iou(o.box, d.box) >= SAME_IOU for o in others) for d in boxes)


def times_ms(original: Detector, copy: Detector) -> tuple[float, float]:
    """Median milliseconds of a bare run of each on one thread, run in turn."""
    blob = np.random.default_rng(SEED).standard_normal((1, 3, 416, 416)).astype(np.float32)
    taken: dict[Detector, list[float]] = {original: [], copy: []}
    for _ in range(RUNS):
        for detector, times in taken.items():
            start = time.perf_counter()
            detector.session.run(None, {detector.session.get_inputs()[0].name: blob})
            times.append(1000 * (time.perf_counter() - start))
    return statistics.median(taken[original]), statistics.median(taken[copy])


def card(original: Mapping[str, Any], sha256: str, calibrated: Mapping[str, list[int]], measured: Mapping[str, Any]) -> dict[str, Any]:
    """What a loader must know of the copy, how it was made, and what was measured of it."""
    source = dict(original["source"]) | {"quantised_from": original["name"], "seed": SEED, "calibration_frames": dict(calibrated)}
    return dict(original) | {"name": "nanodet_int8", "sha256": sha256, "source": source} | dict(measured)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the 8-bit copy of the shipped NanoDet and hold it to the original.")
    parser.add_argument("videos", type=Path, help=f"folder with {', '.join(RECORDINGS)}")
    models = Path(__file__).resolve().parent.parent / "models"
    parser.add_argument("target", type=Path, nargs="?", default=models / "nanodet_int8", help="folder to write")
    args = parser.parse_args()
    source = load("nanodet")
    original, fitter = Detector(source), Fitter(source.card.input)
    drawn = {name: draw(probe(args.videos / name).frames, SEED + k) for k, name in enumerate(RECORDINGS)}
    calibration = [image for name, (numbers, _) in drawn.items() for image in pictures(args.videos / name, numbers)]
    network = quantised(widened(source.network), [fitter.fit(image)[0].copy() for image in calibration])
    sha256 = hashlib.sha256(network).hexdigest()
    copy = Detector(Model(replace(source.card, name="nanodet_int8", sha256=sha256), network))
    agreed, failures = {}, []
    for name, (_, numbers) in drawn.items():
        images = list(pictures(args.videos / name, numbers))
        firm = agreement(original, copy, images, FIRM, FOUND)
        every = agreement(original, copy, images, original.score, original.score)
        figures = {"frames": len(images), "firm": firm, "at_card_score": every}
        agreed[name] = {"frames": len(images)} | {
            key: {"recall": round(side.recall, 3), "precision": round(side.precision, 3), "boxes": side.firm}
            for key, side in (("firm", firm), ("at_card_score", every))
        }
        print(name, figures)
        if min(firm.recall, firm.precision) < LEAST_FIRM:
            failures.append(f"{name}: firm boxes are lost or invented")
    old_ms, new_ms = times_ms(original, copy)
    print(f"one thread, in turn: {old_ms:.1f} ms and {new_ms:.1f} ms, {old_ms / new_ms:.2f} times as fast")
    if old_ms / new_ms < LEAST_SPEEDUP:
        failures.append(f"{old_ms / new_ms:.2f} times as fast, {LEAST_SPEEDUP} wanted")
    if failures:
        parser.exit(1, "Not written. " + "; ".join(failures) + "\n")
    speed = {
        "run_ms": round(new_ms, 2),
        "original_ms": round(old_ms, 2),
        "threads": 1,
        "onnxruntime": onnxruntime.__version__,
        "cpu": cpu(),
    }
    raw = json.loads((models / "nanodet" / "card.json").read_text(encoding="utf-8"))
    made = card(raw, sha256, {name: numbers for name, (numbers, _) in drawn.items()}, {"speed": speed, "agreement": agreed})
    args.target.mkdir(parents=True, exist_ok=True)
    (args.target / "model.onnx").write_bytes(network)
    (args.target / "card.json").write_text(json.dumps(made, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
