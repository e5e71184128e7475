"""Cutting a chain's data into parts for workers: by store, by series, by whatever names a group."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from typing import TypeVar

K = TypeVar("K")


def parts(weights: Mapping[K, float], count: int) -> list[list[K]]:
    """Groups in at most `count` parts of like weight: the heaviest first, each to the lightest part (LPT; Graham 1969).

    `weights` says how much work a group is, as its number of rows. The same weights give the same parts. ValueError below one part.
    """
    if count < 1:
        raise ValueError(f"there must be at least one part, not {count}")
    made: list[list[K]] = [[] for _ in range(min(count, len(weights)))]
    lightest = [(0.0, number) for number in range(len(made))]
    order = {key: number for number, key in enumerate(weights)}
    for key in sorted(weights, key=lambda one: (-weights[one], order[one])):
        load, number = heapq.heappop(lightest)
        made[number].append(key)
        heapq.heappush(lightest, (load + weights[key], number))
    return made


def seeds(seed: int, count: int) -> list[int]:
    """Seeds of `count` items that depend on the given one and their place alone, so that chance is the same wherever they run."""
    import numpy as np

    return [int(one.generate_state(1, np.uint64)[0]) for one in np.random.SeedSequence(seed).spawn(count)]
