"""The shipped network against an independent evaluation of its TensorFlow.js source: every operation once more, in plain numpy."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from storeloom.workers.vision.detect import Detector

STORED = {"float32": "<f4", "float16": "<f2", "int32": "<i4"}
Array = np.ndarray


def constants(source: dict[str, Any], blob: bytes) -> dict[str, Array]:
    found, at = {}, 0
    for entry in source["weightsManifest"][0]["weights"]:
        stored = np.dtype(STORED[entry.get("quantization", entry)["dtype"]])
        size = stored.itemsize * int(np.prod(entry["shape"]))
        found[entry["name"]] = np.frombuffer(blob[at : at + size], stored).reshape(entry["shape"]).astype(entry["dtype"])
        at += size
    return found


def conv(x: Array, kernel: Array, stride: int) -> Array:
    """A VALID convolution of NHWC by HWIO."""
    windows = sliding_window_view(x, kernel.shape[:2], axis=(1, 2))[:, ::stride, ::stride]
    return np.tensordot(windows, kernel.transpose(2, 0, 1, 3), axes=([3, 4, 5], [0, 1, 2]))


def resize(x: Array, size: Array) -> Array:
    """Bilinear resize of NHWC with half-pixel centres, one axis after the other."""
    for axis, target in ((1, int(size[0])), (2, int(size[1]))):
        given = x.shape[axis]
        at = (np.arange(target) + 0.5) * given / target - 0.5
        low = np.floor(at).astype(int)
        part = (at - low).astype(np.float32).reshape([-1 if k == axis else 1 for k in range(4)])
        first = np.take(x, np.clip(low, 0, given - 1), axis)
        x = first + part * (np.take(x, np.clip(low + 1, 0, given - 1), axis) - first)
    return x


def evaluate(nodes: dict[str, Any], values: dict[str, Array], name: str) -> Array:
    base, _, port = name.partition(":")
    if base not in values:
        node = nodes[base]
        args = [evaluate(nodes, values, read) for read in node["input"]]
        values[base] = apply(node, args)
    return values[base][int(port or 0)] if nodes[base]["op"] == "SplitV" else values[base]


def apply(node: dict[str, Any], args: list[Array]) -> Any:
    op, attr = node["op"], node["attr"]
    stride = int(attr["strides"]["list"]["i"][1]) if "strides" in attr else 1
    if op == "Conv2D":
        assert base64.b64decode(attr["padding"]["s"]) == b"VALID"
        return conv(args[0], args[1], stride)
    if op == "MaxPool":
        size = int(attr["ksize"]["list"]["i"][1])
        return sliding_window_view(args[0], (size, size), axis=(1, 2))[:, ::stride, ::stride].max(axis=(4, 5))
    if op in ("Pad", "PadV2"):
        return np.pad(args[0], args[1], constant_values=args[2] if op == "PadV2" else 0)
    if op == "SparseToDense":
        assert args[0].size == 0
        return np.full(args[1], args[3])
    if op == "SplitV":
        return np.split(args[0], np.cumsum(args[1])[:-1], axis=int(args[2]))
    plain: dict[str, Callable[[], Array]] = {
        "Add": lambda: args[0] + args[1],
        "AddV2": lambda: args[0] + args[1],
        "ConcatV2": lambda: np.concatenate(args[:-1], axis=int(args[-1])),
        "Identity": lambda: args[0],
        "LeakyRelu": lambda: np.where(args[0] > 0, args[0], np.float32(attr.get("alpha", {}).get("f", 0)) * args[0]),
        "Reshape": lambda: args[0].reshape(args[1]),
        "ResizeBilinear": lambda: resize(args[0], args[1]),
        "Sigmoid": lambda: 1 / (1 + np.exp(-args[0])),
        "Transpose": lambda: args[0].transpose(args[1]),
    }
    return plain[op]()


def test_every_layer_agrees_with_the_source(detector: Detector, tfjs_folder: Path) -> None:
    source = json.loads((tfjs_folder / "nanodet.json").read_text(encoding="utf-8"))
    nodes = {node["name"]: node for node in source["modelTopology"]["node"]}
    image = np.random.default_rng(3).normal(0, 1, (1, 3, 416, 416)).astype(np.float32)
    values = constants(source, (tfjs_folder / "nanodet.bin").read_bytes()) | {"input_1": image}
    by_shape = {}
    for entry in source["signature"]["outputs"].values():
        result = evaluate(nodes, values, entry["name"].split(":")[0])
        by_shape[result.shape[1:]] = result
    scores, sides = detector.session.run(["scores", "sides"], {"image": image})
    for got, width in ((scores, 80), (sides, 44)):
        expected = np.concatenate([by_shape[(rows, width)] for rows in (2704, 676, 169)], axis=1)
        assert got.shape == expected.shape
        assert np.abs(got - expected).max() < 1e-3 * max(np.abs(expected).max(), 1)
        assert expected.std() > 0
