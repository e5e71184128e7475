"""How catalogue, stores and trial look: nothing beyond a phone's screen, nothing serious in an accessibility scan."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.studio.serving import CHROMIUM

pytest.importorskip("streamlit", reason="the extra studio is absent")
pytest.importorskip("playwright.sync_api", reason="playwright is absent")
pytestmark = [pytest.mark.long, pytest.mark.thorough, pytest.mark.skipif(CHROMIUM is None, reason="chromium is absent")]
STREAMLITS_OWN = ("list", "listitem")  # the side bar's sections stand in a <div> within its <ul>
PAGES = ("/", "/?solution=smart_cart", "/stores", "/stores?view=map", "/stores?view=import", "/try?against=change")


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_narrow_screens_show_all_of_it(opened: Callable[..., Any], lang: str) -> None:
    page = opened(f"/?lang={lang}", 390, has_touch=True, is_mobile=True)
    address = page.url.split("/?")[0]
    for path in PAGES:
        page.goto(f"{address}{path}{'&' if '?' in path else '?'}lang={lang}")
        page.wait_for_selector("h1")
        page.wait_for_timeout(700)
        assert page.evaluate("() => document.documentElement.scrollWidth") == 390, path


def test_the_scan_finds_nothing_serious(opened: Callable[..., Any]) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is absent")
    page = opened("/?lang=en")
    address = page.url.split("/?")[0]
    for path in PAGES:
        page.goto(f"{address}{path}{'&' if '?' in path else '?'}lang=zh")
        page.wait_for_selector("h1")
        page.wait_for_timeout(1500)
        found = axe.Axe().run(page).response["violations"]
        bad = [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")]
        assert [one for one in bad if one[0] not in STREAMLITS_OWN] == [], path
