"""Which categories should change places: affinity near each other, margin in traffic, with few moves.

The worth of a layout is the sum over pairs of affinity / (1 + distance / scale), by which closeness at one scale's distance is worth half,
plus a weight x the sum of margin index x share of traffic of the slot. It is a quadratic assignment problem, improved from today's layout
by steepest pairwise exchange (Armour and Buffa 1963, "A heuristic algorithm and simulation approach to relative location of facilities",
CRAFT): a shop wants few good swaps, not the best layout that there could be. Exchanges are valued by their difference alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import hypot

TINY = 1e-9
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Slot:
    """A place on the floor (metres), its shelf length, its share of the traffic, and the category that stands there today."""

    id: str
    category: str
    x: float
    y: float
    length: float
    traffic: float

    def metres(self, other: Slot) -> float:
        return hypot(self.x - other.x, self.y - other.y)


@dataclass(frozen=True, slots=True)
class Swap:
    """Two categories change places: `one` goes from `here` to `there`, `other` back. `before`: the layout's worth ahead of the swap."""

    here: Slot
    there: Slot
    one: str
    other: str
    gain: float
    before: float

    @property
    def metres(self) -> float:
        """How far each of the two is carried."""
        return self.here.metres(self.there)


@dataclass(frozen=True, slots=True)
class Layout:
    """What a layout is judged by. `affinity`: by pair of categories in either order; `margin`: index by category."""

    slots: tuple[Slot, ...]
    affinity: Mapping[Pair, float]
    margin: Mapping[str, float]
    scale_m: float
    traffic_weight: float
    fixed: frozenset[str] = frozenset()
    apart: frozenset[Pair] = frozenset()
    apart_m: float = 0.0

    def worth(self, standing: Sequence[str]) -> float:
        """The worth of the layout in which the slots hold these categories."""
        near = sum(self._pull(standing[i], standing[j]) * self._near(i, j) for i, j in combinations(range(len(self.slots)), 2))
        traffic = sum(self.margin.get(name, 0.0) * slot.traffic for name, slot in zip(standing, self.slots, strict=True))
        return near + self.traffic_weight * traffic

    def swaps(self, most: int, min_gain_pct: float) -> list[Swap]:
        """The swaps from today's layout on, each the best at its turn, while the gain is worth it.

        Ties go to fewer metres, then to the lower ids of slots. Categories stay where they are fixed, go only where their shelf length
        fits, and `apart` pairs that they belong to end up at least `apart_m` apart.
        """
        standing, lengths = [slot.category for slot in self.slots], [slot.length for slot in self.slots]
        worth, found = self.worth(standing), list[Swap]()
        while len(found) < most:
            chosen = self._best(standing, lengths)
            if chosen is None or chosen[0] <= TINY or chosen[0] < min_gain_pct / 100 * worth - TINY:
                break
            gain, i, j = chosen
            found.append(Swap(self.slots[i], self.slots[j], standing[i], standing[j], gain, worth))
            standing[i], standing[j] = standing[j], standing[i]
            lengths[i], lengths[j] = lengths[j], lengths[i]
            worth += gain
        return found

    def _best(self, standing: Sequence[str], lengths: Sequence[float]) -> tuple[float, int, int] | None:
        """Gain and places of the best exchange; `lengths`: of the categories as they stand."""
        best: tuple[tuple[float, float, list[str]], int, int] | None = None
        for i, j in combinations(range(len(self.slots)), 2):
            if not self._may(i, j, standing, lengths):
                continue
            gain = self._gain(i, j, standing)
            rank = (-round(gain, 9), round(self.slots[i].metres(self.slots[j]), 6), sorted((self.slots[i].id, self.slots[j].id)))
            if best is None or rank < best[0]:
                best = rank, i, j
        return (self._gain(best[1], best[2], standing), best[1], best[2]) if best is not None else None

    def _may(self, i: int, j: int, standing: Sequence[str], lengths: Sequence[float]) -> bool:
        if standing[i] == standing[j] or standing[i] in self.fixed or standing[j] in self.fixed:
            return False
        if lengths[i] > self.slots[j].length + TINY or lengths[j] > self.slots[i].length + TINY:
            return False
        after = list(standing)
        after[i], after[j] = after[j], after[i]
        return all(
            self.slots[place].metres(self.slots[k]) >= self.apart_m - TINY
            for place in (i, j)
            for k in range(len(after))
            if k != place and self._kept_apart(after[place], after[k])
        )

    def _kept_apart(self, one: str, other: str) -> bool:
        return (one, other) in self.apart or (other, one) in self.apart

    def _gain(self, i: int, j: int, standing: Sequence[str]) -> float:
        """The difference that an exchange makes: what stands between the two keeps its distance."""
        one, other = standing[i], standing[j]
        near = sum(
            (self._pull(one, standing[k]) - self._pull(other, standing[k])) * (self._near(j, k) - self._near(i, k))
            for k in range(len(standing))
            if k not in (i, j)
        )
        margin = self.margin.get(one, 0.0) - self.margin.get(other, 0.0)
        return near + self.traffic_weight * margin * (self.slots[j].traffic - self.slots[i].traffic)

    def _pull(self, one: str, other: str) -> float:
        return self.affinity.get((one, other), self.affinity.get((other, one), 0.0))

    def _near(self, i: int, j: int) -> float:
        return 1 / (1 + self.slots[i].metres(self.slots[j]) / self.scale_m)


def slots(
    zones: Sequence[Mapping[str, object]], fixtures: Mapping[str, Sequence[Mapping[str, object]]], dwell: Mapping[str, float]
) -> tuple[Slot, ...]:
    """The slots in the order of their ids: zones with a category and, by zone, fixtures whose place is known. `dwell`: seconds by zone.

    A slot's place is the mean of its fixtures', its length the sum of their boards; without any dwell all have equal shares.
    """
    named = {str(zone["zone"]): str(zone["category"]) for zone in zones if zone.get("category") and fixtures.get(str(zone["zone"]))}
    total = sum(dwell.get(name, 0.0) for name in named)
    found = []
    for name in sorted(named):
        rows = fixtures[name]
        share = dwell.get(name, 0.0) / total if total > 0 else 1 / len(named)
        x, y = (sum(_number(row[axis]) for row in rows) / len(rows) for axis in ("x", "y"))
        found.append(Slot(name, named[name], x, y, sum(_boards(row) for row in rows), share))
    return tuple(found)


def _boards(row: Mapping[str, object]) -> float:
    boards = row.get("shelves")
    return sum(_number(board.get("width_mm") or 0) for board in boards) if isinstance(boards, list) else 0.0


def _number(value: object) -> float:
    if not isinstance(value, (int, float)):
        raise TypeError(f"a number is wanted, got {value!r}")
    return float(value)
