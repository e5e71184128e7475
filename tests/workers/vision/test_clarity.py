"""Brightness and sharpness of pictures, by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from storeloom.workers.vision.clarity import Clarity, clarity, jpeg


def test_a_plain_picture_is_as_bright_as_it_is_and_has_no_edges() -> None:
    assert clarity(np.full((40, 60, 3), 90, np.uint8)) == Clarity(90.0, 0.0)


def test_a_chequered_picture_loses_its_edges_by_blur() -> None:
    fine = (np.indices((64, 64)).sum(axis=0) // 4 % 2 * 200).astype(np.uint8)
    picture = np.repeat(fine[..., None], 3, axis=2)
    soft = cv2.GaussianBlur(picture, (0, 0), 6)
    assert clarity(picture).luma == pytest.approx(100, abs=1)
    assert clarity(picture).blur_var > 5000 > 60 > clarity(np.asarray(soft, np.uint8)).blur_var


def test_usable_is_neither_dark_nor_blurred() -> None:
    assert Clarity(35, 60).usable(35, 60)
    assert not Clarity(34.9, 60).usable(35, 60) and not Clarity(35, 59.9).usable(35, 60)


def test_a_file_holds_the_picture() -> None:
    back = cv2.imdecode(np.frombuffer(jpeg(np.full((40, 60, 3), 90, np.uint8)), np.uint8), cv2.IMREAD_COLOR)
    assert back is not None and back.shape == (40, 60, 3) and abs(int(back.mean()) - 90) <= 1
