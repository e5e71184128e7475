"""A tutorial in Chinese and one in English are the same tutorial: the same files, commands and outcomes, in the same order."""

import re

import pytest

from storeloom.core.pages.tutorial import listed
from tests.docs.following import DOCS, twin

PAGES = [DOCS / "quick-start.md", *sorted((DOCS / "tutorials").glob("*.md"))]
REMARK = re.compile(r"\s*#.*")


def bare(text):
    """A text without remarks and empty lines."""
    return [line for row in text.splitlines() if (line := REMARK.sub("", row))]


def asked(block):
    """What a block asks of its reader, whatever the language."""
    what = [step.command for step in block.steps] if block.language == "console" and block.tested else bare(block.text)
    return block.language, block.file, block.adds, block.tested, block.exit_code, block.numbers_vary, block.within_s, what


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_both_languages_ask_the_same_of_their_reader(page):
    english, chinese = listed(page), listed(twin(page))
    for one, other in zip(english, chinese, strict=False):
        assert asked(one) == asked(other), f"{page.name} line {one.line}, zh line {other.line}"
    assert len(english) == len(chinese)


def test_every_tutorial_has_its_twin():
    assert {page.name for page in (DOCS / "zh" / "tutorials").glob("*.md")} == {page.name for page in (DOCS / "tutorials").glob("*.md")}
