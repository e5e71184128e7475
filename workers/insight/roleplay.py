"""Role-play talks of staff scored by a rubric: steps said, their order, forbidden terms heard; and Elo ratings of person and card.

A step counts as said with the first staff turn that holds one of its phrases, or has a clause alike enough by the Dice coefficient of
character pairs (Dice, 1945; pairs spare a segmenter for Chinese). Ratings: Elo, The Rating of Chessplayers, 1978.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

START = 1200.0
LEAST_TURNS = 3
CLAUSES = re.compile(r"[,.;:!?，。；：！？、…\n]+")


@dataclass(frozen=True, slots=True)
class Talk:
    """`said`: steps in the order in which they were said; `claims`: forbidden terms heard; `score` from 0."""

    said: tuple[int, ...]
    claims: tuple[str, ...]
    order_factor: float
    score: float


def rubric(card: Mapping[str, Any]) -> list[list[str]]:
    """The phrases of each step of a card; a plain phrase is a step of its own."""
    return [[step] if isinstance(step, str) else [str(phrase) for phrase in step] for step in card.get("key_phrases") or ()]


def weights(card: Mapping[str, Any], steps: int) -> list[float]:
    """The points of each step: one number for all or one for each, else 100 shared equally."""
    given = card.get("weight")
    if isinstance(given, (int, float)):
        return [float(given)] * steps
    return [float(one) for one in given] if given else [100 / steps] * steps


def judge(
    turns: Iterable[Mapping[str, str]], card: Mapping[str, Any], claims: Iterable[str], likeness: float, penalty: float
) -> Talk | None:
    """Score a talk by a card; None where it is too short to be one or the card has no steps.

    Score: points of the steps said times the order factor (longest rising sequence / steps said), less `penalty` for each forbidden term.
    """
    spoken = [_plain(turn["text"]) for turn in turns if turn["by"] == "staff" and turn["text"].strip()]
    steps = rubric(card)
    if len(spoken) < LEAST_TURNS or not steps:
        return None
    places = {step: place for step, phrases in enumerate(steps) if (place := _place(spoken, phrases, likeness)) is not None}
    said = sorted(places, key=lambda step: (places[step], step))
    factor = longest_rising(said) / len(said) if said else 1.0
    heard = tuple(dict.fromkeys(term for term in claims if term and any(_plain(term) in turn for turn in spoken)))
    points = weights(card, len(steps))
    score = sum(points[step] for step in said) * factor - penalty * len(heard)
    return Talk(tuple(said), heard, factor, round(max(0.0, score), 6))


def longest_rising(steps: Sequence[int]) -> int:
    """Length of the longest strictly rising subsequence (patience sorting, Fredman 1975)."""
    ends: list[int] = []
    for step in steps:
        place = bisect_left(ends, step)
        ends[place : place + 1] = [step]
    return len(ends)


def alike(one: str, other: str) -> float:
    """Dice coefficient of the character pairs of two texts, 0 to 1."""
    first, second = _pairs(_plain(one)), _pairs(_plain(other))
    total = sum(first.values()) + sum(second.values())
    return 2 * sum((first & second).values()) / total if total else 0.0


def expected(person: float, card: float) -> float:
    """The chance, by their ratings, that a person passes a card."""
    return 1 / (1 + 10 ** ((card - person) / 400))


def rated(person: float, card: float, passed: bool, step: float) -> tuple[float, float]:
    """The ratings of person and card after a talk."""
    move = step * (passed - expected(person, card))
    return person + move, card - move


def _place(spoken: Sequence[str], phrases: Iterable[str], likeness: float) -> tuple[int, int] | None:
    """The first turn that says a step, and where in it."""
    plain = [_plain(phrase) for phrase in phrases if phrase]
    for number, turn in enumerate(spoken):
        at = [turn.index(phrase) for phrase in plain if phrase in turn]
        clauses = [clause for clause in CLAUSES.split(turn) if clause.strip()]
        at += [turn.index(clause) for clause in [*clauses, turn] if any(alike(clause, phrase) >= likeness for phrase in plain)]
        if at:
            return number, min(at)
    return None


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _pairs(text: str) -> Counter[str]:
    signs = "".join(text.split())
    return Counter(signs[place : place + 2] for place in range(len(signs) - 1))
