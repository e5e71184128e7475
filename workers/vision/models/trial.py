"""A model's trial run: whether it does what its card says, and how long a frame takes."""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from storeloom.core.kernel.errors import Finding
from storeloom.workers.vision.detect import Classifier, Detector, Embedder
from storeloom.workers.vision.models import Model, ModelCard
from storeloom.workers.vision.models.session import check_finite, check_network, run_once, shared_session

MOST_ON_BLANK = 20
SEED = 7
HEIGHT, WIDTH = 720, 1280
Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Speed:
    """Median milliseconds on so many threads: of a bare run of the network, and of a whole 1280 x 720 frame (None: not run as a whole).

    The two are measured in turn, so that a busy machine hits both alike.
    """

    run_ms: float
    frame_ms: float | None
    threads: int

    def as_json(self) -> dict[str, Any]:
        """For a card or a report, with what it was measured on."""
        found: dict[str, Any] = {"run_ms": round(self.run_ms, 2)}
        if self.frame_ms is not None:
            found["frame_ms"] = round(self.frame_ms, 2)
        return found | {"threads": self.threads, "onnxruntime": onnxruntime.__version__, "cpu": cpu()}


def pictures() -> dict[str, Image]:
    """Test pictures: one colour, noise, a ramp."""
    ramp = np.broadcast_to(np.linspace(0, 255, WIDTH, dtype=np.uint8)[None, :, None], (HEIGHT, WIDTH, 3))
    noise = np.random.default_rng(SEED).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    return {"blank": np.full((HEIGHT, WIDTH, 3), 114, np.uint8), "noise": noise, "ramp": np.ascontiguousarray(ramp)}


def whole_run(model: Model, threads: int = 1) -> Callable[[Image], Any] | None:
    """What works on a whole picture with this model; None for a task that needs more than the model. ModelFault as `Network`."""
    task = model.card.task
    if task == "detect":
        return Detector(model, threads=threads).detect
    if task == "classify":
        return Classifier(model, threads=threads).classify
    if task == "embed":
        return Embedder(model, threads=threads).embed
    return None


def check_model(model: Model) -> list[Finding]:
    """What is doubtful about a model that runs; ModelFault where it does not fit its card or gives NaN on a test picture."""
    look = whole_run(model)
    if look is None:
        session = shared_session(model)
        check_network(session, model.card, {})
        check_finite(run_once(session, noisy_input(model.card), model.card.path), model.card)
        return []
    counts = {name: len(look(picture)) for name, picture in pictures().items()}
    if model.card.task == "detect" and counts["blank"] > MOST_ON_BLANK:
        return [Finding("SL-MOD-13", {"count": str(counts["blank"])}, file=str(model.card.path))]
    return []


def noisy_input(card: ModelCard) -> NDArray[Any]:
    """A noisy input of the card's size and type."""
    values = np.random.default_rng(SEED).random(card.input.shape)
    return (values * (255 if card.input.dtype == "uint8" else 1)).astype(card.input.dtype)


def measure(model: Model, *, runs: int = 20, threads: int = 1) -> Speed:
    """How long a frame takes; the first run of each is not counted."""
    session = shared_session(model, threads)
    look, picture, blob = whole_run(model, threads), pictures()["noise"], noisy_input(model.card)
    bare: list[float] = []
    whole: list[float] = []
    for _ in range(runs + 1):
        bare.append(_ms(lambda: run_once(session, blob, model.card.path)))
        if look is not None:
            whole.append(_ms(lambda: look(picture)))
    return Speed(statistics.median(bare[1:]), statistics.median(whole[1:]) if whole else None, threads)


def _ms(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - start)


def cpu() -> str:
    """The processor's name, and whether it multiplies bytes in one step (VNNI), which decides what 8-bit networks gain."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            lines = dict(line.split(":", 1) for line in file.read().split("\n\n")[0].splitlines() if ":" in line)
    except OSError:
        return platform.machine()
    facts = {key.strip(): value.strip() for key, value in lines.items()}
    flags = facts.get("flags", facts.get("Features", "")).split()
    vnni = "with VNNI" if {"avx512_vnni", "avx_vnni"} & set(flags) else "without VNNI"
    return f"{facts.get('model name', platform.machine())}, {vnni}"
