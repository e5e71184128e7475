"""What is written in a scene (see `workers.vision.scene`), in the same types as what is read in pixels.

An object's `text` is what is written on it, line by line; `gtins` [[gtin, score], ...] on a label or code names its item, best first.
Codes and other texts whose boxes lie in a label's are on the label, as they are where label and code are found apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from storeloom.workers import gs1
from storeloom.workers.vision import scene as scenes
from storeloom.workers.vision.boxes import Box, share_inside
from storeloom.workers.vision.errors import SceneError
from storeloom.workers.vision.reading.label_rules import LabelRules, understand
from storeloom.workers.vision.reading.offer_dates import offer_end
from storeloom.workers.vision.reading.plate_text import COLOURS, is_valid
from storeloom.workers.vision.reading.results import Code, Plate, PriceLabel, Text, corners
from storeloom.workers.vision.things import Detection

LABEL_CLASSES = frozenset({"price_label", "price_tag"})
CODE_CLASSES = frozenset({"barcode", "qr_code"})


def texts(scene: Mapping[str, Any], region: Box | None = None) -> tuple[Text, ...]:
    """The lines written on the scene's objects, or on those that lie mostly in a region; SceneError for a malformed scene."""
    return tuple(line for thing in _inside(scene, region) for line in _lines(thing))


def codes(scene: Mapping[str, Any], region: Box | None = None, *, on: date, minor_digits: int = 2) -> tuple[Code, ...]:
    """The codes on the scene's labels (their best GTIN) and of its objects of class `barcode` and `qr_code` (their GTIN or `text`).

    SceneError for a malformed scene or malformed `gtins`.
    """
    found = []
    for thing in _inside(scene, region):
        if thing.cls in CODE_CLASSES or thing.cls in LABEL_CLASSES:
            found += _codes(thing, on, minor_digits)
    return tuple(found)


def plates(scene: Mapping[str, Any], region: Box | None = None) -> tuple[Plate, ...]:
    """The scene's objects of class `number_plate` that carry a text, with their `colour` where it is a plate's."""
    return tuple(
        Plate(text, _colour(thing), thing.score, thing.box, corners(thing.box), is_valid(text))
        for thing in _inside(scene, region)
        if thing.cls == "number_plate" and (text := "".join(c for c in str(thing.attrs.get("text") or "") if c.isalnum()))
    )


def labels(
    scene: Mapping[str, Any], region: Box | None = None, *, on: date, currency: str = "CNY", minor_digits: int = 2
) -> tuple[PriceLabel, ...]:
    """The scene's price labels, their text understood by the same rules as that of a picture; an object's score is its reading's."""
    rules = LabelRules(currency, minor_digits, whole_prices=True)
    found = []
    things = _inside(scene, region)
    for thing in things:
        if thing.cls in LABEL_CLASSES:
            parts = [one for one in things if one.cls not in LABEL_CLASSES and share_inside(one.box, thing.box) > 0.5]
            named = [code for one in (thing, *parts) if one is thing or one.cls in CODE_CLASSES for code in _codes(one, on, minor_digits)]
            lines = [line for one in (thing, *parts) if one.cls not in CODE_CLASSES for line in _lines(one)]
            label = understand(lines, named, rules, thing.box)
            if label.refusal == "no_price":  # name and price in one line
                label = understand([word for line in lines for word in _words(line)], named, rules, thing.box)
            sure = thing.score if label.price_minor is not None else 0.0
            found.append(replace(label, confidence=sure, ends=offer_end([line.text for line in lines], on)))
    return tuple(found)


def _words(line: Text) -> list[Text]:
    """The words of a line, each as a line of its own."""
    words, x, (_, y, width, height) = line.text.split(), line.box[0], line.box
    boxes = [(x + n * width / len(words), y, width / len(words), height) for n in range(len(words))]
    return [Text(word, line.score, box, corners(box)) for word, box in zip(words, boxes, strict=True)]


def _colour(thing: Detection) -> str | None:
    colour = thing.attrs.get("colour")
    return colour if colour in COLOURS else None


def _inside(scene: Mapping[str, Any], region: Box | None) -> list[Detection]:
    return [thing for thing in scenes.detections(scene) if region is None or share_inside(thing.box, region) > 0.5]


def _lines(thing: Detection) -> list[Text]:
    """An object's text, its lines filling its box from top to bottom."""
    lines = [line.strip() for line in str(thing.attrs.get("text") or "").splitlines() if line.strip()]
    x, y, width, height = thing.box
    tall = height / max(len(lines), 1)
    boxes = [(x, y + number * tall, width, tall) for number in range(len(lines))]
    return [Text(line, thing.score, box, corners(box)) for line, box in zip(lines, boxes, strict=True)]


def _best_gtin(thing: Detection) -> tuple[str | None, float]:
    """The likeliest of an object's GTINs with its score; None and its own score where it names none."""
    given = thing.attrs.get("gtins")
    if not given:
        return None, thing.score
    pairs = given if isinstance(given, list | tuple) else [given]
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not isinstance(pair[0], str) or not isinstance(pair[1], int | float):
            raise SceneError(f"Gtins are {given!r}.", f"scene.objects.{thing.track or thing.cls}.gtins", "Give [[gtin, score], ...].")
    best = max(pairs, key=lambda pair: float(pair[1]))
    return best[0], float(best[1])


def _codes(thing: Detection, on: date, minor_digits: int) -> list[Code]:
    """The code that a label's item or an object's text makes, none for a label without an item."""
    gtin, score = _best_gtin(thing)
    text = gtin if gtin is not None else "" if thing.cls in LABEL_CLASSES else str(thing.attrs.get("text") or "")
    return [_code(thing, text, "QR Code" if thing.cls == "qr_code" else "EAN-13", score, on, minor_digits)] if text else []


def _code(thing: Detection, text: str, name: str, score: float, on: date, minor_digits: int) -> Code:
    """A scene's code: taken apart as one that was read; an item id in `gtins` that is no GTIN stands as it is."""
    quad = corners(thing.box)
    gtin = gs1.item_key(text) if thing.attrs.get("gtins") else None
    try:
        message = gs1.parse(text, on=on, minor_digits=minor_digits)
    except gs1.CodeError as error:
        return Code(text, name, gtin, thing.box, quad, fault=str(error), score=score)
    return Code(text, name, message.gtin or gtin, thing.box, quad, message, score=score)
