"""Spaced repetition of learning cards: when a card is due again, and which cards make a day's session.

Method: SM-2 (Wozniak, Optimization of learning, 1990), with intervals in days rounded up and the ease before the answer. A record is plain
JSON: `reps` (right answers in a row), `interval` (days), `ease`, `due` and `last` (ISO days), `passed` (ever answered rightly).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil, floor
from typing import Any

from storeloom.workers.pricing.money import exact

RIGHT = 3
Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Terms:
    """Days after the first and the second right answer, the ease of a new card, and the lowest one."""

    first: int = 1
    second: int = 6
    ease_start: float = 2.5
    ease_min: float = 1.3


def answer(record: Record | None, quality: int, day: date, terms: Terms) -> Record:
    """The record of a card after an answer of `quality` (0..5) on a day; None for one that was never answered.

    A right answer before the due day leaves interval and due day as they are, and raises no ease.
    """
    before = record or {"reps": 0, "interval": 0, "ease": terms.ease_start, "due": None, "passed": False}
    if quality < RIGHT:
        due = day + timedelta(days=1)
        return {**before, "reps": 0, "interval": 1, "due": due.isoformat(), "last": day.isoformat()}
    ease = max(terms.ease_min, round(before["ease"] + 0.1 - (5 - quality) * (0.08 + (5 - quality) * 0.02), 4))
    if before["due"] is not None and day.isoformat() < before["due"]:
        return {**before, "ease": min(before["ease"], ease), "last": day.isoformat(), "passed": True}
    interval = {0: terms.first, 1: terms.second}.get(before["reps"]) or ceil(before["interval"] * exact(before["ease"]))
    due = day + timedelta(days=interval)
    after = {"reps": before["reps"] + 1, "interval": interval, "ease": ease, "due": due.isoformat(), "last": day.isoformat()}
    return {**after, "passed": True}


def session(
    records: Mapping[str, Record], new: Sequence[str], mandatory: Iterable[str], day: date, places: int, new_share: float
) -> tuple[list[str], list[str]]:
    """The reviews and the new cards of a day's session of so many places.

    Reviews due: mandatory ones first, then longest overdue, lowest ease, card id. New cards, in their order, have floor(places x
    `new_share`) places while reviews wait for one, and all that are left when none does.
    """
    first, today = set(mandatory), day.isoformat()
    due = sorted((card for card, record in records.items() if record["due"] <= today),
                 key=lambda card: (card not in first, records[card]["due"], records[card]["ease"], card))  # fmt: skip
    kept = min(len(new), floor(places * exact(new_share)))
    reviews = due[: places - kept]
    return reviews, list(new[: places - len(reviews)])


def overdue(records: Mapping[str, Record], day: date) -> int:
    """Cards whose due day is over."""
    return sum(record["due"] < day.isoformat() for record in records.values())
