"""What a picture of a bay shows a passing robot: goods with their candidates, what stands before them, and the labels.

A scene (or what the robot's own recogniser tells) is a list of objects {class, box [x, y, w, h] in shares, floor [x_m, y_m], gtins
[[gtin, score], ...] or candidates}. In pixels the goods are looked for where the planogram has facings in a picture that the bay fills.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from storeloom.workers.vision.reading.amounts import amounts, plain
from storeloom.workers.vision.shelf_walk import Bay, Span, fuse, widest_free
from storeloom.workers.vision.slots import HIDING, NO_GOODS

if TYPE_CHECKING:
    from storeloom.workers.vision.boxes import Box
    from storeloom.workers.vision.view import View

TOLD = ("objects", "boxes", "facings", "items", "products")
LABELS = ("price_label", "price_tag", "label")
FILLED = 0.3
CM = 100.0
CLOSE = 1.0
NEUTRAL, LEAST = 0.1, 1e-9
SIDE, ABOVE = 0.05, 0.1


@dataclass(frozen=True)
class Good:
    """A pack at `x` cm along the front (`y` only on the floor, where `level` is None), `half` its half-width, with its likenesses."""

    x: float
    level: int | None
    half: float
    likeness: Mapping[str, float]
    y: float = 0.0


@dataclass(frozen=True)
class Tag:
    """A label in sight; `gtin` the item that it is bound to, `text` what it shows (None where it was not read) or `price` its price."""

    label: str | None
    gtin: str | None
    x: float
    level: int | None
    text: str | None = None
    y: float = 0.0
    price: int | None = None


@dataclass(frozen=True)
class Sight:
    """One picture of a bay. `covers` are the parts of the front (cm) behind people and trolleys; `measured` is false without a picture."""

    goods: tuple[Good, ...] = ()
    tags: tuple[Tag, ...] = ()
    covers: tuple[tuple[float, float], ...] = ()
    measured: bool = True


def of_objects(objects: Iterable[Mapping[str, Any]], bay: Bay) -> Sight:
    """From a scene's objects; those without a box or a place on the floor are taken for things on the floor's origin."""
    goods, tags, covers = [], [], []
    for one in objects:
        cls, box = str(one.get("class", "pack")), one.get("box")
        if one.get("floor") is not None or (box is None and "x" in one):
            x, y = one["floor"] if one.get("floor") is not None else (one["x"], one.get("y", 0.0))
            x, y, level, half = CM * x, CM * y, None, float(one.get("width_cm", 0.0)) / 2
        else:
            left, top, wide, high = box if box is not None else (0.0, 0.0, 0.0, 0.0)
            x, y, half = (left + wide / 2) * bay.width, 0.0, wide * bay.width / 2
            level = bay.level_of(top + high / 2)
        if cls in LABELS:
            name = one.get("label") or one.get("id")
            tags.append(Tag(str(name) if name else None, one.get("gtin"), x, level, one.get("text"), y))
        elif cls in HIDING:
            covers.append((x - half, x + half))
        elif cls not in NO_GOODS:
            goods.append(Good(x, level, half, likenesses(one.get("gtins") or one.get("candidates") or ()), y))
    return Sight(tuple(goods), tuple(tags), tuple(covers))


def objects_in(data: Mapping[str, Any]) -> Sequence[Mapping[str, Any]] | None:
    """The objects that a `robot.observation` tells of, in a scene or by the robot's own recogniser; None where it tells of none."""
    values = data.get("values") or {}
    scene = data.get("scene") or values.get("scene")
    if scene:
        return scene.get("objects") or ()
    return next((values[name] for name in TOLD if name in values), None)


def tags_in(data: Mapping[str, Any], gtins: Mapping[str, str]) -> tuple[Tag, ...]:
    """The labels of a `robot.observation`, each bound to the item that `gtins` names for it."""
    return tuple(
        Tag(one["label"], one.get("gtin") or gtins.get(one["label"]), CM * one["x"], None, one.get("text"), CM * one["y"])
        for one in data.get("labels") or ()
    )


def shows(tag: Tag, price: int | None, minor_digits: int) -> Literal["right", "wrong", "dark", "unread"]:
    """What a label shows beside the price that holds; one without figures, or of an item without a price, cannot be told wrong."""
    if tag.price is None and tag.text is not None and not tag.text.strip():
        return "dark"
    told = [tag.price] if tag.price is not None else [one.minor for one in amounts(plain(tag.text or ""), minor_digits)]
    if price is None or not told:
        return "unread"
    return "right" if price in told else "wrong"


