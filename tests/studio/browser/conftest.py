"""The studio served without a control plane, and a browser that opens its pages."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from storeloom.core.kernel.registry import ROOT
from tests.studio.serving import chromium, served

SOON_MS = 30_000


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("studio")


@pytest.fixture(scope="module")
def address(place: Path) -> Iterator[str]:
    """The studio, served, without a control plane."""
    kept = {"STORELOOM_DRAFTS": str(place / "drafts"), "STORELOOM_STORES": str(place / "stores")}
    with served(ROOT / "studio" / "app.py", **kept, XDG_CONFIG_HOME=str(place), STORELOOM_SERVER="") as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.fixture
def opened(browser: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Opens a page of the studio and waits for its title."""
    contexts = []

    def open_page(path: str, width: int = 1280, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(SOON_MS)
        page.goto(f"{address}{path}")
        page.wait_for_selector("h1")
        return page

    yield open_page
    for context in contexts:
        context.close()
