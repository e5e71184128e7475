"""A photographed receipt from the file to the points, and what becomes of the photo."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest

from storeloom.plugins.people.member_management.receipt_photo_points import ReceiptPhotoPoints
from storeloom.workers.vision.rendering import Picture, has_fonts
from tests.plugins.plugin_runs import Run
from tests.workers.vision.rendered_receipts import EN, ZH, photo, receipt

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
TENANTS = [
    {"tenant": "T12", "name": "优衣库", "category": "fashion", "tax": "91310000607200123X"},
    {"tenant": "T13", "name": "Harbour Coffee", "category": "dining"},
]


@pytest.fixture(autouse=True)
def fonts() -> None:
    if not has_fonts():
        pytest.skip("font Noto Sans CJK absent")


def run(data: Path, **config: object) -> Run:
    return Run(ReceiptPhotoPoints, NOW, {"tenants": TENANTS, "members": []}, data, config)


def jpeg(picture: Picture) -> bytes:
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


def share(store: Run, member: str, given: str, minutes: int = 0) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = {}
    for one in store.give("member.event", NOW + timedelta(minutes=minutes), kind="share", member=member, values={"photo": given}):
        found.setdefault(one.stream, []).append(one.data)
    return found


def test_a_photo_handed_in_by_name_earns_points_and_goes_at_once(tmp_path: Path) -> None:
    store = run(tmp_path)
    folder = tmp_path / "pictures" / "it"
    folder.mkdir(parents=True)
    (folder / "p1.jpg").write_bytes(jpeg(photo(receipt(ZH), 8)))
    found = share(store, "m1", "p1.jpg")
    assert [(one["member"], one["delta"]) for one in found["points.change"]] == [("m1", 258)]
    assert found["vision.text"][0]["fields"] == {
        "tenant": "T12",
        "tax": "91310000607200123X",
        "number": "88123",
        "time": "2026-03-02T14:05:33",
        "total": 25880,
    }
    assert "6222" not in str(found) and "王小明" not in str(found)
    store.until(NOW + timedelta(minutes=1))
    assert list(folder.iterdir()) == []
    again = share(store, "m2", base64.b64encode(jpeg(photo(receipt(ZH), -30))).decode(), 5)  # another photo of the same receipt
    assert again["message.send"][0]["params"] == {"outcome": "used", "reason": "used"} and "points.change" not in again


def test_a_photo_is_kept_for_its_review_alone(tmp_path: Path) -> None:
    store = run(tmp_path, amount_cap=1000, keep_photo_d=2)
    found = share(store, "m1", "data:image/jpeg;base64," + base64.b64encode(jpeg(photo(receipt(EN), 90))).decode())
    task = found["task.create"][0]
    assert task["values"]["total"] == 1485 and task["values"]["tenant"] == "T13"  # type: ignore[index]
    folder = tmp_path / "pictures" / "it"
    kept = task["values"]["photo"]  # type: ignore[index]
    assert sorted(path.name for path in folder.iterdir()) == [kept, f"{kept}.label"]
    answer = store.give("task.done", NOW + timedelta(minutes=9), task=task["task"], staff="s1", state="approved")
    assert [one.data["delta"] for one in answer if one.stream == "points.change"] == [14]
    store.until(NOW + timedelta(minutes=10))
    assert list(folder.iterdir()) == []

    share(store, "m1", base64.b64encode(jpeg(photo(receipt(ZH), 0))).decode(), 20)
    assert len(list(folder.iterdir())) == 2  # nobody answers
    store.until(NOW + timedelta(days=4))
    assert list(folder.iterdir()) == []


def test_what_cannot_be_read_is_asked_for_again(tmp_path: Path) -> None:
    store = run(tmp_path)
    blank = jpeg(np.full((400, 300, 3), 120, np.uint8))
    for minutes, given in enumerate(("gone.jpg", "../secrets.json", base64.b64encode(blank).decode())):
        assert share(store, "m1", given, minutes)["message.send"][0]["params"] == {"outcome": "unreadable", "reason": "unreadable"}