def likenesses(candidates: Any) -> dict[str, float]:
    """Candidates as {gtin: score}, [[gtin, score], ...] or [{gtin, score}, ...]; the greatest counts of one named twice."""
    if isinstance(candidates, Mapping):
        return {str(gtin): float(score) for gtin, score in candidates.items()}
    found: dict[str, float] = {}
    for one in candidates:
        if isinstance(one, str):
            gtin, score = one, 1.0
        elif isinstance(one, Mapping):
            gtin, score = str(one.get("gtin", "")), float(one.get("score", one.get("likeness", 1.0)))
        else:
            gtin, score = str(one[0]), float(one[1])
        if gtin:
            found[gtin] = max(score, found.get(gtin, -math.inf))
    return found


def of_view(view: View, bay: Bay, shop: str, *, read_labels: bool = True, currency: str = "CNY") -> Sight:
    """From pixels: each planned facing that does not look empty, with the likeliest items of `shop`; labels where they are to be read.

    The probabilities of enrolled items are calibrated, so their likenesses are such that a temperature of 0.1 gives them back.
    """
    from storeloom.workers.vision import slot_look

    if view.pixels is None:
        return of_objects((view.scene or {}).get("objects", ()), bay)
    before = [thing.box for thing in view.observation.of(*HIDING)]
    places: list[tuple[Span, Any]] = []
    for span in bay.spans:
        for box in bay.boxes(span):
            x, y, wide, high = box
            corners = [(x, y), (x + wide, y), (x + wide, y + high), (x, y + high)]
            dark, filled = slot_look.filled(view.pixels, {"polygon": corners}, (), (), before)
            if not dark and filled >= FILLED:
                places.append((span, box))
    ranked = view.items([_inside(box) for _, box in places], shop) if places else ()
    goods = [
        Good((box[0] + box[2] / 2) * bay.width, span.level, box[2] * bay.width / 2, _looks(one.candidates))
        for (span, box), one in zip(places, ranked, strict=True)
    ]
    tags = [
        Tag(None, one.gtin, (one.box[0] + one.box[2] / 2) * bay.width, bay.level_of(one.box[1]), price=one.price_minor)
        for one in (view.labels(currency) if read_labels else ())
    ]
    covers = [(box[0] * bay.width, (box[0] + box[2]) * bay.width) for box in before]
    return Sight(tuple(goods), tuple(tags), tuple(covers))


def _inside(box: Box) -> Box:
    """The part of a facing's place that its pack fills: packs stand on their board with air above and at their sides."""
    x, y, wide, high = box
    return x + SIDE * wide, y + ABOVE * high, (1 - 2 * SIDE) * wide, (1 - ABOVE) * high


def _looks(candidates: Iterable[tuple[str, float]]) -> dict[str, float]:
    return {gtin: NEUTRAL * math.log(max(share, LEAST)) for gtin, share in candidates}


def bound(sight: Sight, bay: Bay, told: Sequence[Tag]) -> Sight:
    """With the labels that the robot told of; each is bound to the item of its slot, and in a bay's own measure to its board."""
    flat = not any(good.level is not None for good in sight.goods)
    tags = []
    for tag in (*sight.tags, *told):
        span = next((one for one in bay.spans if tag.label is not None and tag.label in (one.label, one.slot)), None)
        if span is None and tag.label is None and tag.gtin is not None:
            own = [one for one in bay.spans if one.gtin.lstrip("0") == tag.gtin.lstrip("0")]
            span = min(own, key=lambda one: abs(one.middle - tag.x), default=None)
        level = tag.level if tag.level is not None or flat or span is None else span.level
        label, gtin = (tag.label, tag.gtin) if span is None else (tag.label or span.label, tag.gtin or span.gtin)
        tags.append(replace(tag, label=label, gtin=gtin, level=level))
    return replace(sight, tags=tuple(tags))


def nearest_labels(good: Good, tags: Sequence[Tag]) -> dict[str, float]:
    """The way in cm from a pack to the nearest label in sight of each item, on its own board where the boards are known."""
    found: dict[str, float] = {}
    for tag in tags:
        if tag.gtin is None or (good.level is not None and tag.level is not None and tag.level != good.level):
            continue
        off = math.hypot(tag.x - good.x, tag.y - good.y) if good.level is None else abs(tag.x - good.x)
        found[tag.gtin] = min(off, found.get(tag.gtin, off))
    return found


