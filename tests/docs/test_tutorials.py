"""The tutorials, each followed in both languages from an empty folder."""

from pathlib import Path

import pytest

from tests.docs.following import DOCS, follow, twin

PAGES = [page for english in sorted((DOCS / "tutorials").glob("*.md")) for page in (english, twin(english))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.stem}-{'zh' if 'zh' in page.parts else 'en'}")
def test_a_tutorial_holds(page: Path, tmp_path: Path) -> None:
    follow(page, tmp_path)
