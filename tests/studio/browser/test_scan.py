"""Composing, wizard and pilots, part by part: nothing serious by axe-core, nothing beyond the screen's edge (all pages: `scan.py`)."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.studio.serving import CHROMIUM

pytest.importorskip("streamlit", reason="the extra studio is absent")
pytest.importorskip("playwright.sync_api", reason="playwright is absent")
pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is absent")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is absent")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from tests.studio.browser.scan import everything

    with everything(tmp_path_factory.mktemp("scan")) as made:
        yield made


@pytest.mark.parametrize(("lang", "where", "first"), [("zh", "desk", 0), pytest.param("en", "phone", 1, marks=pytest.mark.thorough)])
def test_the_scan_finds_nothing_serious(served: Any, lang: str, where: str, first: int) -> None:
    """Every second part in Chinese on a desk's screen, the others in English on a phone's; the other pages are in the scans beside this."""
    from tests.studio.browser.scan import WIDTHS, Scan, pages

    plane, address, browser = served
    scan = Scan(browser, address, lang, WIDTHS[where])
    parts = [one for one in pages(plane).items() if one[1][0].startswith(("/compose", "/pilots?")) or one[0].startswith("wizard")]
    looked = parts[first::2]
    assert {name: found for name, (path, do) in looked if (found := scan.wrong(path, do))} == {}


def test_what_is_wrong_is_found(served: Any) -> None:
    from tests.studio.browser.scan import WIDTHS, Scan

    _, address, browser = served

    def spoilt(page: Any, lang: str) -> None:
        page.evaluate(
            "() => document.querySelector('h1').insertAdjacentHTML('afterend', "
            '\'<img src="data:,"><p style="color: #ccc; background: #fff">pale</p><div style="width: 3000px">wide</div>\')'
        )

    found = Scan(browser, address, "zh", WIDTHS["phone"]).wrong("/vendors", spoilt)
    assert {one.split(":")[0] for one in found} >= {"image-alt", "color-contrast"}
