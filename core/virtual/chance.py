"""Seeded chance. Each topic of the world draws from its own sequence, so that no topic disturbs another."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Chance(random.Random):
    """A pseudo-random sequence named by its parts: the same parts give the same draws on every machine."""

    def __init__(self, *parts: object) -> None:
        digest = hashlib.sha256("|".join(str(part) for part in parts).encode()).digest()
        super().__init__(int.from_bytes(digest[:16], "big"))

    def hit(self, probability: float) -> bool:
        return self.random() < probability

    def poisson(self, mean: float) -> int:
        """Knuth's product method for small means, a rounded normal from 60 on (error of the tail below 1 %)."""
        if mean <= 0:
            return 0
        if mean >= 60:
            return max(0, round(self.gauss(mean, math.sqrt(mean))))
        limit = math.exp(-mean)
        count, product = 0, self.random()
        while product > limit:
            count += 1
            product *= self.random()
        return count

    def pick(self, items: Sequence[T]) -> T:
        return items[int(self.random() * len(items))]

    def spread(self, mean: float, sigma: float) -> float:
        """Log-normal value with the given arithmetic mean and log standard deviation `sigma`."""
        return mean * math.exp(self.gauss(0.0, sigma) - sigma * sigma / 2)

    def token(self, prefix: str, size: int = 10) -> str:
        """A pseudonymous id."""
        return f"{prefix}{self.getrandbits(size * 4):0{size}x}"


def share(*parts: object) -> float:
    """A fixed number in [0, 1) for a name: the same at every call, whatever was drawn before."""
    digest = hashlib.sha256("|".join(str(part) for part in parts).encode()).digest()
    return int.from_bytes(digest[:7], "big") / float(1 << 56)
