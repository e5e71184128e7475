"""Filling one order by what runs out first: cases pulled forward until a minimum value or a full load, cases put off where it is too full.

Joint replenishment with a can-order level (Balintfy, "On a basic class of multi-item inventory problems", 1964): when an order is made
anyway, items at or below that cover may come along. Cover is in days and counts what is ordered; a load is the share of what a vehicle
holds, by measure (volume, weight, pallets).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import inf

TINY = 1e-6
Load = tuple[float, ...]


@dataclass
class Item:
    """An item of the supplier: `cover` with what is ordered so far, `case_days` that a case lasts (`inf` where nothing sells or that is
    unknown), the value and load of a case, `units` ordered of it, in cases of `case`; `fixed` ones stay in the order."""

    gtin: str
    cover: float
    case_days: float
    value: float
    load: Load
    case: float
    units: float = 0
    fixed: bool = False


def fill(items: Iterable[Item]) -> float:
    """The share of a load that an order takes, by the measure that binds."""
    measures = zip(*(tuple(part * one.units / one.case for part in one.load) for one in items), strict=True)
    return max((sum(measure) for measure in measures), default=0.0)


def pull(items: list[Item], can_order: float, max_cover: float, enough: Callable[[], bool]) -> dict[str, int]:
    """Cases by gtin, added one at a time to the lowest cover (ties by gtin) until `enough`, within `max_cover` and, where the order fits
    one load, within it. Candidates are the items of known value with cover of `can_order` or less at the start. Changes `items`.
    """
    candidates = [one for one in items if one.cover <= can_order + TINY and one.case_days < inf and one.value > 0]
    pulled: dict[str, int] = {}
    while candidates and not enough():
        one = min(candidates, key=lambda item: (round(item.cover, 6), item.gtin))
        before = fill(items)
        one.units += one.case
        if one.cover + one.case_days > max_cover + TINY or (before <= 1 + TINY < fill(items)):
            one.units -= one.case
            candidates.remove(one)
            continue
        one.cover += one.case_days
        pulled[one.gtin] = pulled.get(one.gtin, 0) + 1
    return pulled


def put_off(items: list[Item]) -> dict[str, float]:
    """Units by gtin that move to the next order until the rest fits one load: a case at a time of the highest cover (ties by gtin), fixed
    items excepted. Changes `items`."""
    moved: dict[str, float] = {}
    while fill(items) > 1 + TINY:
        movable = [one for one in items if one.units > TINY and not one.fixed and any(part > 0 for part in one.load)]
        if not movable:
            break
        one = min(movable, key=lambda item: (-round(item.cover, 6), item.gtin))
        units = min(one.case, one.units)
        one.units -= units
        one.cover -= one.case_days * units / one.case if one.case_days < inf else 0
        moved[one.gtin] = moved.get(one.gtin, 0) + units
    return moved
