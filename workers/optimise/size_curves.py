"""Size curves: what share of a style each size sells, and whole pieces by size from it, for the buy, for stores and in pre-packs.

Sales are corrected for the time in which a size was there and shrunk towards the chain's curve by a prior that weighs as many units
(Caro and Gallien, "Clearance pricing optimization for a fast-fashion retailer", 2012, and Smith and Agrawal, "Size profiling", 2017, for
the problem; the shrinkage is the mean of a Dirichlet). Whole numbers by the largest remainder (Hamilton).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

LETTERS = ("XXS", "XS", "S", "M", "L", "XL", "XXL", "2XL", "XXXL", "3XL", "4XL", "5XL")
LEAST_WEEKS, MOST_CORRECTION = 0.5, 4.0
PREFER_EXACT = 1e-4
Pieces = dict[str, int]
Curve = dict[str, float]


def in_order(sizes: Collection[str]) -> list[str]:
    """Sizes from small to large: letters as the trade orders them, then numbers by value, then other texts."""

    def rank(size: str) -> tuple[int, float, str]:
        if size.upper() in LETTERS:
            return 0, LETTERS.index(size.upper()), size
        return (1, float(size), size) if size.replace(".", "", 1).isdigit() else (2, 0.0, size)

    return sorted(sizes, key=rank)


def middle_first(sizes: Collection[str]) -> list[str]:
    """Sizes by their distance from the middle, of two alike the smaller."""
    ordered = in_order(sizes)
    centre = (len(ordered) - 1) / 2
    return sorted(ordered, key=lambda size: (abs(ordered.index(size) - centre), ordered.index(size)))


def corrected(units: float, weeks: float, weeks_there: float) -> float:
    """Units as if the size had been there all weeks of the window."""
    if units <= 0 or weeks <= 0:
        return max(0.0, units)
    return units * min(MOST_CORRECTION, max(1.0, weeks / max(LEAST_WEEKS, weeks_there)))


def curve(units: Mapping[str, float], chain: Mapping[str, float], strength: float) -> Curve:
    """A store's curve over the sizes of `chain` (shares that add up to 1), whose curve weighs `strength` units."""
    total = sum(units.get(size, 0.0) for size in chain)
    if total + strength <= 0:
        return dict(chain)
    return {size: (units.get(size, 0.0) + strength * share) / (total + strength) for size, share in chain.items()}


def whole(shares: Mapping[str, float], total: int, first: Sequence[str]) -> Pieces:
    """`total` pieces by shares (which need not add up to 1), the rest to the largest remainders, of equal ones in the order `first`."""
    weight = sum(shares.values())
    if weight <= 0 or total <= 0:
        return dict.fromkeys(shares, 0)
    exact = {name: total * share / weight for name, share in shares.items()}
    found = {name: math.floor(value + 1e-9) for name, value in exact.items()}
    ranked = sorted(shares, key=lambda name: (-round(exact[name] - found[name], 9), first.index(name)))
    for name in ranked[: total - sum(found.values())]:
        found[name] += 1
    return found


def store_pieces(shares: Mapping[str, float], total: int, core: Collection[str], least: int) -> Pieces | None:
    """A store's pieces by size with `least` of every core size that the style has; None where it cannot have them."""
    needed = [size for size in core if size in shares]
    if total < least * len(needed):
        return None
    found = whole(shares, total, middle_first(shares))
    for size in needed:
        while found[size] < least:
            spare = {one: found[one] - (least if one in needed else 0) for one in found}
            giving = max(middle_first(shares), key=lambda one: spare[one])
            found[giving] -= 1
            found[size] += 1
    return found


def allocate(
    total: int, stores: Mapping[str, float], curves: Mapping[str, Curve], core: Collection[str], least: int, bought: Mapping[str, int]
) -> dict[str, Pieces]:
    """A first allocation by store and size, no more of a size than `bought`. A store that cannot have its core sizes gets none, and its
    share goes to the others, the smallest such store first."""
    sharing = dict(stores)
    while sharing:
        pieces = whole(sharing, total, sorted(sharing))
        found = {store: store_pieces(curves[store], pieces[store], core, least) for store in sorted(sharing)}
        poor = [store for store, sizes in found.items() if not sizes or pieces[store] <= 0]
        if not poor:
            return _within({store: sizes for store, sizes in found.items() if sizes}, bought)
        del sharing[min(poor, key=lambda store: (pieces[store], sharing[store], store))]
    return {}


def _within(found: dict[str, Pieces], bought: Mapping[str, int]) -> dict[str, Pieces]:
    """Exchange pieces of sizes that were given out more often than bought for sizes of which some are left, in the stores that got most."""
    left = {size: count - sum(pieces.get(size, 0) for pieces in found.values()) for size, count in bought.items()}
    for size in in_order([one for one in left if left[one] < 0]):
        while left[size] < 0:
            store = max(sorted(found), key=lambda one: found[one][size])
            other = max(in_order(left), key=lambda one: left[one])
            found[store][size] -= 1
            left[size] += 1
            if left[other] > 0:
                found[store][other] += 1
                left[other] -= 1
    return found


def pack(wanted: Mapping[str, int], packs: Mapping[str, Mapping[str, int]], penalty: float) -> tuple[dict[str, int], Pieces]:
    """Numbers of packs and loose pieces by size that cost least: `penalty` a piece over or under what is wanted, 1 a loose piece; of equal
    ones the closer to what is wanted."""
    import numpy as np
    from scipy.optimize import Bounds, LinearConstraint, milp

    names, sizes = sorted(packs), in_order({*wanted, *(size for pieces in packs.values() for size in pieces)})
    count, width = len(names), len(sizes)
    columns = count + 3 * width  # packs, loose, over, under
    matrix = np.zeros((width, columns))
    for row, size in enumerate(sizes):
        for column, name in enumerate(names):
            matrix[row, column] = packs[name].get(size, 0)
        matrix[row, [count + row, count + width + row, count + 2 * width + row]] = 1, -1, 1
    target = np.array([wanted.get(size, 0) for size in sizes], dtype=float)
    cost = np.concatenate([np.zeros(count), np.ones(width), np.full(2 * width, penalty + PREFER_EXACT)])
    kinds = np.concatenate([np.ones(count + width), np.zeros(2 * width)])
    found = milp(cost, constraints=LinearConstraint(matrix, target, target), bounds=Bounds(0, np.inf), integrality=kinds)
    chosen = {name: round(found.x[n]) for n, name in enumerate(names)}
    loose = {size: round(found.x[count + n]) for n, size in enumerate(sizes)}
    return {name: n for name, n in chosen.items() if n}, {size: n for size, n in loose.items() if n}
