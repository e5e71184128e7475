"""onnxruntime sessions on a CPU: one for each model and thread count, shared by all who run it, and held to the model's card."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from storeloom.core.kernel.errors import Finding
from storeloom.workers.vision.boxes import Floats
from storeloom.workers.vision.layouts.base import Shape
from storeloom.workers.vision.models import Model, ModelCard
from storeloom.workers.vision.models.faults import ModelFault, fault, shape_text

TYPES = {"float32": "tensor(float)", "uint8": "tensor(uint8)"}
_shared: WeakValueDictionary[tuple[str, int], onnxruntime.InferenceSession] = WeakValueDictionary()
_lock = threading.Lock()


def usable_cores() -> int:
    """How many cores this process may use, which in a container is fewer than the machine has."""
    return len(os.sched_getaffinity(0))


def shared_session(model: Model, threads: int = 1) -> onnxruntime.InferenceSession:
    """The session of a network, made at the first call and kept while anyone holds it; `threads` no more than the cores it may use."""
    key = model.card.sha256, min(threads, usable_cores())
    with _lock:
        session = _shared.get(key)
        if session is None:
            session = open_session(model.network, model.card.path, key[1])
            _shared[key] = session
        return session


def open_session(network: bytes, path: Path, threads: int = 1) -> onnxruntime.InferenceSession:
    """A CPU session of fixed thread count whose threads sleep between runs (spinning ones starve the other streams).

    It keeps the arena: a card fixes the input's size, so that the arena grows to the need of one run and no further. ModelFault, about the
    file `path`, for a network that onnxruntime refuses.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = min(threads, usable_cores())
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise fault("SL-MOD-07", path, {"reason": str(error).strip().rstrip(".")}) from error


def run_once(session: onnxruntime.InferenceSession, blob: NDArray[Any], path: Path) -> dict[str, NDArray[Any]]:
    """The outputs by name; ModelFault, about the file `path`, where onnxruntime cannot run the network on this input."""
    names = [tensor.name for tensor in session.get_outputs()]
    try:
        return dict(zip(names, session.run(names, {session.get_inputs()[0].name: blob}), strict=True))
    except Exception as error:
        raise fault("SL-MOD-07", path, {"reason": str(error).strip().rstrip(".")}) from error


def check_network(session: onnxruntime.InferenceSession, card: ModelCard, shapes: Mapping[str, Shape | None]) -> None:
    """ModelFault unless the network takes one picture of the card's size and gives the tensors of these shapes.

    A dimension that either side leaves open fits any size.
    """
    findings = []
    given = session.get_inputs()
    wanted_type = TYPES[card.input.dtype]
    if len(given) != 1 or given[0].type != wanted_type or not fits(given[0].shape, card.input.shape):
        found = "; ".join(shape_text(tensor.type, tensor.shape) for tensor in given)
        args = {"found": found, "wanted": shape_text(wanted_type, card.input.shape)}
        findings.append(Finding("SL-MOD-08", args, file=str(card.path)))
    outputs = {tensor.name: tensor for tensor in session.get_outputs()}
    for name, shape in shapes.items():
        if name not in outputs:
            findings.append(Finding("SL-MOD-09", {"name": name, "known": list(outputs)}, file=str(card.path)))
        elif not fits(outputs[name].shape, shape):
            found = shape_text(outputs[name].type, outputs[name].shape)
            args = {"name": name, "found": found, "classes": str(len(card.classes)), "wanted": shape_text("tensor", shape or ())}
            findings.append(Finding("SL-MOD-10", args, file=str(card.path)))
    if findings:
        raise ModelFault(findings)


def check_finite(tensors: Mapping[str, Floats], card: ModelCard) -> None:
    """ModelFault where an output holds NaN or infinity, which would otherwise read as an empty picture."""
    broken = [name for name, tensor in tensors.items() if not np.isfinite(tensor).all()]
    if broken:
        raise fault("SL-MOD-11", card.path, {"names": broken})


def fits(found: Sequence[object], wanted: Shape | None) -> bool:
    """Whether a tensor's shape admits the wanted one; either may leave dimensions open, and None admits any."""
    if wanted is None:
        return True
    pairs = zip(found, wanted, strict=False)
    return len(found) == len(wanted) and all(not isinstance(one, int) or two is None or one in (-1, two) for one, two in pairs)
