"""What is written: text, codes, number plates."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from storeloom.workers.vision.algorithms import settings as form
from storeloom.workers.vision.algorithms.base import Algorithm, AlgorithmError, Reading, State, stages
from storeloom.workers.vision.boxes import Point, centre
from storeloom.workers.vision.floorplan import bounds
from storeloom.workers.vision.view import View
from storeloom.workers.vision.zones import contains

TAIL = 4
MOVED = 0.02
KINDS = ("price_label", "date", "poster", "receipt", "meter", "sign", "other")


def fresh(known: Mapping[str, float], t_s: float, repeat_s: float) -> dict[str, float]:
    """What was seen no more than `repeat_s` ago, with its last sight."""
    return {key: at for key, at in known.items() if t_s - at <= repeat_s}


@dataclass(frozen=True, kw_only=True)
class TextForm(form.Settings):
    polygon: tuple[Point, ...] = form.polygon("Where text is read", "识别范围")
    kind: str = form.choice("other", "Told as", "文字类型", KINDS)
    every_s: float = form.number(2.0, "Time between looks", "检测间隔", "s", least=0.1, most=3600)
    score: float = form.number(0.7, "Least score", "最低置信度", "share", most=1)
    repeat_s: float = form.number(60.0, "The same text is told again after being gone for", "同一文字再次上报间隔", "s")
    fixture: str = form.text("", "Fixture", "货架", least=0)

    def check(self) -> None:
        form.check_polygon(self.polygon)


class Texts(Algorithm[TextForm]):
    """Lines of text in a region, each told when it appears."""

    needs = stages("frame", "texts")
    streams = ("vision.text",)
    en, zh = "Text", "文字识别"
    Form = TextForm

    def look(self, view: View, state: Mapping[str, Any]) -> tuple[State, list[Reading]]:
        options, t_s = self.settings, view.t_s
        seen = fresh(state.get("seen", {}), t_s, options.repeat_s)
        whole = options.polygon == form.WHOLE
        readings = []
        for text in view.texts(None if whole else bounds(options.polygon)):
            if text.score < options.score or not contains(options.polygon, centre(text.box)):
                continue
            if text.text not in seen:
                data = {"camera": view.camera, "text": text.text, "score": text.score, "kind": options.kind, "box": list(text.box)}
                readings.append(Reading("vision.text", data | ({"fixture": options.fixture} if options.fixture else {})))
            seen[text.text] = t_s
        return {"seen": seen}, readings


@dataclass(frozen=True, kw_only=True)
class CodeForm(form.Settings):
    polygon: tuple[Point, ...] = form.polygon("Where codes are read", "识别范围")
    every_s: float = form.number(0.2, "Time between looks", "检测间隔", "s", most=3600)
    repeat_s: float = form.number(5.0, "The same code is told again after being gone for", "同一条码再次上报间隔", "s")
    till: str = form.text("", "Till", "收银台", least=0)

    def check(self) -> None:
        form.check_polygon(self.polygon)


class Codes(Algorithm[CodeForm]):
    """Bar codes and matrix codes: a code that names an item is told as an item that was read, any other as text."""

    needs = stages("frame", "codes")
    streams = ("vision.item", "vision.text")
    en, zh = "Bar codes", "条码识别"
    Form = CodeForm

    def look(self, view: View, state: Mapping[str, Any]) -> tuple[State, list[Reading]]:
        options, t_s = self.settings, view.t_s
        seen = fresh(state.get("seen", {}), t_s, options.repeat_s)
        readings = []
        for code in view.codes():
            if not contains(options.polygon, centre(code.box)):
                continue
            if code.text not in seen:
                data: dict[str, Any] = {"camera": view.camera, "box": list(code.box)}
                if code.gtin is None:
                    readings.append(Reading("vision.text", data | {"text": code.text, "score": code.score, "kind": "other"}))
                else:
                    data |= {"candidates": [{"gtin": code.gtin, "score": code.score}], "kind": "read", "qty": 1}
                    readings.append(Reading("vision.item", data | ({"till": options.till} if options.till else {})))
            seen[code.text] = t_s
        return {"seen": seen}, readings


@dataclass(frozen=True, kw_only=True)
class PlateForm(form.Settings):
    lane: str = form.text("lane", "Lane", "车道")
    polygon: tuple[Point, ...] = form.polygon("Where plates are read", "识别范围")
    salt: str = form.text("", "Secret with which plates are hashed", "车牌散列密钥", secret=True, least=0)
    nearing: str = form.choice("in", "A vehicle that comes nearer goes", "驶近方向", ("in", "out"))
    every_s: float = form.number(0.2, "Time between looks", "检测间隔", "s", most=60)
    score: float = form.number(0.8, "Least score", "最低置信度", "share", most=1)
    agree: int = form.count(2, "Looks that must agree", "一致次数", most=20)
    repeat_s: float = form.number(30.0, "The same plate is told again after being gone for", "同一车牌再次上报间隔", "s")

    def check(self) -> None:
        form.check_polygon(self.polygon)
        if len(self.salt) < 8:
            what = "The secret with which plates are hashed is shorter than 8 characters."
            raise AlgorithmError(
                what, "salt", "Give the store's secret; without it hashes of plates can be guessed.", zh="用于车牌散列的密钥不足 8 个字符。"
            )


class Plates(Algorithm[PlateForm]):
    """Number plates at a lane, as salted hashes (HMAC-SHA-256); neither reading nor state holds a plate.

    Once several looks agree, the direction is told from whether the plate came down in the picture, by which a vehicle that comes nearer
    is known; one that stands counts as nearing.
    """

    needs = stages("frame", "plates")
    streams = ("vision.plate",)
    en, zh = "Number plates", "车牌识别"
    Form = PlateForm

    def __init__(self, settings: PlateForm) -> None:
        super().__init__(settings)

    def look(self, view: View, state: Mapping[str, Any]) -> tuple[State, list[Reading]]:
        options, t_s = self.settings, view.t_s
        after = {key: list(entry) for key, entry in state.items() if t_s - entry[1] <= options.repeat_s}
        readings = []
        for plate in view.plates():
            if plate.score < options.score or not plate.valid or not contains(options.polygon, centre(plate.box)):
                continue
            key = self._hash(plate.text)
            looks, _, first_y, told = after.get(key, [0, t_s, centre(plate.box)[1], False])
            if looks + 1 >= options.agree and not told:
                told = True
                nearing = centre(plate.box)[1] >= first_y - MOVED
                direction = options.nearing if nearing else {"in": "out", "out": "in"}[options.nearing]
                data = {"camera": view.camera, "lane": options.lane, "plate_hash": key, "direction": direction, "score": plate.score}
                data |= {"tail": self._hash(plate.text[-TAIL:]), "electric": plate.colour == "green"}
                readings.append(Reading("vision.plate", data | ({"colour": plate.colour} if plate.colour else {})))
            after[key] = [looks + 1, t_s, first_y, told]
        return after, readings

    def _hash(self, text: str) -> str:
        return hmac.new(self.settings.salt.encode(), text.encode(), hashlib.sha256).hexdigest()
