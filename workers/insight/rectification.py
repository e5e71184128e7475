"""Findings and their repair: how long there is to fix one, who gets the task, and whether a photo was used before."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from storeloom.core.kernel.hours import StoreHours

GRADES = {"critical": "critical", "high": "major", "major": "major", "warn": "minor", "info": "minor", "minor": "minor"}
HASH = re.compile(r"(?<![0-9a-fA-F])[0-9a-fA-F]{16}(?![0-9a-fA-F])")


def open_time_after(hours: StoreHours, start: datetime, minutes: float) -> datetime:
    """The instant by which so many minutes of opening time have gone by; of a store that never opens, of any time."""
    left, at = timedelta(minutes=minutes), start
    while True:
        span = hours.span(at)
        if span is None:
            opening = hours.next_open(at)
            if opening is None:
                return at + left
            at = opening
            continue
        if at + left <= span[1]:
            return at + left
        left -= span[1] - at
        at = span[1]


def least_loaded(people: Iterable[str], load: Mapping[str, int]) -> str | None:
    """Who has the fewest open tasks, of equals the first by id."""
    return min(people, key=lambda who: (load.get(who, 0), who), default=None)


def marks_of(photos: Sequence[str], values: Mapping[str, Any]) -> list[str]:
    """What photos are told apart by: the 64-bit hashes that come with them, as 16 hex digits in a photo's name or in values named after a
    hash, and the names of photos without one."""
    given = [value for name, value in values.items() if "hash" in name]
    texts = [str(one) for value in given for one in (value if isinstance(value, list) else [value])]
    named = [HASH.findall(photo) or [photo] for photo in photos]
    return [
        mark.lower() for mark in [*(mark for marks in named for mark in marks), *(found for text in texts for found in HASH.findall(text))]
    ]


def is_reused(marks: Iterable[str], accepted: Iterable[str], bits: int) -> bool:
    """Whether any photo is an accepted one: by its name, or by a hash within `bits` (Hamming distance)."""
    from storeloom.workers.vision.reading.receipt_rules import differing_bits

    known = list(accepted)
    hashes = [mark for mark in known if HASH.fullmatch(mark)]
    return any(one in known or (HASH.fullmatch(one) and any(differing_bits(one, other) <= bits for other in hashes)) for one in marks)
