"""Search in the catalogue: words in English or Chinese, and Chinese by its sound (pinyin, in full or by initials)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Found:
    """What one solution is found by: its names, all that is written about it, and the sounds of its Chinese names."""

    names: str
    text: str
    sounds: tuple[tuple[str, ...], ...]

    def by(self, word: str) -> int:
        """How well a word in lower case fits: 3 in its names, 2 by sound, 1 in its text, 0 not at all."""
        if found_in(word, self.names):
            return 3
        if word.isascii() and any(sounds_like(word, syllables) for syllables in self.sounds):
            return 2
        return int(found_in(word, self.text))


def found_in(word: str, text: str) -> bool:
    """Whether a word stands in a text; one in Latin letters where a word begins."""
    return re.search(rf"\b{re.escape(word)}" if word.isascii() else re.escape(word), text) is not None


def sounds_like(word: str, syllables: tuple[str, ...]) -> bool:
    """Whether a word is the sound of some of the syllables in a row, the last one perhaps begun only, or two or more of their initials."""
    initials = "".join(one[0] for one in syllables)
    if len(word) > 1 and word in initials:
        return True
    return len(word) > 1 and any("".join(syllables[at:]).startswith(word) for at in range(len(syllables)))


class Searcher:
    """The search over a catalogue's solutions."""

    def __init__(self, solutions: Mapping[str, Mapping[str, Any]], scenarios: Mapping[str, Mapping[str, Any]]) -> None:
        from pypinyin import lazy_pinyin

        def syllables(text: str) -> tuple[str, ...]:
            parts = re.findall(r"[\u4e00-\u9fff]+|[^\u4e00-\u9fff]", text)
            return tuple(
                one.lower() for part in parts for one in (lazy_pinyin(part) if len(part) > 1 or part > "\u4dff" else part) if one.strip()
            )

        self._found = {}
        for name, facts in solutions.items():
            scenario = scenarios.get(facts["scenario"], {})
            names = f"{name} {name.replace('_', ' ')} {facts['zh']} {facts['en']}".lower()
            more = (scenario.get("zh", ""), scenario.get("en", ""), facts["purpose_en"], facts["purpose_zh"])
            sounds = tuple(syllables(text) for text in (facts["zh"], scenario.get("zh", "")) if text)
            self._found[name] = Found(names, " ".join((names, *more)).lower(), sounds)

    def search(self, words: Iterable[str], among: Iterable[str]) -> list[str]:
        """The ids among which every word is found, the best first, else in their order."""
        asked = [word.lower() for word in words]
        fits = [(name, [self._found[name].by(word) for word in asked]) for name in among]
        good = [(name, sum(marks)) for name, marks in fits if all(marks)]
        return [name for name, _ in sorted(good, key=lambda pair: -pair[1])]
