"""A tray of plated dishes or loose goods that lies before a camera: its things frame by frame, and the lines that they make.

A thing is a plain dict, so that it can be kept: its last `box`, `votes` of the last frames, `frames` seen, `colour`, `candidates`
[[gtin, score], ...] of the last frame, and `picked`, the item that a person chose.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any, Literal, NamedTuple

from storeloom.workers.checkout.votes import cast_vote, winner
from storeloom.workers.vision.boxes import Box, iou

SAME_PLACE = 0.5
Thing = dict[str, Any]


class Priced(NamedTuple):
    """What a thing is sold as (minor units), and how that was found: by `votes`, by plate `colour`, or by a person (`picked`)."""

    gtin: str
    price: int
    by: Literal["votes", "colour", "picked"]


def entangled(boxes: Iterable[Sequence[float]], most_iou: float) -> bool:
    """Whether two boxes overlap by more than this intersection over union, so that things must be spread."""
    return any(iou(one, other) > most_iou for one, other in combinations(boxes, 2))


def rejoined(known: Mapping[str, Sequence[float]], seen: Mapping[str, Box]) -> dict[str, str]:
    """The names under which things are known, for things seen in a new frame.

    That is their own, or that of a thing no longer seen at whose place they lie (intersection over union 0.5), since a tracker may lose
    and rename what lies still.
    """
    lost = {name: box for name, box in known.items() if name not in seen}
    names = {}
    for name, box in seen.items():
        old = max(lost, key=lambda other: iou(lost[other], box), default=None) if name not in known else None
        names[name] = name
        if old is not None and iou(lost[old], box) >= SAME_PLACE:
            names[name] = old
            del lost[old]
    return names


def new_thing() -> Thing:
    return {"box": None, "votes": [], "frames": 0, "colour": None, "candidates": [], "picked": None}


def see(thing: Thing, box: Box, candidates: Sequence[tuple[str, float]], *, sure: bool, least: float, frames: int) -> None:
    """Take in a frame: its best candidate has a vote where the frame is `sure` and its score reaches `least`; the last `frames` count."""
    best = candidates[0] if sure and candidates and candidates[0][1] >= least else None
    cast_vote(thing["votes"], best[0] if best else None, frames)
    thing |= {"box": list(box), "frames": thing["frames"] + 1, "candidates": [list(pair) for pair in candidates]}


def look_at(
    things: dict[str, Thing],
    boxes: Mapping[str, Box],
    looks: Iterable[tuple[Sequence[tuple[str, float]], bool, str | None]],
    **seen: Any,
) -> list[str]:
    """Take in a frame of several things: of each, its box by track, and its candidates, whether they are sure, and its colour.

    `things` are those known by name, and take in the new ones; the names of those that this frame shows. `seen` is `see`'s.
    """
    names = rejoined({name: thing["box"] for name, thing in things.items()}, boxes)
    for (track, box), (candidates, sure, colour) in zip(boxes.items(), looks, strict=True):
        thing = things.setdefault(names[track], new_thing())
        see(thing, box, candidates, sure=sure, **seen)
        thing["colour"] = colour
    return list(names.values())


def priced(
    thing: Thing, prices: Mapping[str, int], colour_price: int | None, *, agree: int, frames: int, by_colour: bool = False
) -> Priced | Literal["reading", "unknown"]:
    """What a thing is sold as. `prices` are those of the items that it may be, `colour_price` that of its plate, if it has one.

    What a person picked goes first. Votes decide as soon as `agree` are one's; after `frames` frames without that, the colour. With
    `by_colour` the colour alone decides. `reading`: frames are missing; `unknown`: a person must pick.
    """
    if thing["picked"] in prices:
        return Priced(thing["picked"], prices[thing["picked"]], "picked")
    won = None if by_colour else winner(thing["votes"], agree)
    if won is not None and won in prices:
        return Priced(won, prices[won], "votes")
    if not by_colour and thing["frames"] < frames:
        return "reading"
    return Priced(f"plate-{thing['colour']}", colour_price, "colour") if colour_price is not None else "unknown"


def receipt_lines(pieces: Iterable[tuple[str, int]]) -> list[dict[str, Any]]:
    """Pieces (item and price in minor units) as `pos.sale` writes them: one line for all that are the same, in the order of the first."""
    counts: dict[tuple[str, int], int] = {}
    for piece in pieces:
        counts[piece] = counts.get(piece, 0) + 1
    return [
        {"line": number, "gtin": gtin, "qty": qty, "price": price, "amount": price * qty, "entry": "vision"}
        for number, ((gtin, price), qty) in enumerate(counts.items(), 1)
    ]
