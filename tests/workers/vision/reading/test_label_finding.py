"""Labels among the lines of a picture: by hand, and on a drawn shelf."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest

from storeloom.workers.vision.pipeline import VisionWorker
from storeloom.workers.vision.reading.label_finding import label_groups
from storeloom.workers.vision.reading.labels import LabelReader
from storeloom.workers.vision.reading.results import Code, Text, corners
from storeloom.workers.vision.rendering import has_fonts
from storeloom.workers.vision.rendering_labelled import labelled_shelf

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)


def line(text: str, x: float, y: float, width: float, height: float) -> Text:
    return Text(text, 0.99, (x, y, width, height), corners((x, y, width, height)))


def test_close_lines_with_an_amount_are_a_label_and_packs_are_none() -> None:
    left = [line("可口可乐", 0.10, 0.80, 0.06, 0.02), line("9.90", 0.10, 0.825, 0.05, 0.05)]
    right = [line("酱油", 0.30, 0.80, 0.04, 0.02), line("12.50", 0.30, 0.825, 0.05, 0.05)]
    pack = [line("Orange Juice", 0.10, 0.30, 0.10, 0.04), line("500ml", 0.10, 0.345, 0.05, 0.03)]
    code = Code("x", "EAN-13", "06901234567892", (0.30, 0.88, 0.05, 0.03), corners((0.30, 0.88, 0.05, 0.03)))
    first, second = sorted(label_groups([*right, *pack, *left], [code], 1.0), key=lambda group: group.box[0])
    assert {text.text for text in first.texts} == {"可口可乐", "9.90"} and first.codes == ()
    assert {text.text for text in second.texts} == {"酱油", "12.50"} and second.codes == (code,)
    assert first.box[0] < 0.10 and first.box[0] + first.box[2] > 0.16


@pytest.mark.skipif(not has_fonts(), reason="font Noto Sans CJK absent")
def test_labels_of_a_drawn_shelf_are_found_by_a_view(label_reader: LabelReader) -> None:
    picture, truths = labelled_shelf(np.random.default_rng(41))
    view = VisionWorker().view({"camera": "c", "seq": 1, "pixels": picture}, AT)
    found = view.labels()
    assert view.labels() is found
    for box, truth in truths:
        hits = [
            label
            for label in found
            if box[0] <= label.box[0] + label.box[2] / 2 <= box[0] + box[2] and box[1] <= label.box[1] + label.box[3] / 2 <= box[1] + box[3]
        ]
        assert [label.price_minor for label in hits] == [None if truth.refused else truth.price], truth
    assert len(found) == len(truths)


def test_labels_of_a_scene_carry_its_score_and_their_last_day() -> None:
    objects = [
        {
            "class": "price_label",
            "box": [0.1, 0.1, 0.1, 0.05],
            "text": "特价 9.90\n至3月1日",
            "score": 0.8,
            "gtins": [["6901234567892", 1.0]],
        },
        {"class": "price_label", "box": [0.4, 0.1, 0.1, 0.05], "text": "Cola 3.50"},
        {"class": "price_label", "box": [0.7, 0.1, 0.1, 0.05], "text": ""},
    ]
    view = VisionWorker().view({"camera": "c", "seq": 1, "scene": {"objects": objects}}, AT)
    offer, plain, blank = view.labels("CNY")
    assert (offer.price_minor, offer.confidence, offer.gtin, offer.ends) == (990, 0.8, "06901234567892", date(2026, 3, 1))
    assert (plain.price_minor, plain.name, plain.ends) == (350, "Cola", None)
    assert (blank.price_minor, blank.confidence) == (None, 0.0)
