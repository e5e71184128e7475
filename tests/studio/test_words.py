"""The studio's words: complete in both languages, all used, all found."""

import re
from pathlib import Path
from string import Formatter

import pytest

from storeloom.core.virtual.report_words import WORDS as REPORT_WORDS
from storeloom.studio.words import LANGUAGES, WORDS, word

STUDIO = Path(__file__).resolve().parents[2] / "studio"
SOURCES = "\n".join(
    path.read_text(encoding="utf-8") for path in STUDIO.rglob("*.py") if path.name != "words.py" and path.parent.name != "phrases"
)


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("key", sorted(WORDS))
def test_every_word_stands_in_every_language_with_the_same_fields(key: str) -> None:
    assert set(WORDS[key]) == set(LANGUAGES)
    assert all(WORDS[key].values())
    assert fields(WORDS[key]["zh"]) == fields(WORDS[key]["en"])
    assert not re.search(r"[\u4e00-\u9fff]", WORDS[key]["en"])


def test_every_word_that_pages_say_is_known() -> None:
    said = set(re.findall(r"\bsay\(\s*[\"'](\w+)[\"']", SOURCES))
    assert said and said <= set(WORDS)


def test_no_word_is_left_over() -> None:
    begun = tuple(set(re.findall(r"say\(f[\"'](\w+_)\{", SOURCES)) | set(re.findall(r"words_of\(\w+, [\"'](\w+_)[\"']", SOURCES)))
    assert {key for key in WORDS if not re.search(rf"[\"']{key}[\"']", SOURCES) and not key.startswith(begun)} == set()


def test_the_reports_words_stand_in_both_languages() -> None:
    for key, (en, zh) in REPORT_WORDS.items():
        assert en and zh and fields(en) == fields(zh), key


def test_a_word_is_filled() -> None:
    assert word("found", "zh", n=3) == "3 个方案"
