"""Model folders: `card.json` says what a model is and how to read it, `model.onnx` is the model, held to the card by its SHA-256."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storeloom.workers.vision.errors import ModelError

BUILT_IN = Path(__file__).parent
DEFAULT_DETECTOR = "nanodet"


@dataclass(frozen=True)
class InputSpec:
    """What the network is fed: pixels of `channels` order minus `mean`, divided by `std`, in `layout`, fitted as `fit` says."""

    width: int
    height: int
    layout: str
    channels: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    fit: str


@dataclass(frozen=True)
class ModelCard:
    """A checked card; `folder` and `file` lead to the network, `output` is read by the decoder of its `layout`."""

    name: str
    task: str
    folder: Path
    file: str
    sha256: str
    licence: str
    source: Mapping[str, Any]
    input: InputSpec
    output: Mapping[str, Any]
    classes: tuple[str, ...]

    @property
    def path(self) -> Path:
        return self.folder / self.file


@dataclass(frozen=True)
class Model:
    """A card and the bytes of the network that match its hash."""

    card: ModelCard
    network: bytes


def list_models(root: Path = BUILT_IN) -> list[ModelCard]:
    """Cards of all model folders below `root`, by name; hashes are checked when a model is loaded."""
    return [read_card(path.parent) for path in sorted(root.glob("*/card.json"))]


def read_card(folder: Path) -> ModelCard:
    """The card of a model folder; ModelError names every field that is missing or wrong."""
    path = folder / "card.json"
    if not path.is_file():
        raise ModelError("There is no model card here.", str(path), "Give a folder that holds card.json and its network.")
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"The card is not JSON ({error}).", str(path), "Restore the card that came with the model.") from error
    faults = card_faults(raw)
    if faults:
        raise ModelError("The card is not valid: " + "; ".join(faults) + ".", str(path), "Correct these fields.")
    spec = raw["input"]
    means, stds = (tuple(float(v) for v in spec[key]) for key in ("mean", "std"))
    return ModelCard(
        **{key: raw[key] for key in ("name", "task", "file", "sha256", "licence", "source", "output")},
        folder=folder,
        input=InputSpec(spec["width"], spec["height"], spec["layout"], spec["channels"], _three(means), _three(stds), spec["fit"]),
        classes=tuple(raw["classes"]),
    )


def card_faults(raw: object) -> list[str]:
    """All that is wrong with a card's data, one sentence part each."""
    if not isinstance(raw, dict):
        return ["it is no object"]
    kinds: dict[str, type] = dict.fromkeys(("name", "task", "file", "sha256", "licence"), str)
    kinds |= {"source": dict, "input": dict, "output": dict, "classes": list}
    faults = _wrong_kinds(raw, kinds, "")
    if isinstance(raw.get("file"), str) and Path(raw["file"]).name != raw["file"]:
        faults.append("file must be a plain file name")
    spec = raw.get("input")
    if isinstance(spec, dict):
        inner = {"width": int, "height": int, "layout": str, "channels": str, "mean": list, "std": list, "fit": str}
        faults += _wrong_kinds(spec, inner, "input.")
        for key in ("mean", "std"):
            value = spec.get(key)
            if isinstance(value, list) and not (len(value) == 3 and all(isinstance(v, int | float) for v in value)):
                faults.append(f"input.{key} must hold 3 numbers")
        if isinstance(spec.get("std"), list) and 0 in spec["std"]:
            faults.append("input.std must not hold 0")
    if isinstance(raw.get("classes"), list) and not all(isinstance(name, str) for name in raw["classes"]):
        faults.append("classes must be names")
    return faults


def load(model: str | Path = DEFAULT_DETECTOR, *, task: str = "detect", root: Path = BUILT_IN) -> Model:
    """A model by its name below `root`, or by its folder; ModelError where it is absent, changed or made for another task."""
    folder = model if isinstance(model, Path) else root / model
    if not folder.is_dir():
        names = ", ".join(card.name for card in list_models(root)) or "none"
        raise ModelError("There is no such model.", str(folder), f"Known models: {names}.")
    card = read_card(folder)
    if card.task != task:
        raise ModelError(f"This model's task is {card.task!r}, not {task!r}.", str(folder), f"Name a model for {task!r}.")
    if not card.path.is_file():
        raise ModelError("The network file of this card is missing.", str(card.path), "Restore it from the model's package.")
    network = card.path.read_bytes()
    found = hashlib.sha256(network).hexdigest()
    if found != card.sha256:
        what = f"The network is not the one of the card: SHA-256 {found[:12]}..., the card says {card.sha256[:12]}..."
        raise ModelError(what, str(card.path), "Restore the file or rebuild the model with its card.")
    return Model(card, network)


def _wrong_kinds(raw: Mapping[str, object], kinds: Mapping[str, type], prefix: str) -> list[str]:
    faults = [f"{prefix}{key} is missing" for key in kinds if key not in raw]
    for key, kind in kinds.items():
        if key in raw and (not isinstance(raw[key], kind) or (kind is int and isinstance(raw[key], bool))):
            faults.append(f"{prefix}{key} must be of type {kind.__name__}")
    return faults


def _three(values: tuple[float, ...]) -> tuple[float, float, float]:
    first, second, third = values
    return first, second, third
