"""Model folders: `card.json` says what a model is and how to read it, `model.onnx` is the model, held to the card by its SHA-256.

A card is checked by `card.schema.json`; all that is wrong with it is told at once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storeloom.workers.vision.models.card_check import card_findings
from storeloom.workers.vision.models.faults import ModelFault, fault

BUILT_IN = Path(__file__).parent
DEFAULT_DETECTOR = "nanodet"


@dataclass(frozen=True)
class InputSpec:
    """What the network is fed: pixels of `channels` order minus `mean`, divided by `std`, in `layout`, fitted as `fit` says.

    `pad` is the value 0..255 of all channels beside the picture, before it is normalised.
    """

    width: int
    height: int
    layout: str
    channels: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    fit: str
    pad: int = 0
    dtype: str = "float32"

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The shape of one picture's tensor."""
        return (1, 3, self.height, self.width) if self.layout == "NCHW" else (1, self.height, self.width, 3)


@dataclass(frozen=True)
class ModelCard:
    """A checked card; `folder` and `file` lead to the network, `output` is read by the decoder of its `layout`.

    `speed` is what was measured where the model was made or imported, empty where nothing was.
    """

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
    speed: Mapping[str, Any]

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
    """The card of a model folder; ModelFault with every field that is missing, unknown or wrong."""
    path = folder / "card.json"
    if not path.is_file():
        raise fault("SL-MOD-02", path)
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise fault("SL-MOD-03", path, {"reason": str(error).rstrip(".")}) from error
    return made_card(raw, folder)


def made_card(raw: Any, folder: Path) -> ModelCard:
    """The card of a folder from its data; ModelFault with every field that is missing, unknown or wrong."""
    findings = card_findings(raw, folder / "card.json")
    if findings:
        raise ModelFault(findings)
    spec = dict(raw["input"])
    spec["mean"], spec["std"] = (tuple(float(v) for v in spec[key]) for key in ("mean", "std"))
    return ModelCard(
        **{key: raw[key] for key in ("name", "task", "file", "sha256", "licence", "source", "output")},
        folder=folder,
        input=InputSpec(**spec),
        classes=tuple(raw["classes"]),
        speed=raw.get("speed", {}),
    )


def load(model: str | Path = DEFAULT_DETECTOR, *, task: str = "detect", root: Path = BUILT_IN) -> Model:
    """A model by its name below `root`, or by its folder; ModelFault where it is absent, changed or made for another task."""
    folder = model if isinstance(model, Path) else root / model
    if not folder.is_dir():
        known = sorted(path.parent.name for path in root.glob("*/card.json"))
        raise fault("SL-MOD-01", folder, {"name": folder.name, "known": known})
    loaded = read_model(folder)
    if loaded.card.task != task:
        raise fault("SL-MOD-06", folder, {"task": loaded.card.task, "wanted": task})
    return loaded


def read_model(folder: Path) -> Model:
    """The model of a folder, whatever its task; ModelFault where its card is wrong or its network is not the card's."""
    card = read_card(folder)
    if not card.path.is_file():
        raise fault("SL-MOD-04", card.path)
    network = card.path.read_bytes()
    found = hashlib.sha256(network).hexdigest()
    if found != card.sha256:
        raise fault("SL-MOD-05", card.path, {"found": found[:12], "wanted": card.sha256[:12]})
    return Model(card, network)
