"""Fits the model `peppers` and writes its folder: `python tools/fit.py FOLDER`.

FOLDER is the Grocery Store data set (M. Klasson, C. Zhang, H. Kjellström: A Hierarchical
Grocery Store Image Dataset, WACV 2019; MIT). `pip install -e ".[fit]"` brings what is
needed; numpy fits it in a minute, and from the same data always the same bytes.

Each pixel of a 16 x 16 picture goes through the same hidden units (a 1 x 1 convolution,
ReLU), their mean over the picture through a softmax regression. So the network sees how
much of which colour there is, not where.

It is measured in folds of photographs that the fit has not seen. A class's photographs
are cut in the order in which they were taken, as those taken in one go are alike. The
model that is written is fitted on all of them.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Floats = NDArray[np.float32]
CLASSES = ("green_bell", "orange_bell", "red_bell", "yellow_bell")
SIDE, HIDDEN, STEPS, RATE, DECAY, FOLDS, SEED = 16, 16, 300, 0.03, 1e-4, 5, 7
CROPS = 8
TARGET = Path(__file__).parents[1] / "src" / "lumen_produce" / "models" / "peppers"


def photographs(folder: Path) -> list[tuple[NDArray[np.uint8], int]]:
    """BGR pictures of bell peppers with their class, in the order of the data set's own lists."""
    lines = [
        line.split(",")[0]
        for name in ("train", "val")
        for line in (folder / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    ]
    found = []
    for number, name in enumerate(CLASSES):
        part = f"/{name.split('_')[0].capitalize()}-Bell-Pepper/"
        found += [
            (np.asarray(cv2.imread(str(folder / line)), np.uint8), number)
            for line in lines
            if part in line
        ]
    return found


def shrunk(picture: NDArray[np.uint8]) -> Floats:
    """A picture as the network is fed: RGB, 0..1, pixels x 3.

    Bilinear, as the engine fits pictures into networks.
    """
    small = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    return np.asarray(small[..., ::-1].reshape(-1, 3) / np.float32(255), np.float32)


def variations(picture: NDArray[np.uint8], chance: np.random.Generator) -> list[Floats]:
    """The picture, and parts of it in other light.

    Half to all of each side, 0.7 to 1.3 as bright, each channel 0.92 to 1.08.
    """
    height, width = picture.shape[:2]
    made = [shrunk(picture)]
    for _ in range(CROPS):
        share = chance.uniform(0.5, 1.0, 2)
        top, left = (chance.uniform(0, 1 - share) * (height, width)).astype(int)
        part = picture[
            top : top + int(share[0] * height), left : left + int(share[1] * width)
        ]
        light = (chance.uniform(0.7, 1.3) * chance.uniform(0.92, 1.08, 3)).astype(
            np.float32
        )
        made.append((shrunk(part) * light).clip(0, 1))
    return made


def forward(x: Floats, weights: dict[str, Floats]) -> tuple[Floats, Floats, Floats]:
    """Hidden units (pictures x pixels x hidden), their means, and the classes' probabilities."""
    hidden = np.maximum(x @ weights["w1"] + weights["b1"], 0)
    means = hidden.mean(axis=1)
    scores = means @ weights["w2"] + weights["b2"]
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    return hidden, means, shares / shares.sum(axis=1, keepdims=True)


def fit(x: Floats, y: NDArray[np.int64]) -> dict[str, Floats]:
    """Weights of least cross-entropy, classes weighted alike, by Adam over all pictures at once."""
    chance = np.random.default_rng(SEED)
    begin = {
        "w1": chance.normal(0, 1.5, (3, HIDDEN)),
        "b1": chance.normal(0, 0.5, HIDDEN),
        "w2": chance.normal(0, 0.5, (HIDDEN, len(CLASSES))),
        "b2": np.zeros(len(CLASSES)),
    }
    weights = {name: one.astype(np.float32) for name, one in begin.items()}
    wanted = np.eye(len(CLASSES), dtype=np.float32)[y]
    share = (wanted / wanted.sum(axis=0)).sum(axis=1, keepdims=True) / len(CLASSES)
    first = {name: np.zeros_like(one) for name, one in weights.items()}
    second = {name: np.zeros_like(one) for name, one in weights.items()}
    for step in range(1, STEPS + 1):
        hidden, means, found = forward(x, weights)
        wrong = (found - wanted) * share
        inner = (wrong @ weights["w2"].T)[:, None, :] * (hidden > 0) / x.shape[1]
        slopes = {
            "w1": np.tensordot(x, inner, axes=((0, 1), (0, 1))) + DECAY * weights["w1"],
            "b1": inner.sum(axis=(0, 1)),
            "w2": means.T @ wrong + DECAY * weights["w2"],
            "b2": wrong.sum(axis=0),
        }
        for name, slope in slopes.items():
            first[name] = 0.9 * first[name] + 0.1 * slope
            second[name] = 0.999 * second[name] + 0.001 * slope**2
            move = (
                first[name]
                / (1 - 0.9**step)
                / (np.sqrt(second[name] / (1 - 0.999**step)) + 1e-8)
            )
            weights[name] = np.asarray(weights[name] - RATE * move, np.float32)
    return weights


def fitted(pictures: list[tuple[NDArray[np.uint8], int]]) -> dict[str, Floats]:
    chance = np.random.default_rng(SEED)
    rows = [
        (one, number)
        for picture, number in pictures
        for one in variations(picture, chance)
    ]
    return fit(
        np.stack([one for one, _ in rows]), np.array([number for _, number in rows])
    )


def folds(pictures: list[tuple[NDArray[np.uint8], int]]) -> list[int]:
    """The fold of each photograph: a class is cut in its order into equal parts."""
    counts = Counter(number for _, number in pictures)
    seen: Counter[int] = Counter()
    found = []
    for _, number in pictures:
        found.append(seen[number] * FOLDS // counts[number])
        seen[number] += 1
    return found


def cross_checked(pictures: list[tuple[NDArray[np.uint8], int]]) -> dict[str, Any]:
    """How many photographs models name rightly that were fitted without them."""
    right: dict[str, list[int]] = {name: [0, 0] for name in CLASSES}
    parts = list(zip(pictures, folds(pictures), strict=True))
    for fold in range(FOLDS):
        weights = fitted([one for one, part in parts if part != fold])
        for picture, number in [one for one, part in parts if part == fold]:
            found = forward(shrunk(picture)[None], weights)[2].argmax()
            right[CLASSES[number]][0] += int(found == number)
            right[CLASSES[number]][1] += 1
    return {
        "photographs": len(pictures),
        "folds": FOLDS,
        "right": sum(one[0] for one in right.values()),
        "by_class": right,
    }


def network(weights: dict[str, Floats]) -> bytes:
    """The network in ONNX: picture (1 x 3 x 16 x 16, RGB 0..1) to probabilities (1 x 4)."""
    arrays = {
        "w1": weights["w1"].T.reshape(HIDDEN, 3, 1, 1),
        "b1": weights["b1"],
        "w2": weights["w2"],
        "b2": weights["b2"],
    }
    nodes = [
        helper.make_node(
            "Conv", ["picture", "w1", "b1"], ["pixels"], kernel_shape=[1, 1]
        ),
        helper.make_node("Relu", ["pixels"], ["hidden"]),
        helper.make_node("GlobalAveragePool", ["hidden"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["means"]),
        helper.make_node("Gemm", ["means", "w2", "b2"], ["sums"]),
        helper.make_node("Softmax", ["sums"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "peppers",
        [
            helper.make_tensor_value_info(
                "picture", TensorProto.FLOAT, [1, 3, SIDE, SIDE]
            )
        ],
        [
            helper.make_tensor_value_info(
                "probabilities", TensorProto.FLOAT, [1, len(CLASSES)]
            )
        ],
        [
            numpy_helper.from_array(one.astype(np.float32), name)
            for name, one in arrays.items()
        ],
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
        producer_name="tools/fit.py",
    )
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString()
    return data


def card(data: bytes, checked: dict[str, Any]) -> dict[str, Any]:
    """What the engine and people have to know of the model."""
    return {
        "name": "peppers",
        "task": "classify",
        "file": "model.onnx",
        "sha256": hashlib.sha256(data).hexdigest(),
        "licence": "MIT",
        "source": {
            "made_by": "tools/fit.py",
            "fitted_on": {
                "data": "Grocery Store data set, bell peppers",
                "licence": "MIT",
                "origin": "https://github.com/marcusklasson/GroceryStoreDataset",
                "seed": SEED,
            },
            "cross_checked": checked,
            "limits": "Photographs of peppers in Swedish shops by day. It knows peppers "
            "by colour alone: other goods and an empty bin are given one of its classes.",
        },
        "input": {
            "width": SIDE,
            "height": SIDE,
            "layout": "NCHW",
            "channels": "RGB",
            "mean": [0, 0, 0],
            "std": [255, 255, 255],
            "fit": "stretch",
        },
        "output": {
            "layout": "classify",
            "scores": "probabilities",
            "activation": "none",
        },
        "classes": list(CLASSES),
    }


def main(folder: str) -> None:
    """Fit, cross-check, write."""
    pictures = photographs(Path(folder))
    checked = cross_checked(pictures)
    data = network(fitted(pictures))
    TARGET.mkdir(parents=True, exist_ok=True)
    (TARGET / "model.onnx").write_bytes(data)
    (TARGET / "card.json").write_text(
        json.dumps(card(data, checked), indent=2) + "\n", encoding="utf-8"
    )
    print(
        f"{checked['right']} of {checked['photographs']} right: {checked['by_class']}"
    )


if __name__ == "__main__":
    main(sys.argv[1])
