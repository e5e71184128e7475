"""Codes in a camera's pictures: those of ZXing's own writer, turned, small, two at once; nothing of the picture goes on."""

from __future__ import annotations

from typing import Any

import pytest

from storeloom.core.kernel.errors import InputFault
from storeloom.hardware_adapters.scanner import camera_scanner
from storeloom.hardware_adapters.scanner.camera_scanner import USUAL, CameraScanner, codes_in

np = pytest.importorskip("numpy")
pytest.importorskip("zxingcpp", reason="zxing-cpp is not installed")
pytest.importorskip("cv2", reason="OpenCV is not installed")

from storeloom.hardware_adapters.scanner.camera_scanner_twin import CameraScannerTwin, picture  # noqa: E402

GTIN = "9501101530003"


@pytest.mark.parametrize(
    ("kind", "content", "text", "mark"),
    [
        ("EAN13", GTIN, GTIN, "]E0"),
        ("EAN8", "12345670", "12345670", "]E4"),
        ("Code128", f"(01)0{GTIN}(3103)001234", f"010{GTIN}3103001234", "]C1"),
        ("DataMatrix", f"(01)0{GTIN}(10)AB(17)261231", f"010{GTIN}10AB\x1d17261231", "]d2"),
        ("QRCode", f"https://id.gs1.org/01/0{GTIN}", f"https://id.gs1.org/01/0{GTIN}", "]Q1"),
    ],
)
def test_a_code_in_a_picture(kind: str, content: str, text: str, mark: str) -> None:
    page = picture(kind, content)
    assert codes_in(page, list(USUAL)) == [(text, mark)]
    assert codes_in(np.rot90(page).copy(), list(USUAL)) == [(text, mark)]
    assert codes_in(np.repeat(page[:, :, None], 3, axis=2), list(USUAL)) == [(text, mark)]


def test_two_codes_at_once_and_only_those_wanted() -> None:
    page = np.vstack([picture("EAN13", GTIN), picture("QRCode", "MEMBER-7")])
    assert sorted(codes_in(page, list(USUAL))) == [(GTIN, "]E0"), ("MEMBER-7", "]Q1")]
    assert codes_in(page, ["EAN13"]) == [(GTIN, "]E0")]
    assert codes_in(np.full((480, 640), 255, np.uint8), list(USUAL)) == []


def test_a_camera_that_looks_at_codes_hands_on_nothing_else() -> None:
    with CameraScannerTwin() as twin:
        said = twin.act(1)[0].data
        driver = CameraScanner("unit-1", CameraScanner.Config(**twin.settings()))
        facts: list[Any] = []
        for fact in driver.facts():
            facts.append(fact)
            if fact.stream == "scanner.code":
                driver.close()
        assert facts[0].data["state"] == "online"
        assert [one.stream for one in facts if one.stream != "device.status"] == ["scanner.code"]
        assert {one.data["kind"] for one in facts if one.stream == "device.status"} == {"scanner"}
        told = next(one.data for one in facts if one.stream == "scanner.code")
        assert said.items() <= told.items()
        assert told["ai"]["10"] == "A1"


def test_a_host_without_the_decoder_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_scanner, "find_spec", lambda name: None)
    with pytest.raises(InputFault):
        next(iter(CameraScanner("unit-1", CameraScanner.Config(source="usb:0")).facts()))
