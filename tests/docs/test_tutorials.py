"""The tutorials, followed from an empty folder.

Both languages ask the same of their reader (test_twins), so that one is followed here: of every other page the Chinese one. With
STORELOOM_BOTH_LANGUAGES set each is followed in both.
"""

import os
from pathlib import Path

import pytest

from tests.docs.following import DOCS, follow, twin

ENGLISH = sorted((DOCS / "tutorials").glob("*.md"))
BOTH = [page for english in ENGLISH for page in (english, twin(english))]
ONE = [twin(english) if number % 2 else english for number, english in enumerate(ENGLISH)]


@pytest.mark.long
@pytest.mark.parametrize("page", BOTH if "STORELOOM_BOTH_LANGUAGES" in os.environ else ONE, ids=lambda page: str(page.relative_to(DOCS)))
def test_a_tutorial_holds(page: Path, tmp_path: Path) -> None:
    follow(page, tmp_path)
