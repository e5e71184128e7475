"""Resetting a bay to a new planogram: what is taken out, moved and filled, and how bays make up tasks.

Items that keep their order stay where they are: on each board the common items that need not move are a longest increasing subsequence of
their old positions (Schensted 1961; by dynamic programming), of equally long ones that with most facings. What changes its board is moved.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Slot:
    """Where an item stands, or shall."""

    shelf: int
    slot: str
    item: str
    facings: int


@dataclass(frozen=True, slots=True)
class Step:
    """`kind`: remove, move or add; `labelled`: the shelf label moves or is new. `start` and `end` are slots."""

    kind: str
    item: str
    facings: int
    start: str | None = None
    end: str | None = None
    labelled: bool = False


@dataclass(frozen=True, slots=True)
class Reset:
    """Steps in the order in which they are done. `shifted`: facings of common items that stand at another place of their board's order."""

    steps: tuple[Step, ...]
    shifted: int

    @property
    def moved(self) -> int:
        return sum(step.facings for step in self.steps if step.kind == "move")

    @property
    def labels(self) -> list[Step]:
        return [step for step in self.steps if step.labelled]

    def counts(self) -> dict[str, int]:
        """Facings to remove, to move and to add, and labels to set."""
        kinds = {kind: sum(step.facings for step in self.steps if step.kind == kind) for kind in ("remove", "move", "add")}
        return {**kinds, "labels": len(self.labels)}

    def items(self, written: Callable[[str], str]) -> list[dict[str, Any]]:
        """The steps as the items of a task."""
        rows = [
            {"gtin": written(step.item), "qty": step.facings, "from": step.start, "to": step.end, "note": step.kind} for step in self.steps
        ]
        return [{key: value for key, value in row.items() if value is not None} for row in rows]

    def minutes(self, times: Mapping[str, float], label_min: float) -> float:
        """Minutes by standard times of one facing, by kind of step, and of one label."""
        return sum(times[step.kind] * step.facings for step in self.steps) + label_min * len(self.labels)


def in_order(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Rows of a bay by board and from left to right: by `x_mm` where all of a board have it, else by the slot's name."""
    shelves: dict[int, list[Mapping[str, Any]]] = {}
    for row in rows:
        shelves.setdefault(row.get("shelf", 1), []).append(row)
    found: list[Mapping[str, Any]] = []
    for number in sorted(shelves):
        placed = all(row.get("x_mm") is not None for row in shelves[number])
        found += sorted(shelves[number], key=lambda row: row["x_mm"]) if placed else sorted(shelves[number], key=_by_name)
    return found


def _by_name(row: Mapping[str, Any]) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", str(row["slot"])) if part]


def slots(rows: Iterable[Sequence[Any]]) -> list[Slot]:
    """Slots from (shelf, slot, item, facings); a name that several boards of the bay have is told with its board, `2/7`."""
    found = [Slot(*row) for row in rows]
    boards: dict[str, set[int]] = {}
    for one in found:
        boards.setdefault(one.slot, set()).add(one.shelf)
    return [replace(one, slot=f"{one.shelf}/{one.slot}") if len(boards[one.slot]) > 1 else one for one in found]


def compare(old: Sequence[Slot], new: Sequence[Slot]) -> Reset:
    """The steps from one order to another, both by board and from left to right."""
    pairs = _pairs(old, new)
    stays = _staying(old, new, pairs)
    paired = {was: now for now, was in pairs.items()}
    removes = [
        Step("remove", one.item, one.facings - kept, one.slot)
        for was, one in enumerate(old)
        if (kept := min(one.facings, new[paired[was]].facings) if was in paired else 0) < one.facings
    ]
    moves = [
        Step("move", new[now].item, min(new[now].facings, old[was].facings), old[was].slot, new[now].slot, True)
        for now, was in sorted(pairs.items())
        if now not in stays
    ]
    adds = [
        Step("add", one.item, one.facings - had, None, one.slot, now not in pairs)
        for now, one in enumerate(new)
        if (had := min(one.facings, old[pairs[now]].facings) if now in pairs else 0) < one.facings
    ]
    return Reset((*removes, *moves, *adds), _shifted(old, new, pairs))


def _pairs(old: Sequence[Slot], new: Sequence[Slot]) -> dict[int, int]:
    """New place to old place of the common items; of an item that stands several times, those on the same board first."""
    pairs: dict[int, int] = {}
    for same_board in (True, False):
        for now, one in enumerate(new):
            taken = set(pairs.values())
            if now not in pairs:
                fits = (
                    n for n, had in enumerate(old) if had.item == one.item and n not in taken and (had.shelf == one.shelf or not same_board)
                )
                was = next(fits, None)
                if was is not None:
                    pairs[now] = was
    return pairs


def _staying(old: Sequence[Slot], new: Sequence[Slot], pairs: Mapping[int, int]) -> set[int]:
    """New places of the items that need not move."""
    same = [now for now in sorted(pairs) if old[pairs[now]].shelf == new[now].shelf]
    best: dict[int, tuple[int, int, list[int]]] = {}
    for now in same:
        before = [best[other] for other in best if pairs[other] < pairs[now]]
        count, kept, chain = max(before, key=lambda one: one[:2], default=(0, 0, []))
        best[now] = count + 1, kept + min(old[pairs[now]].facings, new[now].facings), [*chain, now]
    return set(max(best.values(), key=lambda one: one[:2], default=(0, 0, []))[2])


def _shifted(old: Sequence[Slot], new: Sequence[Slot], pairs: Mapping[int, int]) -> int:
    """Facings of the common items whose place, counted along their board, is another one."""
    was, now = _places(old), _places(new)
    return sum(min(old[before].facings, new[after].facings) for after, before in pairs.items() if was[before] != now[after])


def _places(slots: Sequence[Slot]) -> list[tuple[int, int]]:
    counts: dict[int, int] = {}
    found = []
    for one in slots:
        counts[one.shelf] = counts.get(one.shelf, 0) + 1
        found.append((one.shelf, counts[one.shelf]))
    return found


def tasks(minutes: Sequence[float], most: float) -> list[list[int]]:
    """Numbers of bays in their order, cut into tasks of at most so many minutes; a longer bay is one of its own."""
    found: list[list[int]] = []
    used = 0.0
    for number, one in enumerate(minutes):
        if found and used + one <= most + TINY:
            found[-1].append(number)
            used += one
        else:
            found.append([number])
            used = one
    return found
