"""Complaints in Chinese and English sorted by what they are about, how urgent and how angry, with the words that decided.

Two parts, both open to view. A weighted lexicon works from the first day. A naive Bayes model of character n-grams (McCallum and Nigam,
AAAI-98 workshop; n-grams spare a segmenter for Chinese) learns a chain's own labels and is kept as plain JSON. Their evidence, in
logarithms of odds, is summed. Where the best category is not clearly ahead the answer is to ask a person (`category` None): a wrong box
costs more than a look. Urgency never abstains: injury and unsafe food are the first class wherever one of their words stands unnegated,
whatever else is said. It knows no irony, and takes a text as it stands: names and numbers should be taken out before anything is stored.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from storeloom.workers.insight import triage_words as words
from storeloom.workers.insight.faults import complain, needed, require_setting, wrong

GRAMS = (1, 2, 3, 4)
LEAST_LABELS = 2
SMOOTHING = 0.5
LARGEST_GRAM_SAYS = 1.5
MODEL_SAYS = 6.0
UNSPOKEN, DENIED = -2.0, 0.5
MOST_CHARACTERS = 4000
LATIN, NEGATION_REACH_ZH, NEGATION_REACH_EN = re.compile(r"[a-z0-9']"), 4, 3


@dataclass(frozen=True, slots=True)
class Word:
    """A word or n-gram that spoke for (`weight` > 0) or against the answer; `source` is lexicon or labels."""

    text: str
    weight: float
    source: str


@dataclass(frozen=True)
class Triage:
    """`category` (None: ask a person), `probabilities` of all categories, `severity` 1 (injury, unsafe food), 2 or 3, `sentiment` -1
    (angry) to 1, `why`: the words that decided the category, strongest first; `urgent`: those that raised the severity; `felt`: those of
    the sentiment."""

    category: str | None
    probabilities: dict[str, float]
    severity: int
    sentiment: float
    why: tuple[Word, ...]
    urgent: tuple[Word, ...]
    felt: tuple[Word, ...]
    best: str | None = None


@dataclass
class Labels:
    """Counts of character n-grams by category, learnt from a chain's own texts; plain JSON in and out."""

    texts: Counter[str] = field(default_factory=Counter)
    grams: dict[str, Counter[str]] = field(default_factory=dict)

    def learn(self, text: str, category: str) -> None:
        """Count one labelled text; an n-gram counts once a text."""
        complain(
            wrong(
                "category",
                f"an unknown category ({category})",
                f"未知类别（{category}）",
                int(category not in words.CATEGORIES),
                ", ".join(words.CATEGORIES),
                "、".join(words.CATEGORIES),
            )
        )
        self.texts[category] += 1
        self.grams.setdefault(category, Counter()).update(_grams(_plain(text)))

    def as_dict(self) -> dict[str, Any]:
        return {"texts": dict(self.texts), "grams": {name: dict(counts) for name, counts in self.grams.items()}}

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Labels:
        """What `as_dict` gave."""
        return cls(Counter(kept["texts"]), {name: Counter(counts) for name, counts in kept["grams"].items()})

    def evidence(self, text: str) -> tuple[dict[str, float], dict[str, list[Word]]]:
        """Logarithm of the odds by category, and the n-grams behind it. A text's n-grams overlap, so each weighs as one of its length."""
        known = [name for name in words.CATEGORIES if self.texts[name] >= LEAST_LABELS]
        if len(known) < 2:
            return {}, {}
        total = sum(self.texts[name] for name in known)
        everywhere: Counter[str] = Counter()
        for name in known:
            everywhere.update(self.grams[name])
        found = [gram for gram in _grams(_plain(text)) if gram in everywhere]
        scores, why = {}, {}
        for name in known:
            own, count = self.grams[name], self.texts[name]
            spoken = []
            for gram in found:
                inside = (own[gram] + SMOOTHING) / (count + 2 * SMOOTHING)
                outside = (everywhere[gram] - own[gram] + SMOOTHING) / (total - count + 2 * SMOOTHING)
                odds = max(-LARGEST_GRAM_SAYS, min(LARGEST_GRAM_SAYS, math.log(inside / outside)))
                spoken.append(Word(gram, odds / len(gram), "labels"))
            prior = math.log((count + 1) / (total - count + 1))
            scores[name] = max(-MODEL_SAYS, min(MODEL_SAYS, prior + sum(word.weight for word in spoken)))
            why[name] = spoken
        unlearnt = dict.fromkeys(words.CATEGORIES, math.log(1 / (total + 1)))
        return unlearnt | scores, why


