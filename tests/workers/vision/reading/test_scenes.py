"""What a scene says is written, in the types of what is read."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from typing import Any

import pytest

from storeloom.workers.vision.errors import SceneError
from storeloom.workers.vision.reading import scenes

ON = date(2026, 3, 2)


def scene(*objects: dict[str, Any]) -> dict[str, Any]:
    return {"objects": [{"box": [0.1 * k, 0.2, 0.1, 0.1], **thing} for k, thing in enumerate(objects)]}


def test_each_line_of_a_text_is_a_text() -> None:
    first, second = scenes.texts(scene({"class": "poster", "text": "SALE\n9.90", "score": 0.8}))
    assert (first.text, second.text, second.score) == ("SALE", "9.90", 0.8)
    assert second.box == pytest.approx((0.0, 0.25, 0.1, 0.05))


def test_a_region_keeps_what_lies_mostly_in_it() -> None:
    made = scene({"class": "poster", "text": "one"}, {"class": "poster", "text": "two"})
    assert [text.text for text in scenes.texts(made, (0.08, 0.0, 1.0, 1.0))] == ["two"]


def test_labels_and_bar_codes_name_items_and_packs_do_not() -> None:
    made = scene(
        {"class": "price_label", "text": "9.90", "gtins": [["6901234567892", 0.4], ["96385074", 0.6]]},
        {"class": "item", "gtins": [["6901234567892", 0.9]]},
        {"class": "qr_code", "text": "https://id.gs1.org/01/06901234567892"},
        {"class": "barcode", "text": "6901234567891"},
        {"class": "qr_code", "text": "https://example.com/menu"},
        {"class": "price_label", "gtins": [["P-17", 1.0]]},
    )
    found = scenes.codes(made, on=ON)
    assert [(code.gtin, code.format, code.score) for code in found[:2]] == [
        ("00000096385074", "EAN-13", 0.6),
        ("06901234567892", "QR Code", 1.0),
    ]
    assert found[2].fault is not None and found[2].gtin is None  # its check digit is wrong
    assert [code.gtin for code in found[3:]] == [None, "P-17"]


def test_plates_without_separators() -> None:
    (plate,) = scenes.plates(scene({"class": "number_plate", "text": "粤B·12345", "colour": "blue", "score": 0.7}, {"class": "car"}))
    assert (plate.text, plate.colour, plate.score, plate.valid) == ("粤B12345", "blue", 0.7, True)


@pytest.mark.parametrize(
    ("text", "price", "member"),
    [("9.90", 990, None), ("¥129", 12900, None), ("1290", 129000, None), ("可乐\n¥3.50\n会员价 ¥3.00", 350, 300), ("可乐", None, None)],
)
def test_labels_are_understood_by_the_same_rules(text: str, price: int | None, member: int | None) -> None:
    (label,) = scenes.labels(scene({"class": "price_label", "text": text, "gtins": [["6901234567892", 1.0]]}), on=ON)
    assert (label.price_minor, label.member_price_minor, label.gtin) == (price, member, "06901234567892")
    assert (label.refusal is None) is (price is not None)


def test_malformed_gtins_are_named() -> None:
    with pytest.raises(SceneError, match=r"scene\.objects\.l1\.gtins"):
        scenes.codes(scene({"class": "price_label", "id": "l1", "gtins": [["6901234567892"]]}), on=ON)


def test_scenes_load_no_heavy_library() -> None:
    heavy = "{'cv2', 'onnxruntime', 'zxingcpp'}"
    program = f"import sys, storeloom.workers.vision.reading.scenes; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_a_code_and_figures_that_lie_on_a_label_are_the_label_s() -> None:
    made = {
        "objects": [
            {"class": "price_tag", "box": [0.1, 0.5, 0.1, 0.08]},
            {"class": "text", "box": [0.11, 0.51, 0.02, 0.06], "text": "9"},
            {"class": "text", "box": [0.135, 0.51, 0.015, 0.02], "text": "90"},
            {"class": "barcode", "box": [0.16, 0.55, 0.03, 0.02], "text": "96385074"},
            {"class": "barcode", "box": [0.4, 0.55, 0.03, 0.02], "text": "6901234567892"},
        ]
    }
    (label,) = scenes.labels(made, on=ON)
    assert (label.price_minor, label.gtin) == (990, "00000096385074")


def test_a_currency_without_decimals() -> None:
    made = scene({"class": "price_label", "text": "¥990"})
    (label,) = scenes.labels(made, on=ON, currency="JPY", minor_digits=0)
    assert (label.price_minor, label.currency) == (990, "JPY")
