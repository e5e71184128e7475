"""The report on pixel rules: its arithmetic by hand, and that it measures what it says, on a few drawn pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from storeloom.core.bench import vision_rules
from storeloom.core.kernel.errors import InputFault


def test_precision_and_recall_by_hand() -> None:
    judged = [(True, True), (True, False), (False, True), (True, True), (False, False)]
    precision, recall = vision_rules.scores("x", judged, (">= 0.6", ">= 0.7"), "made up")
    assert (precision.name, precision.value, precision.met) == ("x_precision", pytest.approx(2 / 3), True)
    assert (recall.name, recall.value, recall.met, recall.runs) == ("x_recall", pytest.approx(2 / 3), False, 5)


def test_nothing_told_is_no_precision() -> None:
    precision, recall = vision_rules.scores("x", [(True, False)], (">= 0.5", ">= 0.5"), "made up")
    assert (precision.value, recall.value) == (0.0, 0.0)


def test_drawn_gaps_bins_and_uniforms_are_told_apart_and_come_out_the_same_again() -> None:
    first = [*vision_rules.gaps(1), *vision_rules.bins(20), *vision_rules.uniforms(20)]
    again = [*vision_rules.gaps(1), *vision_rules.bins(20), *vision_rules.uniforms(20)]
    assert [one.as_dict() for one in first] == [one.as_dict() for one in again]
    assert {one.name: one.met for one in first if one.goal} == {one.name: True for one in first if one.goal}


def test_photos_are_counted_where_there_are_any(tmp_path: Path) -> None:
    assert vision_rules.photo_gaps(tmp_path) == []
    cv2.imwrite(str(tmp_path / "full.png"), np.random.default_rng(1).integers(0, 256, (200, 200, 3)).astype(np.uint8))
    cv2.imwrite(str(tmp_path / "plain.png"), np.full((200, 200, 3), 140, np.uint8))
    (tmp_path / "val.txt").write_text("full.png, 0, 0\nplain.png, 1, 1\n", encoding="utf-8")
    (found,) = vision_rules.photo_gaps(tmp_path)
    assert (found.value, found.runs) == (0.5, 2)
    (tmp_path / "full.png").write_bytes(b"no picture")
    with pytest.raises(InputFault, match=r"full\.png"):
        vision_rules.photo_gaps(tmp_path)
