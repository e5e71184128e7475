"""Counts of stages (seen, touched, tried, bought) that fade with age, the rates between them, and how two rankings agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from math import sqrt
from statistics import fmean
from typing import Any

Book = dict[str, Any]
FORGOTTEN_UNDER = 1e-3


def add(book: Book | None, stages: int, stage: int, amount: float, day: date, half_life_days: float) -> Book:
    """A book with more of a stage, that of no book yet made; an entry of an earlier day than the book's comes in faded."""
    known: Book = as_of(book, day, half_life_days) if book else {"day": day.isoformat(), "counts": [0.0] * stages}
    late_days = (date.fromisoformat(known["day"]) - day).days
    counts = list(known["counts"])
    counts[stage] += amount * 0.5 ** (late_days / half_life_days)
    return {"day": known["day"], "counts": counts}


def as_of(book: Book, day: date, half_life_days: float) -> Book:
    """The book as it reads on a day: what is `half_life_days` old counts half. A book of a later day stays as it is."""
    age_days = max(0, (day - date.fromisoformat(book["day"])).days)
    if not age_days:
        return book
    return {"day": day.isoformat(), "counts": [count * 0.5 ** (age_days / half_life_days) for count in book["counts"]]}


def is_faded(book: Book) -> bool:
    """Whether nothing worth keeping is left of it."""
    return all(abs(count) < FORGOTTEN_UNDER for count in book["counts"])


def shrunk(hits: float, trials: float, mean: float, prior: float) -> float | None:
    """A rate pulled towards the mean by `prior` pseudo-trials (the mean of a Beta posterior); None where there is nothing to go by."""
    return (hits + prior * mean) / (trials + prior) if trials + prior > 0 else None


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Spearman's rho with mean ranks for ties; None for fewer than two pairs and where one side is all ties."""
    first, second = _ranks(one), _ranks(other)
    if len(first) < 2:
        return None
    mean = fmean(first)
    spread = sqrt(sum((a - mean) ** 2 for a in first) * sum((b - mean) ** 2 for b in second))
    return sum((a - mean) * (b - mean) for a, b in zip(first, second, strict=True)) / spread if spread else None


def _ranks(values: Sequence[float]) -> list[float]:
    """Rank of each value from 1, equals sharing the mean of theirs."""
    shared, below, first = Counter(values), 0, dict[float, float]()
    for value in sorted(shared):
        first[value] = below + (shared[value] + 1) / 2
        below += shared[value]
    return [first[value] for value in values]
