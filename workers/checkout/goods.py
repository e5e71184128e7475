"""Goods before a counter's camera: what a picture says lies there, what a choice against it is worth, and when an item is known.

A look is a plain dict, so that it can be kept: `camera`, `seq` and `box` (the largest, by which `VisionWorker.teach` finds it again),
`candidates` [[gtin, score], ...] best first, `sure` whether any is recognised, `mixed` whether there are several kinds. An item's record
is one too: `share` of its proposals that were accepted, `samples` kept, and photos still counted for a `new` item or one that is learnt
`anew` (None: neither).
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from fractions import Fraction
from typing import Any, Literal

from storeloom.workers.checkout.votes import best_of
from storeloom.workers.vision.boxes import Box, area, centre
from storeloom.workers.vision.things import Seen
from storeloom.workers.vision.view import View
from storeloom.workers.vision.zones import contains

WHOLE: Box = (0.0, 0.0, 1.0, 1.0)
NOT_GOODS = frozenset({"person", "hand", "scale", "tray", "plate", "dining table", "chair", "cell phone", "handbag", "backpack"})
MOST_HEAPS = 4
MOST_CANDIDATES = 12
Look = dict[str, Any]
Item = dict[str, Any]


def look_at(
    view: View,
    shop: str,
    *,
    kind_score: float,
    whole: bool,
    written: Callable[[str], str],
    ignored: Collection[str] = NOT_GOODS,
    pan: Sequence[Sequence[float]] | None = None,
) -> Look | None:
    """What lies before the camera, by the items of a shop; None while nothing does.

    In a picture, what the detector takes for one class is one heap, so that a bag of thirty apples is looked at once; one in which it knows
    no shape is taken whole where `whole` says that something lies there. Boxes recognised with `kind_score` or more make the kinds.
    `written` spells a GTIN as the store does. `pan` is the part of the picture that counts (a polygon), all of it by default.
    """
    things = [thing for thing in on_pan(view.observation.objects, pan) if thing.cls not in ignored]
    boxes: list[Box] = [thing.box for thing in things] if view.pixels is None else heaps(things)
    if not boxes and whole and view.pixels is not None:
        boxes = [around_points(pan) if pan else WHOLE]
    if not boxes:
        return None
    rankings = view.items(boxes, shop, MOST_CANDIDATES)
    kinds = {written(one.gtin) for one in rankings if one.gtin is not None and one.score >= kind_score}
    largest: Box = max(boxes, key=area)
    ranked = best_of([(written(gtin), score) for gtin, score in one.candidates] for one in rankings)
    return {
        "camera": view.camera,
        "seq": view.seq,
        "box": list(largest),
        "candidates": [list(pair) for pair in ranked],
        "sure": any(not one.unknown for one in rankings),
        "mixed": len(kinds) > 1,
    }


def on_pan(things: Iterable[Seen], pan: Sequence[Sequence[float]] | None) -> list[Seen]:
    """The things whose centre lies in a polygon of the picture; all of them where there is none."""
    return [thing for thing in things if not pan or contains(pan, centre(thing.box))]


def around_points(points: Sequence[Sequence[float]]) -> Box:
    """The box around the corners of a polygon, within the picture."""
    return around([(point[0], point[1], 0.0, 0.0) for point in points])


def heaps(things: Sequence[Seen]) -> list[Box]:
    """A box around all things of a class, for each of the four classes with the highest scores; parts beyond the picture are cut off."""
    by_class: dict[str, list[Seen]] = {}
    for thing in sorted(things, key=lambda thing: -thing.score):
        by_class.setdefault(thing.cls, []).append(thing)
    return [around([thing.box for thing in alike]) for alike in list(by_class.values())[:MOST_HEAPS]]


def around(boxes: Sequence[Box]) -> Box:
    """The box around boxes, within the picture."""
    left, top = max(0.0, min(box[0] for box in boxes)), max(0.0, min(box[1] for box in boxes))
    right, bottom = min(1.0, max(box[0] + box[2] for box in boxes)), min(1.0, max(box[1] + box[3] for box in boxes))
    return left, top, right - left, bottom - top


def is_cheap(chosen: int, recognised: int, ratio: float) -> bool:
    """Whether the chosen price, times a ratio, is no more than that of what was recognised (both per kg)."""
    return chosen * Fraction(str(ratio)) <= recognised


def new_item(*, known: bool) -> Item:
    """The record of an item that a shop recognises already, or has yet to learn."""
    return {"share": 1.0, "samples": 0, "new": None if known else 0, "anew": None}


def add_sample(item: Item, kind: Literal["choice", "photo"], *, most: int, photos: int) -> bool:
    """Count a sample that was kept of an item, `most` at a time; whether it now is live, after so many `photos`.

    Choices count for a new item, photos for one that is learnt anew too.
    """
    item["samples"] = min(item["samples"] + 1, most)
    counted = [count for count in ("new", "anew") if item[count] is not None and (count == "new" or kind == "photo")]
    for count in counted:
        item[count] += 1
    done = [count for count in counted if item[count] >= photos]
    for count in done:
        item[count] = None
    return bool(done)


def judge(item: Item, accepted: bool, *, weight: float, floor: float) -> bool:
    """Take into an item's share (exponentially weighted mean) whether it was accepted; whether it fell under the floor.

    The share then begins again at 1, and the item is learnt anew.
    """
    item["share"] += weight * (int(accepted) - item["share"])
    if item["share"] >= floor - 1e-9:
        return False
    item.update(share=1.0, anew=0)
    return True
