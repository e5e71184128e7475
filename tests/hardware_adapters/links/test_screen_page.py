"""What lies at the address where screens connect, for a browser."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from storeloom.hardware_adapters.links.screen_page import FILES, page


@pytest.mark.parametrize(
    "target", ["/", "/?a=b", "/till-9/", "/till-1/no.js", "/till-1/../page.html", "/till-1/code.svg", "/%2e%2e/page.html"]
)
def test_there_is_nothing_else(target: str) -> None:
    found = page(target, ["till-1"])
    assert (found.status, found.headers["Content-Type"]) == (404, "text/plain")


def test_the_page_and_its_files_are_handed_out_with_a_policy() -> None:
    found = page("/till-1/", ["till-1"])
    assert (found.status, found.headers["Content-Type"], found.headers["Content-Length"]) == (
        200,
        "text/html; charset=utf-8",
        str(len(found.body)),
    )
    assert "object-src 'none'" in found.headers["Content-Security-Policy"] and "script-src" not in found.headers["Content-Security-Policy"]
    assert b'<script type="module" src="screen.js">' in found.body
    assert page("/till-1", ["till-1"])[:2] == (308, {"Location": "/till-1/", "Content-Length": "0"})
    assert page("/any%20name/link.js?v=2", []).headers["Content-Type"].startswith("text/javascript")


def test_a_qr_code_holds_its_text() -> None:
    pytest.importorskip("zxingcpp", reason="zxing-cpp is absent")
    found = page("/till-1/code.svg?text=come_back%3As1", [])
    assert found.headers["Content-Type"] == "image/svg+xml" and b"<svg" in found.body
    assert page(f"/till-1/code.svg?text={'x' * 501}", []).status == 404


def test_each_word_stands_there_in_both_languages_and_each_button_has_one() -> None:
    folder = files("storeloom.hardware_adapters.links").joinpath("touch")
    words = folder.joinpath("words.js").read_text("utf-8")
    zh, en = (words.partition(f"  {tag}: {{")[2].partition("\n  },")[0] for tag in ("zh", "en"))
    names = [set(re.findall(r'(\w+): "', one)) for one in (zh, en)]
    assert names[0] == names[1] and len(names[0]) > 50
    named = words.partition("export const HEADINGS")[2].partition("export const CHOICES")[0]
    assert set(re.findall(r'"(\w+)"', named)) <= names[0]
    script = folder.joinpath("screen.js").read_text("utf-8")
    assert set(re.findall(r'say\("(\w+)"', script)) <= names[0]
    assert {file for file, _ in FILES.values()} == {one.name for one in folder.iterdir()}
