"""A bay as a robot passes it: which item each facing is, by its looks and by the labels near it, and where the front is free.

Lengths are centimetres. Along the front x counts from the left edge of the bay, or is a floor coordinate where both the things and the
labels have one (`level` None). Looks and labels are fused as independent evidence (a product of experts, Hinton 2002): the softmax of the
likenesses times a floor plus a weight that falls off with the distance to the nearest label of the candidate.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from storeloom.workers.vision.boxes import Box

Row = Mapping[str, Any]
TOP = 5
PACK_CM, BOARD_CM, RAIL_CM = 10.0, 40.0, 5.0
EDGE = 1e-9


@dataclass(frozen=True)
class Span:
    """The front of one planned slot: where it begins and ends along the bay, on which board, and in how many facings."""

    slot: str
    gtin: str
    level: int
    left: float
    right: float
    facings: int
    label: str | None

    @property
    def middle(self) -> float:
        return (self.left + self.right) / 2


@dataclass(frozen=True)
class Bay:
    """The planned slots of a fixture, and its size; `boards` are where each board's space begins from the top, and the bottom."""

    spans: tuple[Span, ...]
    width: float
    boards: tuple[float, ...]

    @property
    def height(self) -> float:
        return self.boards[-1]

    def level_of(self, y_share: float) -> int:
        """The board that holds a height given as a share of the picture from the top."""
        y = y_share * self.height
        return next((n for n, bottom in enumerate(self.boards[1:]) if y <= bottom + EDGE), len(self.boards) - 2)

    def boxes(self, span: Span) -> list[Box]:
        """Where its facings stand in a picture that the bay fills, in shares, without the rail that carries the labels."""
        top, bottom = self.boards[span.level], self.boards[span.level + 1] - RAIL_CM
        wide = (span.right - span.left) / span.facings
        lefts = [span.left + n * wide for n in range(span.facings)]
        return [(x / self.width, top / self.height, wide / self.width, (bottom - top) / self.height) for x in lefts]


def bay(rows: Iterable[Row], fixture: Row, products: Mapping[str, Row]) -> Bay:
    """The bay of a fixture from its planogram rows. Slots without a place follow one another, as wide as their packs; boards count from the
    top, by `height_mm` (from the floor) where that is known of them all, else in the order of their numbers."""
    rows = sorted(rows, key=lambda row: (str(row.get("shelf", 1)), row.get("x_mm", 0), str(row["slot"])))
    told = [one for one in fixture.get("shelves") or () if isinstance(one, Mapping)]
    heights = {str(one["shelf"]): float(one["height_mm"]) / 10 for one in told if one.get("height_mm") is not None and "shelf" in one}
    names = sorted({str(row.get("shelf", 1)) for row in rows}, key=lambda name: (len(name), name))
    if names and len({heights.get(name) for name in names}) == len(names) and all(name in heights for name in names):
        names.sort(key=lambda name: -heights[name])
        tops = [heights[names[0]] + BOARD_CM, *(heights[name] for name in names)]
        boards = [tops[0] - top for top in tops]
    else:
        boards = [BOARD_CM * n for n in range(max(len(names), 1) + 1)]
    spans: list[Span] = []
    ends = dict.fromkeys(names, 0.0)
    for row in rows:
        name, facings = str(row.get("shelf", 1)), max(1, int(row.get("facings", 1)))
        pack = float((products.get(row["gtin"]) or {}).get("width_mm") or 10 * PACK_CM) / 10
        left = float(row["x_mm"]) / 10 if row.get("x_mm") is not None else ends[name]
        wide = float(row["width_mm"]) / 10 if row.get("width_mm") else pack * facings
        ends[name] = left + wide
        spans.append(Span(str(row["slot"]), row["gtin"], names.index(name), left, left + wide, facings, row.get("label")))
    boards_cm = [float(one["width_mm"]) / 10 for one in told if one.get("width_mm")]
    return Bay(tuple(spans), max([*boards_cm, *ends.values()], default=PACK_CM), tuple(boards))


def fuse(
    likeness: Mapping[str, float], metres_off: Mapping[str, float], *, temperature: float, reach_cm: float, floor: float
) -> list[tuple[str, float]]:
    """Candidates with their probabilities, likeliest first, normalised over the five with the greatest.

    `likeness` is that of the picture by candidate, `metres_off` the way in cm to the nearest label of each that has one in sight.
    """
    if not likeness:
        return []
    best = max(likeness.values())
    odds = {item: math.exp((value - best) / temperature) for item, value in likeness.items()}
    total = sum(odds.values())
    near = {item: floor + (math.exp(-metres_off[item] / reach_cm) if item in metres_off else 0.0) for item in odds}
    scores = {item: odd / total * near[item] for item, odd in odds.items()}
    if not any(scores.values()):
        scores = {item: odd / total for item, odd in odds.items()}
    kept = sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))[:TOP]
    whole = sum(score for _, score in kept)
    return [(item, score / whole) for item, score in kept]


def widest_free(left: float, right: float, taken: Iterable[tuple[float, float]]) -> float:
    """The widest run of a front that nothing stands on."""
    widest, at = 0.0, left
    for begin, end in sorted(taken):
        widest = max(widest, min(begin, right) - at)
        at = max(at, end)
    return max(0.0, widest, right - at)


def hidden_share(left: float, right: float, covers: Sequence[tuple[float, float]]) -> float:
    """Share of a front behind what stands before it, overlaps counted once."""
    free, at = 0.0, left
    for begin, end in sorted(covers):
        free += max(0.0, min(begin, right) - at)
        at = max(at, end)
    free += max(0.0, right - at)
    return 1 - free / (right - left) if right > left else 0.0