def triage(text: str, labels: Labels | None = None, *, sure: float = 0.6) -> Triage:
    """Sort one text of at most 4,000 characters. `sure`: probability that the best category must reach, else it is left to a person."""
    require_setting("sure", sure, "0.2..0.99", 0.2 <= sure <= 0.99)
    plain = _plain(text)
    complain(
        needed("characters of text", "文字", len(plain.strip()), 1)
        + wrong(
            "text",
            "too many characters",
            "文字过长",
            int(len(plain) > MOST_CHARACTERS),
            f"<= {MOST_CHARACTERS}",
            f"不超过 {MOST_CHARACTERS}",
        )
    )
    unless = dict.fromkeys(words.FIRST_CLASS, 0.0)
    spoken = {name: _matches(plain, lexicon, unless.get(name, DENIED)) for name, lexicon in words.TOPICS.items()}
    scores = {name: sum(word.weight for word in spoken[name]) if spoken[name] else UNSPOKEN for name in words.CATEGORIES}
    learnt, grams = labels.evidence(plain) if labels else ({}, {})
    for name, value in learnt.items():
        scores[name] += value
    top = max(scores.values())
    weights = {name: math.exp(value - top) for name, value in scores.items()}
    probabilities = {name: weight / sum(weights.values()) for name, weight in weights.items()}
    best = max(probabilities, key=lambda name: probabilities[name])
    evidence = bool(spoken[best] or grams.get(best))
    answer = best if evidence and probabilities[best] >= sure else None
    urgent = [word for name in words.FIRST_CLASS for word in spoken[name]] + _matches(plain, words.URGENT)
    felt = _matches(plain, words.FEELINGS, negated=-0.5)
    why = sorted([*spoken[best], *grams.get(best, [])], key=lambda word: (-abs(word.weight), word.text))[:8]
    return Triage(
        answer,
        probabilities,
        1 if urgent else 2 if answer in words.SECOND_CLASS else 3,
        math.tanh(sum(word.weight for word in felt) / 2),
        tuple(why) if evidence else (),
        tuple(urgent),
        tuple(felt),
        best if evidence else None,
    )


def deceit(text: str) -> tuple[Word, ...]:
    """The words of a text that say that the customer was deceived (fake goods, false prices or claims), unless they are negated."""
    return tuple(_matches(_plain(text[:MOST_CHARACTERS]), words.DECEIT))


@dataclass(frozen=True)
class Judgement:
    """Over labelled texts: `answered` share; `right` share of the answered with its interval; `all_right`: share right if it had always to
    answer; `missed_first`: texts of the first class (injury, unsafe food) not called severity 1; `confusion` of (label, answer)."""

    texts: int
    answered: float
    right: float
    low: float
    high: float
    all_right: float
    missed_first: int
    confusion: dict[tuple[str, str], int]


def judge(labelled: Iterable[tuple[str, str]], labels: Labels | None = None, *, sure: float = 0.6) -> Judgement:
    """Hold the triage against texts that a person labelled (text, category), none of them learnt from."""
    from storeloom.workers.insight.proportions import wilson

    pairs = [(category, triage(text, labels, sure=sure)) for text, category in labelled]
    complain(needed("labelled texts", "带标签文本", len(pairs), 1))
    given = [(category, found.category) for category, found in pairs if found.category is not None]
    right = sum(category == answer for category, answer in given)
    low, high = wilson(right, len(given))
    missed = sum(category in words.FIRST_CLASS and found.severity > 1 for category, found in pairs)
    confusion = Counter((category, found.category or "-") for category, found in pairs)
    always = sum(category == found.best for category, found in pairs) / len(pairs)
    share = right / len(given) if given else math.nan
    return Judgement(len(pairs), len(given) / len(pairs), share, low, high, always, missed, dict(confusion))


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().replace("’", "'")


def _grams(plain: str) -> list[str]:
    """Distinct n-grams inside runs of letters: 1 to 2 characters of Chinese, 3 to 4 of Latin words padded with spaces."""
    found: dict[str, None] = {}
    for run in re.findall(r"[a-z0-9']+|[\u3400-\u9fff]+", plain):
        latin = bool(LATIN.match(run))
        padded = f" {run} " if latin else run
        for size in GRAMS[2:] if latin else GRAMS[:2]:
            found.update(dict.fromkeys(padded[at : at + size] for at in range(len(padded) - size + 1)))
    return list(found)


def _matches(plain: str, lexicon: Mapping[str, float], negated: float = 0.0) -> list[Word]:
    """Words of the lexicon in the text, each once, longer ones before those inside them; a negated one counts `negated` of its weight."""
    taken = [False] * len(plain)
    found = []
    for word, weight in sorted(lexicon.items(), key=lambda item: (-len(item[0]), item[0])):
        latin = bool(LATIN.match(word))
        stem = rf"(?<![a-z0-9]){re.escape(word)}" if latin else re.escape(word)
        spoken = 0.0
        for match in re.finditer(stem, plain):
            if not any(taken[match.start() : match.end()]):
                taken[match.start() : match.end()] = [True] * (match.end() - match.start())
                factor = negated if _negated(plain, match.start(), latin) else 1.0
                spoken = max(spoken, factor, key=abs)
        if spoken:
            found.append(Word(word, weight * spoken, "lexicon"))
    return found


def _negated(plain: str, at: int, latin: bool) -> bool:
    clause = re.split(r"[,.;:!?，。；：！？、\n]|\bbut\b|但|可是|却", plain[:at])[-1]
    if latin:
        return any(word in words.NOT_EN for word in re.findall(r"[a-z']+", clause)[-NEGATION_REACH_EN:])
    near = clause[-NEGATION_REACH_ZH:]
    return any(word in near for word in words.NOT_ZH)
