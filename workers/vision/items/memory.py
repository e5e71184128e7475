"""What is kept of each class: a bounded number of vectors, so that a shop's catalogue grows with its items and not with its sales.

Enrolled pictures and corrections are kept apart. A correction can be a slip of the finger, so one that does not look like its class
waits until another one like it comes, and all corrections together weigh no more than the enrolled pictures.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from storeloom.workers.vision.items.results import Taught
from storeloom.workers.vision.items.whitening import Vectors

Halves = NDArray[np.float16]
SAME_PICTURE = 0.98


@dataclass(frozen=True)
class Limits:
    """Most vectors kept of a class, by kind; `agreeing` pictures that are alike make an unlikely correction count, `first` a new class."""

    enrolled: int = 40
    corrected: int = 10
    pending: int = 5
    agreeing: int = 2
    first: int = 3

    def __post_init__(self) -> None:
        if min(self.enrolled, self.corrected, self.agreeing, self.first) < 1 or self.pending < max(self.agreeing, self.first):
            raise ValueError("limits must be 1 or more, and pending must hold as many as must agree")


def none(size: int) -> Halves:
    return np.zeros((0, size), np.float16)


@dataclass(frozen=True)
class ItemClass:
    """The vectors of one item (n x d each, float16), oldest first. A class without enrolled vectors takes no part in recognition yet."""

    gtin: str
    enrolled: Halves
    corrected: Halves
    pending: Halves = field(repr=False)

    @property
    def vectors(self) -> Halves:
        """All that recognition is made from."""
        return np.concatenate([self.enrolled, self.corrected])

    @property
    def weights(self) -> NDArray[np.float64]:
        """What each of `vectors` weighs: 1 if enrolled; corrected ones together no more than these."""
        each = min(1.0, len(self.enrolled) / max(len(self.corrected), 1))
        return np.concatenate([np.ones(len(self.enrolled)), np.full(len(self.corrected), each)])


def enrolled(known: ItemClass, vectors: Vectors, limits: Limits) -> ItemClass:
    """The class with more enrolled vectors; over the limit, those are kept whose mean is nearest to the mean of all."""
    every = np.concatenate([known.enrolled, vectors.astype(np.float16)])
    return replace(known, enrolled=herd(every, limits.enrolled))


def herd(vectors: Halves, most: int) -> Halves:
    """At most `most` of the vectors, in their order, chosen one by one so that their mean stays near the mean of all (Welling 2009)."""
    if len(vectors) <= most:
        return vectors
    full = vectors.astype(np.float32)
    mean, total = full.mean(axis=0), np.zeros(full.shape[1], np.float32)
    left = np.ones(len(full), bool)
    for count in range(1, most + 1):
        away = np.linalg.norm(mean - (total + full) / count, axis=1)
        chosen = int(np.where(left, away, np.inf).argmin())
        left[chosen] = False
        total += full[chosen]
    return vectors[~left]


@dataclass(frozen=True)
class Likeness:
    """How like a corrected picture is in the catalogue's space: to its class, its pending pictures (n), the best of the other classes."""

    own: float | None
    pending: Vectors
    others: float


def corrected(known: ItemClass, vector: Vectors, like: Likeness, least: float, limits: Limits) -> tuple[ItemClass, Taught]:
    """The class after a correction, and what came of it.

    A picture at least as like its class as `least` is learnt. Any other waits; pending pictures agree with it when they are more like it
    than any other class is: an enrolled item that is picked wrongly again and again is most like its own class and stays out. The same
    picture once more (likeness 0.98) tells nothing new.
    """
    half = vector.astype(np.float16)[None]
    if like.own is not None and like.own >= least:
        return _learnt(known, half, limits), "learnt"
    if (like.pending >= SAME_PICTURE).any():
        return known, "pending"
    agreeing = np.asarray(like.pending > like.others, bool)
    needed = limits.agreeing if like.own is not None else limits.first
    if int(agreeing.sum()) + 1 < needed:
        return replace(known, pending=np.concatenate([known.pending, half])[-limits.pending :]), "pending"
    together = np.concatenate([known.pending[agreeing], half])
    rest = replace(known, pending=known.pending[~agreeing])
    if like.own is None:
        return replace(rest, enrolled=together), "enrolled"
    return _learnt(rest, together, limits), "learnt"


def _learnt(known: ItemClass, halves: Halves, limits: Limits) -> ItemClass:
    return replace(known, corrected=np.concatenate([known.corrected, halves])[-limits.corrected :])
