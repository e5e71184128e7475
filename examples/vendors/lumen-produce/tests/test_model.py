"""The model by itself: it is the one that its card names, and tells plain colours."""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import lumen_produce

FOLDER = Path(lumen_produce.__path__[0]) / "models" / "peppers"
CARD = json.loads((FOLDER / "card.json").read_text(encoding="utf-8"))
MODEL = (FOLDER / CARD["file"]).read_bytes()
PLAIN = {
    "green_bell": (60, 120, 40),
    "orange_bell": (230, 120, 20),
    "red_bell": (180, 30, 30),
    "yellow_bell": (235, 200, 30),
}


def test_the_model_is_the_one_of_its_card() -> None:
    assert hashlib.sha256(MODEL).hexdigest() == CARD["sha256"]
    assert sorted(PLAIN) == CARD["classes"]


@pytest.mark.parametrize("colour", PLAIN)
def test_a_plain_colour_is_told(colour: str) -> None:
    pixel = np.array(PLAIN[colour], np.float32)[None, :, None, None] / 255
    picture = np.broadcast_to(pixel, (1, 3, 16, 16)).copy()
    session = onnxruntime.InferenceSession(MODEL, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"picture": picture})
    assert CARD["classes"][int(found.argmax())] == colour
    assert found.max() > 0.9 and found.sum() == pytest.approx(1)
