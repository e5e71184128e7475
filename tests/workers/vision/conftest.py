"""Where the real footage and the model's source lie, and the shipped detector loaded once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from storeloom.workers.vision.detect import Detector

SHARED = Path(__file__).resolve().parents[4] / "shared"


@pytest.fixture(scope="session")
def video() -> Callable[[str], Path]:
    def find(name: str) -> Path:
        path = SHARED / "data" / "video" / name
        if not path.is_file():
            pytest.skip(f"footage {name} absent")
        return path

    return find


@pytest.fixture(scope="session")
def tfjs_folder() -> Path:
    folder = SHARED / "models"
    if not (folder / "nanodet.json").is_file():
        pytest.skip("NanoDet's TensorFlow.js graph absent")
    return folder


@pytest.fixture(scope="session")
def detector() -> Detector:
    return Detector()
