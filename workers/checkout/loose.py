"""Loose pieces on a tray, seen in one look: whether they lie still and apart, and which of them are recognised well enough to be sold.

A piece is a plain dict, so that it can be kept: its `box`, `candidates` [[gtin, score], ...] best first, and `gtin`, what it was
recognised as (None: it was not).
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from storeloom.workers.checkout.goods import NOT_GOODS
from storeloom.workers.checkout.tray import entangled
from storeloom.workers.vision.boxes import Box, area, intersection, iou, share_inside, suppress
from storeloom.workers.vision.things import Seen

HANDS = frozenset({"hand", "bare_hand", "person"})
NO_PIECES = NOT_GOODS | HANDS | {"fork", "knife", "spoon", "plate"}
LIES_ON = 0.5
SPREAD_IOU = 0.2
SAME_PLACE = 0.7
WHOLE = 0.98
EDGE = 0.002
EPSILON = 1e-9
Piece = dict[str, Any]


class OnTray(NamedTuple):
    """Pieces, the hands and people that reach over the tray, and the tray's box, None where no tray is seen."""

    pieces: tuple[Seen, ...]
    hands: tuple[Seen, ...]
    tray: Box | None


def on_tray(things: Iterable[Seen]) -> OnTray:
    """What lies on the largest tray of a picture, which is all there is where no tray is seen; a plate is a piece unless one lies on it."""
    seen = list(things)
    tray = max((thing.box for thing in seen if thing.cls == "tray"), key=area, default=None)
    near = [thing for thing in seen if tray is None or intersection(thing.box, tray) > 0]
    pieces = [thing for thing in near if thing.cls not in NO_PIECES]
    plates = [thing for thing in near if thing.cls == "plate"]
    bare = [plate for plate in plates if all(share_inside(piece.box, plate.box) < LIES_ON for piece in pieces)]
    pieces += bare
    hands = [thing for thing in near if thing.cls in HANDS and (tray is not None or any(_touch(thing, piece) for piece in pieces))]
    return OnTray(tuple(pieces), tuple(hands), tray)


def one_each(boxes: Sequence[Box], scores: Sequence[float], most_iou: float) -> list[int]:
    """Which boxes stay where those that overlap by more than this are one piece, whatever their classes: indices in their order."""
    if not boxes:
        return []
    return sorted(suppress(np.asarray(boxes, np.float64), np.asarray(scores, np.float64), np.zeros(len(boxes), np.int64), most_iou))


def lie_still(before: Iterable[Sequence[float]], after: Iterable[Sequence[float]]) -> bool:
    """Whether the same number of boxes lies at the same places (intersection over union 0.7 each)."""
    left, seen = list(before), list(after)
    if len(left) != len(seen):
        return False
    for box in seen:
        old = max(left, key=lambda other: iou(other, box))
        if iou(old, box) < SAME_PLACE:
            return False
        left.remove(old)
    return True


def must_be_spread(boxes: Sequence[Box], tray: Box | None) -> bool:
    """Whether pieces overlap (intersection over union from 0.2), or are cut by the edge of the tray or of the picture."""
    return entangled(boxes, SPREAD_IOU - EPSILON) or any(_cut(box, tray) for box in boxes)


def recognised(candidates: Sequence[tuple[str, float]], *, least: float, lead: float) -> str | None:
    """The best of candidates (best first) whose score reaches `least` and is at least `lead` above the second's; None where it is not."""
    if not candidates:
        return None
    gtin, score = candidates[0]
    second = candidates[1][1] if len(candidates) > 1 else 0.0
    return gtin if score >= least - EPSILON and score - second >= lead - EPSILON else None


def same_place(piece: Piece, seen: Sequence[Piece]) -> Piece:
    """The piece of a look that lies where another one was seen."""
    return max(seen, key=lambda other: iou(other["box"], piece["box"]))


def exchanged(before: Sequence[Piece], after: Sequence[Piece]) -> bool:
    """Whether one of the pieces that lie still was recognised before, and is another one now."""
    if len(before) != len(after):
        return False
    now = [(piece["gtin"], same_place(piece, after)["gtin"]) for piece in before]
    return any(old is not None and new is not None and old != new for old, new in now)


def alike(before: Sequence[Piece], after: Sequence[Piece]) -> bool:
    """Whether two looks show the same pieces: as many, at the same places, and the same likeliest item at each."""
    if not before or not lie_still([piece["box"] for piece in before], [piece["box"] for piece in after]):
        return False
    return all(_likeliest(piece) == _likeliest(same_place(piece, after)) for piece in before)


def _likeliest(piece: Piece) -> str | None:
    return piece["candidates"][0][0] if piece["candidates"] else None


def _touch(one: Seen, other: Seen) -> bool:
    return intersection(one.box, other.box) > 0


def _cut(box: Box, tray: Box | None) -> bool:
    x, y, width, height = box
    beyond = x <= EDGE or y <= EDGE or x + width >= 1 - EDGE or y + height >= 1 - EDGE
    return beyond or (tray is not None and share_inside(box, tray) < WHOLE)
