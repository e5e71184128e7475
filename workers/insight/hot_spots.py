"""Hot and cold spots of a floor: the local statistic Gi* of Getis and Ord (Geographical Analysis 27, 1995) on cells of a grid.

Weights are 1 for a cell itself and its up to eight neighbours of the same map (queen contiguity); mean and population standard deviation
are those of all cells of all maps, so that one map can be hot as a whole.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
EVEN = 1e-9


@dataclass(frozen=True)
class CellMap:
    """A rectangle of cells, row by row, of which only `inside` belong to the map."""

    cols: int
    rows: int
    values: Sequence[float]
    inside: Collection[int]


@dataclass(frozen=True)
class Spots:
    """Gi* by map and cell, 0 for cells that belong to no map and for all where the deviation is 0."""

    mean: float
    deviation: float
    z: tuple[tuple[float, ...], ...]


def gi_star(maps: Sequence[CellMap]) -> Spots:
    """The z scores of maps without a value outside their cells."""
    grids = [_grid(one) for one in maps]
    cells = np.concatenate([values[inside] for values, inside in grids]) if grids else np.zeros(0)
    if not cells.size:
        return Spots(0.0, 0.0, tuple(() for _ in maps))
    mean, deviation = float(cells.mean()), float(cells.std())
    if deviation <= EVEN * abs(mean):
        return Spots(mean, 0.0, tuple(tuple(0.0 for _ in one.values) for one in maps))
    return Spots(mean, deviation, tuple(_scores(values, inside, mean, deviation, cells.size) for values, inside in grids))


def _grid(one: CellMap) -> tuple[Floats, NDArray[np.bool_]]:
    inside = np.zeros(one.cols * one.rows, np.bool_)
    inside[sorted(one.inside)] = True
    shape = one.rows, one.cols
    return np.asarray(one.values, np.float64).reshape(shape) * inside.reshape(shape), inside.reshape(shape)


def _scores(values: Floats, inside: NDArray[np.bool_], mean: float, deviation: float, count: int) -> tuple[float, ...]:
    sums, weights = _around(values), _around(inside.astype(np.float64))
    spread = deviation * np.sqrt((count * weights - weights**2) / (count - 1))
    known = inside & (spread > 0)
    return tuple(float(z) for z in np.where(known, (sums - mean * weights) / np.where(known, spread, 1.0), 0.0).ravel())


def _around(values: Floats) -> Floats:
    """The sum over each cell and its neighbours."""
    rows, cols = values.shape
    wide = np.pad(values, 1)
    return np.asarray(sum(wide[down : down + rows, right : right + cols] for down in range(3) for right in range(3)), np.float64)
