"""The whole journey of a bundle in a real browser, in Chinese; `python -m tests.studio.browser.journey` walks it in English, too."""

from pathlib import Path

import pytest

from tests.studio.serving import CHROMIUM

pytest.importorskip("streamlit", reason="the extra studio is absent")
pytest.importorskip("playwright.sync_api", reason="playwright is absent")
pytestmark = [pytest.mark.long, pytest.mark.thorough, pytest.mark.skipif(CHROMIUM is None, reason="chromium is absent")]


def test_a_bundle_comes_from_an_empty_chain_to_running_stores_and_a_judged_pilot(tmp_path: Path) -> None:
    from tests.studio.browser.journey import journey

    with journey("zh", tmp_path) as one:
        one.walk()
    assert set(one.changes) == {"catalogue", "stores", "compose", "try", "releases", "store", "pilots"}