@dataclass(frozen=True)
class Settings:
    """How looks and labels are fused; see `shelf_walk.fuse`."""

    temperature: float = 0.1
    reach_cm: float = 10.0
    floor: float = 0.05


@dataclass(frozen=True)
class SlotReading:
    """What stands over a slot: the ranked candidates of each pack, and the widest free front in cm (None where that cannot be told)."""

    span: Span
    packs: tuple[tuple[tuple[str, float], ...], ...]
    free: float | None


def read(sight: Sight, bay: Bay, key: Callable[[str], str], how: Settings) -> list[SlotReading]:
    """The slots of a bay by one picture; items are compared by their `key`."""
    sight = _along(sight)
    over: dict[Span, list[tuple[tuple[str, float], ...]]] = {}
    for good in sight.goods:
        near = nearest_labels(good, sight.tags)
        looks: dict[str, float] = {}
        for gtin, score in good.likeness.items():
            looks[key(gtin)] = max(score, looks.get(key(gtin), -math.inf))
        bound = {key(gtin): off for gtin, off in near.items()}
        ranked = fuse(looks, bound, temperature=how.temperature, reach_cm=how.reach_cm, floor=how.floor)
        span = _span_of(good, bay, sight.tags, key, ranked)
        if span is not None:
            over.setdefault(span, []).append(tuple(ranked))
    return [SlotReading(span, tuple(over.get(span, ())), _free(sight, bay, span)) for span in bay.spans]


def _along(sight: Sight) -> Sight:
    """Things on the floor by their way along the aisle, which runs as x or as y does."""
    spots = [(good.x, good.y) for good in sight.goods] + [(tag.x, tag.y) for tag in sight.tags]
    if not spots or any(good.level is not None for good in sight.goods):
        return sight
    wide, deep = (max(axis) - min(axis) for axis in zip(*spots, strict=True))
    if wide >= deep:
        return sight
    goods = tuple(replace(one, x=one.y, y=one.x) for one in sight.goods)
    return replace(sight, goods=goods, tags=tuple(replace(one, x=one.y, y=one.x) for one in sight.tags))


def _span_of(good: Good, bay: Bay, tags: Sequence[Tag], key: Callable[[str], str], ranked: Sequence[tuple[str, float]]) -> Span | None:
    """The slot that a pack stands over: by its place in the bay, else that of the nearest label, else that of its likeliest item."""
    if good.level is not None:
        spans = [span for span in bay.spans if span.level == good.level and span.left - CLOSE <= good.x <= span.right + CLOSE]
        return min(spans, key=lambda span: abs(span.middle - good.x) / (span.right - span.left), default=None)
    bound = [(math.hypot(tag.x - good.x, tag.y - good.y), tag.label or "", tag) for tag in tags]
    if bound:
        return _slot_of(min(bound, key=lambda one: one[:2])[2], bay, key)
    if len(bay.spans) == 1:
        return bay.spans[0]
    return next((span for span in bay.spans if ranked and key(span.gtin) == ranked[0][0]), None)


def _slot_of(tag: Tag, bay: Bay, key: Callable[[str], str]) -> Span | None:
    for span in bay.spans:
        if tag.label is not None and tag.label in (span.label, span.slot):
            return span
    return next((span for span in bay.spans if tag.gtin is not None and key(span.gtin) == key(tag.gtin)), None)


def _free(sight: Sight, bay: Bay, span: Span) -> float | None:
    """In the bay's own measure, or around the slot's label where things stand on the floor and their widths are known."""
    if not sight.measured:
        return None
    if not sight.goods or sight.goods[0].level is not None:
        taken = [(one.x - one.half, one.x + one.half) for one in sight.goods if one.level == span.level]
        return widest_free(span.left, span.right, [*taken, *sight.covers])
    tag = next((one for one in sight.tags if one.label is not None and one.label in (span.label, span.slot)), None)
    if tag is None or not all(one.half for one in sight.goods):
        return None
    half = (span.right - span.left) / 2
    taken = [(one.x - one.half, one.x + one.half) for one in sight.goods]
    return widest_free(tag.x - half, tag.x + half, taken)
