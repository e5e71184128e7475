"""An integrator's own ONNX file as a model folder: its layout guessed or named, its card written, one trial run."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from storeloom.core.kernel.errors import Finding
from storeloom.workers.vision.layouts.guess import LOOKS, Guess, Outputs, guess
from storeloom.workers.vision.models import BUILT_IN, Model, ModelCard, made_card
from storeloom.workers.vision.models.faults import fault, shape_text
from storeloom.workers.vision.models.session import TYPES, open_session, run_once
from storeloom.workers.vision.models.trial import SEED, Speed, check_model, measure

COCO_GAPS = (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)
IMAGENET: dict[str, Any] = {"mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]}
UNIT: dict[str, Any] = {"mean": [0, 0, 0], "std": [255, 255, 255]}
RAW: dict[str, Any] = {"mean": [0, 0, 0], "std": [1, 1, 1]}
USUAL_INPUT: Mapping[str, dict[str, Any]] = {
    "gfl": {"channels": "BGR", "fit": "letterbox_top_left", "mean": [103.53, 116.28, 123.675], "std": [57.375, 57.12, 58.395]},
    "yolov5": {"channels": "RGB", "fit": "letterbox_centre", "pad": 114, **UNIT},
    "yolov8": {"channels": "RGB", "fit": "letterbox_centre", "pad": 114, **UNIT},
    "yolox": {"channels": "BGR", "fit": "letterbox_top_left", "pad": 114, **RAW},
    "ssd": {"channels": "RGB", "fit": "stretch", "mean": [127.5] * 3, "std": [127.5] * 3},
    "ssd_nms": {"channels": "RGB", "fit": "stretch", **UNIT},
    "detr": {"channels": "RGB", "fit": "stretch", **IMAGENET},
    "classify": {"channels": "RGB", "fit": "crop", **IMAGENET},
    "embed": {"channels": "RGB", "fit": "stretch", **IMAGENET},
}


@dataclass(frozen=True)
class Request:
    """What an integrator says of a file. `classes` is None (none given), a list, or "coco"; `size` is (width, height) where the network
    leaves it open; `changes` are card fields by dotted path (`input.channels`) that stand above what was guessed."""

    file: Path
    name: str
    classes: Sequence[str] | str | None = None
    layout: str = "auto"
    licence: str = "not stated"
    size: tuple[int, int] | None = None
    changes: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Imported:
    """The card that was written, what was guessed of it (dotted path to value), what is doubtful, and the measured speed."""

    card: ModelCard
    guessed: Mapping[str, Any]
    findings: tuple[Finding, ...]
    speed: Speed


def import_model(request: Request, target: Path) -> Imported:
    """Write the model folder `target`; ModelFault where the file cannot be read so, is refused by onnxruntime or fails its trial run.

    Nothing is left behind by an import that fails.
    """
    if target.exists():
        raise fault("SL-MOD-20", target)
    network = request.file.read_bytes()
    session = open_session(network, request.file)
    shape = input_shape(session, request)
    found = guessed_layout(session, shape, request)
    classes = fitting_classes(request, found)
    spec = shape | USUAL_INPUT[found.output["layout"]] | (RAW if shape["dtype"] == "uint8" else {})
    raw = {
        "name": request.name,
        "task": found.task,
        "file": "model.onnx",
        "sha256": hashlib.sha256(network).hexdigest(),
        "licence": request.licence,
        "source": {"file": request.file.name},
        "input": deepcopy(spec),
        "output": dict(found.output),
        "classes": classes,
    }
    guesses: dict[str, Any] = {"task": found.task}
    guesses |= {f"input.{key}": value for key, value in spec.items()} | {f"output.{key}": value for key, value in found.output.items()}
    for path, value in (request.changes or {}).items():
        changed(raw, path, value)
        guesses.pop(path, None)
    card = made_card(raw, target)
    trial = Model(replace(card, folder=request.file.parent, file=request.file.name), network)
    findings, speed = check_model(trial), measure(trial)
    write(target, raw | {"speed": speed.as_json()}, network)
    return Imported(replace(card, speed=speed.as_json()), guesses, tuple(findings), speed)


def input_shape(session: onnxruntime.InferenceSession, request: Request) -> dict[str, Any]:
    """The layout, size and type of the card's input; ModelFault where the network does not take one picture."""
    given = session.get_inputs()
    found = "; ".join(shape_text(tensor.type, tensor.shape) for tensor in given)
    types = {kind: name for name, kind in TYPES.items()}
    refused = fault("SL-MOD-17", request.file, {"found": found})
    if len(given) != 1 or given[0].type not in types or len(given[0].shape) != 4:
        raise refused
    shape = [size if isinstance(size, int) and size > 0 else None for size in given[0].shape]
    if shape[0] not in (1, None) or 3 not in (shape[1], shape[3]):
        raise refused
    layout = "NCHW" if shape[1] == 3 else "NHWC"
    height, width = shape[2:] if layout == "NCHW" else shape[1:3]
    if request.size is not None:
        fixed = (width or request.size[0], height or request.size[1])
        if fixed != request.size:
            raise refused
        width, height = fixed
    if width is None or height is None:
        raise refused
    return {"width": width, "height": height, "layout": layout, "dtype": types[given[0].type]}


