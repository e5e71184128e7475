"""The quick start, followed in both languages."""

import pytest

from tests.docs.following import DOCS, follow, twin

PAGE = DOCS / "quick-start.md"


@pytest.mark.parametrize("page", [PAGE, twin(PAGE)], ids=["en", "zh"])
def test_the_quick_start_holds(page, tmp_path):
    follow(page, tmp_path)
