"""How far two judges of the same things agree beyond chance: Cohen's kappa (Educational and Psychological Measurement 20, 1960)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Agreement:
    """Over `count` things: the share on which both say the same, the share to be expected by chance from how often each says what,
    and kappa, (observed - chance) / (1 - chance). Kappa is None where both always say one and the same, which tells nothing."""

    count: int
    observed: float
    chance: float
    kappa: float | None


def cohen_kappa(pairs: Iterable[tuple[Hashable, Hashable]]) -> Agreement:
    """The agreement of two judges by what the first and the second said of each thing, in any categories; ValueError without things."""
    both = Counter(pairs)
    count = both.total()
    if not count:
        raise ValueError("agreement needs at least one thing that both have judged")
    first, second = Counter[Hashable](), Counter[Hashable]()
    for (one, other), times in both.items():
        first[one] += times
        second[other] += times
    same = sum(times for (one, other), times in both.items() if one == other)
    by_chance = sum(times * second[category] for category, times in first.items())
    kappa = None if by_chance == count * count else (count * same - by_chance) / (count * count - by_chance)
    return Agreement(count, same / count, by_chance / count**2, kappa)
