"""The boards of a bay as the table `fixtures` gives them, from the floor up, with what clears and which is at eye level.

`height_mm` of a board is its height over the floor where all boards have one and they lie at least a hand apart (`APART_MM`); what stands
on a board then clears up to the next. Else it is the clear height itself. Without heights over the floor the bottom is the end farther
from the board marked as at eye level, or the highest number where nothing tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

APART_MM = 150
EYE_MM = 1450


@dataclass(frozen=True, slots=True)
class Board:
    """`clear_mm`: what may stand there, None for all. `from_eye`: boards between it and eye level, 0 for all where that is not known."""

    number: int
    width_mm: int
    clear_mm: float | None = None
    depth_mm: float | None = None
    from_eye: int = 0


def boards(shelves: Iterable[Mapping[str, Any]], widths: Mapping[int, int], used: float = 1.0) -> tuple[Board, ...]:
    """The boards from the floor up. `widths`: of boards whose row gives none; boards of no known width are left out.

    `used`: the share of the width that may be filled.
    """
    rows = sorted((row for row in shelves if row.get("width_mm") or widths.get(row["shelf"])), key=lambda row: row["shelf"])
    heights = [row.get("height_mm") for row in rows]
    over_floor = _over_floor(heights)
    eyes = [n for n, row in enumerate(rows) if row.get("eye")]
    if over_floor:
        rows = sorted(rows, key=lambda row: row["height_mm"])
    elif not eyes or sum(eyes) / len(eyes) <= (len(rows) - 1) / 2:
        rows.reverse()
    eyes = [n for n, row in enumerate(rows) if row.get("eye")]
    if over_floor and not eyes:
        eyes = [min(range(len(rows)), key=lambda n: abs(rows[n]["height_mm"] - EYE_MM))]
    return tuple(
        Board(
            row["shelf"],
            int((row.get("width_mm") or widths[row["shelf"]]) * used + 1e-9),
            _clear(rows, n, over_floor),
            row.get("depth_mm"),
            min((abs(n - eye) for eye in eyes), default=0),
        )
        for n, row in enumerate(rows)
    )


def _over_floor(heights: Sequence[float | None]) -> bool:
    known = sorted(height for height in heights if height is not None)
    return len(known) == len(heights) > 1 and all(after - before >= APART_MM for before, after in pairwise(known))


def _clear(rows: Sequence[Mapping[str, Any]], n: int, over_floor: bool) -> float | None:
    if not over_floor:
        height: float | None = rows[n].get("height_mm")
        return height
    return rows[n + 1]["height_mm"] - rows[n]["height_mm"] if n + 1 < len(rows) else None
