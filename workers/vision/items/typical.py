"""How like its class a picture is, beside how like it its enrolled pictures are: whether this is a good specimen, not only which item."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storeloom.workers.vision.items.whitening import Vectors

FEWEST = 3


@dataclass(frozen=True)
class Typical:
    """Cosine `likeness` to the class centre; `mean` and `sd` of that of the `samples` enrolled, each to the centre of the others."""

    likeness: float
    samples: int
    mean: float
    sd: float


def typical(enrolled: NDArray[np.floating[Any]], vector: Vectors) -> Typical | None:
    """A vector (d) beside the enrolled ones (n x d) of its class; None for fewer than three.

    Likenesses are leave-one-out, so that a class of few pictures is not taken for a narrow one; sd is the sample's (n - 1).
    """
    if len(enrolled) < FEWEST:
        return None
    known = _units(np.atleast_2d(np.asarray(enrolled, np.float64)))
    total = known.sum(axis=0)
    own = (known * _units(total - known)).sum(axis=1)
    likeness = float(_units(np.asarray(vector, np.float64)) @ _units(total))
    return Typical(likeness, len(known), float(own.mean()), float(own.std(ddof=1)))


def _units(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    made: NDArray[np.float64] = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
    return made
