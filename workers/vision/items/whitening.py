"""The space in which classes are compared: directions in which pictures of one class vary count little, the others much.

Vectors are centred and multiplied by the inverse root of the covariance within classes, as in linear discriminant analysis (Fisher 1936;
incrementally, over a network's frozen features: Hayes and Kanan 2020, arXiv:1909.01520), and brought to length 1. A class is the mean of
its vectors; likeness is the cosine with it. With few pictures the covariance is known badly, so it is mixed with that of a background: a
collection of goods that ships with the engine (`background.npz`), as if the shop had seen 300 pictures like those.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular

Vectors = NDArray[np.float32]
Matrix = NDArray[np.float32]
FILE = Path(__file__).parent / "background.npz"
PRIOR_PICTURES = 300
PRIOR_CLASSES = 20
SHRINKAGE = 0.2


@dataclass(frozen=True)
class Background:
    """How pictures of goods vary: `centre` (d), the mean over classes, and the covariance within classes (d x d)."""

    centre: Vectors
    covariance: Matrix


@dataclass(frozen=True)
class Scatter:
    """What a covariance within classes is made from: the sum of outer products of deviations from the classes' means.

    `centre` (d) is the mean of those means, `classes` their number.
    """

    total: Matrix
    centre: Vectors
    classes: int


class Whitening:
    """The map into the space: `centre` (d) and the lower Cholesky factor of the covariance within classes (d x d)."""

    def __init__(self, centre: Vectors, factor: Matrix) -> None:
        self.centre = centre
        self._factor = factor

    def __call__(self, vectors: NDArray[Any]) -> Vectors:
        """Vectors (n x d) in the space, each of length 1; one that lies on the centre is all zeros."""
        shifted = (np.asarray(vectors, np.float32) - self.centre).T
        moved = solve_triangular(self._factor, shifted, lower=True, check_finite=False).T
        lengths = np.linalg.norm(moved, axis=1, keepdims=True)
        placed: Vectors = np.divide(moved, lengths, out=np.zeros_like(moved), where=lengths > 0)
        return placed


def scatter(groups: Sequence[NDArray[Any]]) -> Scatter:
    """The scatter within the classes whose vectors (n x d each, n > 0) are given."""
    means = [np.asarray(group, np.float32).mean(axis=0) for group in groups]
    deviations = np.concatenate([np.asarray(group, np.float32) - mean for group, mean in zip(groups, means, strict=True)])
    return Scatter(deviations.T @ deviations, np.mean(means, axis=0), len(groups))


def whitening(seen: Scatter, background: Background | None) -> Whitening:
    """The space of the classes seen, mixed with the background; without either it is that of the plain cosine about the centre."""
    size = len(seen.centre)
    total = seen.total.astype(np.float32)
    centre, classes = seen.centre * seen.classes, float(seen.classes)
    if background is not None:
        total = total + np.float32(PRIOR_PICTURES) * background.covariance
        centre, classes = centre + np.float32(PRIOR_CLASSES) * background.centre, classes + PRIOR_CLASSES
    mean_variance = float(np.trace(total)) / size
    if mean_variance == 0:
        return Whitening((centre / np.float32(classes)).astype(np.float32), np.eye(size, dtype=np.float32))
    covariance = total * np.float32((1 - SHRINKAGE) / mean_variance)
    covariance[np.diag_indices(size)] += np.float32(SHRINKAGE)
    factor = cholesky(covariance, lower=True, overwrite_a=True, check_finite=False)
    return Whitening((centre / np.float32(classes)).astype(np.float32), factor)


def background_of(parts: Sequence[tuple[str, int]], arrays: Mapping[str, NDArray[Any]]) -> Background | None:
    """The background of vectors made of these networks' (name, elements), None where one of them is not in it.

    `arrays` holds for each network `NAME.centre` (d), `NAME.directions` (d x r, the chief ones, scaled) and `NAME.rest` (1, the variance
    of each element beside them), all for the network's own vectors of length 1.
    """
    if any(f"{name}.centre" not in arrays or len(arrays[f"{name}.centre"]) != size for name, size in parts):
        return None
    share = np.float32(1 / np.sqrt(len(parts)))
    centre = np.concatenate([arrays[f"{name}.centre"] for name, _ in parts]).astype(np.float32) * share
    directions = np.concatenate([arrays[f"{name}.directions"] for name, _ in parts]).astype(np.float32) * share
    rest = np.concatenate([np.full(size, arrays[f"{name}.rest"][0], np.float32) for name, size in parts]) * share**2
    covariance = directions @ directions.T
    covariance[np.diag_indices(len(centre))] += rest
    return Background(centre, covariance)


@lru_cache(maxsize=1)
def shipped_background() -> Mapping[str, NDArray[Any]]:
    """The arrays of the background that ships with the engine."""
    with np.load(io.BytesIO(FILE.read_bytes()), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}
