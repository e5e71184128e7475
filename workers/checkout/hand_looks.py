"""What pictures show of goods near a shelf: each thing with the slot that it lies at or the hand that holds it, and its likenesses.

A frame is plain JSON: [time in s, [{"at": [fixture, slot] or None, "held", "scores": {gtin: score}}]].
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from storeloom.workers.vision.boxes import Box
    from storeloom.workers.vision.view import View

MOST_THINGS, CANDIDATES = 8, 5


def of_view(
    view: View, shop: str, fixtures: Iterable[Mapping[str, Any]], people: Sequence[Box], written: Callable[[str], str]
) -> list[dict[str, Any]]:
    """The recognised things of a frame, the surest `MOST_THINGS` of the detector's. A scene may name an object's fixture and slot."""
    from storeloom.workers.vision import slots
    from storeloom.workers.vision.boxes import centre
    from storeloom.workers.vision.zones import contains

    goods = [one for one in view.observation.objects if one.cls not in slots.NO_GOODS]
    goods = sorted(goods, key=lambda one: -one.score)[:MOST_THINGS]
    drawn, seen = slots.watched(fixtures, view.camera), []
    for thing, ranking in zip(goods, view.items([one.box for one in goods], shop, CANDIDATES) if goods else (), strict=True):
        x, y = centre(thing.box)
        at = next(([row["fixture"], slot["slot"]] for row, slot in drawn if contains(slot["polygon"], (x, y))), None)
        if {"fixture", "slot"} <= set(thing.attrs):
            at = [thing.attrs["fixture"], thing.attrs["slot"]]
        held = any(box[0] <= x <= box[0] + box[2] and box[1] <= y <= box[1] + box[3] for box in people)
        if ranking.candidates:
            seen.append({"at": at, "held": held, "scores": {written(gtin): score for gtin, score in ranking.candidates}})
    return seen


def meant(frames: Iterable[Sequence[Any]], fixture: str, slot: str, t_s: float, within_s: float) -> dict[str, float] | None:
    """Likenesses of the one thing at a slot in the frame nearest in time that shows any: at the slot itself, else in a hand, else loose.

    None where no frame shows one, or the nearest shows more than one that may be meant.
    """
    near = [one for one in frames if abs(one[0] - t_s) <= within_s]
    for _, seen in sorted(near, key=lambda one: (abs(one[0] - t_s), one[0])):
        loose = [one for one in seen if one["at"] is None]
        choices = [one for one in seen if one["at"] == [fixture, slot]] or [one for one in loose if one["held"]] or loose
        if choices:
            return dict(choices[0]["scores"]) if len(choices) == 1 else None
    return None
