"""A camera that was moved, by its markers."""

from __future__ import annotations

from datetime import UTC, datetime

import cv2
import numpy as np
import pytest
import zxingcpp

from storeloom.workers.vision import markers
from storeloom.workers.vision.pipeline import VisionWorker

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)


def test_the_median_shift_is_in_shares_of_the_width() -> None:
    reference = {"a": (0.1, 0.1), "b": (0.5, 0.5), "c": (0.9, 0.9)}
    now = {"a": (0.14, 0.1), "b": (0.54, 0.5), "d": (0.0, 0.0)}
    assert markers.shift(reference, now, 16 / 9) == pytest.approx(0.04)
    assert markers.shift({"a": (0.1, 0.1)}, {"a": (0.1, 0.1 + 16 / 9 * 0.03)}, 16 / 9) == pytest.approx(0.03)
    assert markers.shift(reference, {"d": (0, 0)}, 1.0) is None


def test_markers_of_a_fixture_belong_to_their_camera() -> None:
    rows = [
        {
            "fixture": "F1",
            "markers": [{"marker": "M1", "camera": "c", "point": [0.5, 0.6]}, {"marker": "M2", "camera": "d", "point": [0, 0]}],
        }
    ]
    assert markers.enrolled([*rows, {"fixture": "F2"}], "c") == {"M1": (0.5, 0.6)}


def test_markers_of_a_scene_and_of_a_picture() -> None:
    objects = [{"id": "M1", "class": "marker", "box": [0.4, 0.4, 0.2, 0.2]}, {"class": "marker", "box": [0, 0, 0.2, 0.2], "text": "F2"}]
    found = markers.seen(VisionWorker().view({"camera": "c", "seq": 1, "scene": {"objects": objects}}, AT), ())
    assert found == {"M1": (pytest.approx(0.5), pytest.approx(0.5)), "F2": (pytest.approx(0.1), pytest.approx(0.1))}
    symbol = np.array(zxingcpp.write_barcode_to_image(zxingcpp.create_barcode("F7", zxingcpp.BarcodeFormat.QRCode), scale=4))
    picture = np.full((360, 640, 3), 255, np.uint8)
    picture[100 : 100 + symbol.shape[0], 300 : 300 + symbol.shape[1]] = cv2.cvtColor(symbol, cv2.COLOR_GRAY2BGR)
    view = VisionWorker().view({"camera": "c", "seq": 2, "pixels": picture}, AT)
    assert markers.seen(view, ["F1"]) == {} and markers.seen(view, ()) == {}
    x, y = markers.seen(view, ["F7"])["F7"]
    assert x == pytest.approx((300 + symbol.shape[1] / 2) / 640, abs=0.02)
    assert y == pytest.approx((100 + symbol.shape[0] / 2) / 360, abs=0.02)
