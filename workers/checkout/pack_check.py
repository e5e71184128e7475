"""A packed order on a scale: what it should weigh, which piece too many or too few explains a difference, and cold packs for the ride.

Pieces' weights vary on their own, so variances add: the tolerance is some standard deviations of the whole order and one verification
interval of the scale. Grams.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from storeloom.workers.checkout.bagging import Expected, Learnt

ENOUGH = 5
TINY = 1e-9


class Piece(NamedTuple):
    """Pieces of one item: their number, and mean and standard deviation of one (weighed goods: their grams as one piece, sd 0)."""

    key: str
    qty: float
    mean_g: float
    sd_g: float


class Suspect(NamedTuple):
    """One piece of an item too many (`extra`) or too few explains a difference but for `off_g`."""

    key: str
    extra: bool
    off_g: float


def weight_of(known: Learnt | None, table_g: float | None, table_sd_g: float | None, default_sd: float) -> tuple[float, float] | None:
    """Mean and deviation of an item: learnt once five were weighed, else the table's; None for goods whose weight nobody knows."""
    if known and known["n"] >= ENOUGH:
        return known["mean"], math.sqrt(known["m2"] / (known["n"] - 1))
    mean = table_g if table_g else known["mean"] if known and known["n"] else None
    if mean is None:
        return None
    return mean, table_sd_g if table_sd_g is not None else default_sd * mean


def expected(pieces: Iterable[Piece], packaging_g: float, packaging_sd_g: float, sigma: float, scale_e_g: float) -> Expected:
    """What an order should weigh with its packaging, and how far off it may be."""
    mean, variance = packaging_g, packaging_sd_g**2
    for piece in pieces:
        mean += piece.qty * piece.mean_g
        variance += piece.qty * piece.sd_g**2
    return Expected(mean, sigma * math.sqrt(variance) + scale_e_g)


def suspects(pieces: Sequence[Piece], difference_g: float, tolerance_g: float) -> list[Suspect]:
    """Items whose one piece more or less brings a difference (weighed less expected) inside the tolerance, the nearest first."""
    found = []
    for piece in pieces:
        off = abs(difference_g) - piece.mean_g
        if piece.mean_g > 0 and abs(off) <= tolerance_g + TINY:
            found.append(Suspect(piece.key, difference_g > 0, abs(off)))
    return sorted(found, key=lambda one: (one.off_g, one.key))


def cold_packs(ride_min: float, outside_c: float | None, ice: Mapping[str, float]) -> int:
    """Cold packs for a ride: `per_min` a minute, times `factor` from `over_c` outside on; none under `reuse_min`."""
    if ride_min < ice["reuse_min"]:
        return 0
    warm = outside_c is not None and outside_c >= ice["over_c"]
    return math.ceil(ride_min * ice["per_min"] * (ice["factor"] if warm else 1) - TINY)
