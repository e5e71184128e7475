"""Words of the generated pages, each in English and Chinese, one file a topic."""

from __future__ import annotations

from storeloom.core.pages.words import calls, contracts, findings, site, solutions

WORDS: dict[str, tuple[str, str]] = {**solutions.WORDS, **contracts.WORDS, **calls.WORDS, **findings.WORDS, **site.WORDS}
LANGUAGES = ("en", "zh")


def word(key: str, lang: str, **values: object) -> str:
    """A word in a language, filled. KeyError where there is none."""
    return WORDS[key][lang == "zh"].format(**values)