def guessed_layout(session: onnxruntime.InferenceSession, shape: Mapping[str, Any], request: Request) -> Guess:
    """The layout of the outputs on a noisy picture; ModelFault where they have none, or not the one named."""
    width, height = shape["width"], shape["height"]
    size = (1, 3, height, width) if shape["layout"] == "NCHW" else (1, height, width, 3)
    noise = np.random.default_rng(SEED).random(size) * (255 if shape["dtype"] == "uint8" else 1)
    tensors = run_once(session, noise.astype(shape["dtype"]), request.file)
    found = guess(Outputs(tensors, width, height, counts(request.classes)), request.layout)
    if found is None:
        outputs = [f"{name} {shape_text(str(tensor.dtype), tensor.shape)}" for name, tensor in tensors.items()]
        args = {"outputs": outputs, "known": list(LOOKS), "layout": request.layout}
        raise fault("SL-MOD-15" if request.layout == "auto" else "SL-MOD-16", request.file, args)
    return found


def counts(classes: Sequence[str] | str | None) -> Collection[int]:
    """How many classes a network may have by its list; COCO has 80, which some networks number with its gaps, from 1 or from 0."""
    if classes is None:
        return ()
    return (80, 90, 91) if isinstance(classes, str) else (len(classes),)


def fitting_classes(request: Request, found: Guess) -> list[str]:
    """The card's classes; ModelFault where the list's length is not the network's."""
    if found.task == "embed":
        return []
    if isinstance(request.classes, str):
        by_count = {80: coco(), 90: coco(gaps=True)[1:], 91: coco(gaps=True)}
        names = by_count.get(90 if found.classes is None else found.classes, coco())
    else:
        names = list(request.classes or ())
    if not names or (found.classes is not None and len(names) != found.classes):
        known: Any = {"en": "an open number of", "zh": "数目不定的"} if found.classes is None else str(found.classes)
        raise fault("SL-MOD-18", request.file, {"found": known, "given": str(len(names))})
    return names


def coco(*, gaps: bool = False) -> list[str]:
    """COCO's 80 names in order; with `gaps` by COCO's own numbers from 0 to 90, the numbers without a class named so."""
    names = iter(json.loads((BUILT_IN / "coco.json").read_text(encoding="utf-8")))
    if not gaps:
        return list(names)
    return [f"unused_{number}" if number == 0 or number in COCO_GAPS else next(names) for number in range(91)]


def read_classes(path: Path) -> list[str]:
    """The names of a file, one a line or a JSON list; ModelFault where it holds none, an empty one or one twice."""
    text = path.read_text(encoding="utf-8-sig")
    if text.lstrip().startswith(("[", "{")):
        try:
            names = json.loads(text)
        except ValueError as error:
            raise fault("SL-MOD-19", path, {"reason": str(error).rstrip(".")}) from error
    else:
        names = [line.strip() for line in text.rstrip().splitlines()]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        raise fault("SL-MOD-19", path, {"reason": {"en": "it must hold names and no empty line", "zh": "应为名称列表，且不含空行"}})
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        reason = {"en": f"these stand in it twice: {', '.join(twice)}", "zh": f"重复的名称：{'、'.join(twice)}"}
        raise fault("SL-MOD-19", path, {"reason": reason})
    return names


def changed(raw: dict[str, Any], path: str, value: Any) -> None:
    """Set the field of a card at a dotted path, such as `input.channels`."""
    part, _, key = path.partition(".")
    raw[part][key] = value


def write(target: Path, raw: Mapping[str, Any], network: bytes) -> None:
    """Write a model folder, whole or not at all."""
    making = target.with_name(f".{target.name}.part")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    (making / "model.onnx").write_bytes(network)
    (making / "card.json").write_text(json.dumps(raw, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    making.replace(target)
