"""Things that should not be there, and places that are not clean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from storeloom.workers.vision import abandoned
from storeloom.workers.vision.algorithms import settings as form
from storeloom.workers.vision.algorithms.base import Algorithm, Reading, State, incident, persons, stages
from storeloom.workers.vision.algorithms.people import TRACKS
from storeloom.workers.vision.boxes import Box, Point, area, centre, share_inside
from storeloom.workers.vision.floorplan import shoelace
from storeloom.workers.vision.holding import hold
from storeloom.workers.vision.view import View
from storeloom.workers.vision.zones import contains

if TYPE_CHECKING:
    from storeloom.workers.vision.detect import Image

PIXELS = stages("frame", "detections")
KINDS = {"left": "left_object", "removed": "removed_object"}
HIDDEN = 0.3


def people_boxes(view: View) -> list[Box]:
    """The boxes of all people in the picture, tracked or not."""
    return [thing.box for thing in view.observation.of("person")]


@dataclass(frozen=True, kw_only=True)
class StrayForm(form.Settings):
    zone: str = form.text("zone", "Zone", "区域")
    polygon: tuple[Point, ...] = form.polygon("Where it is in the picture", "区域范围")
    classes: tuple[str, ...] = form.texts(("backpack", "handbag", "suitcase"), "Things that can be left", "可遗留的物品类别", least=1)
    away_m: float = form.number(3.0, "The owner is away from", "物主离开距离", "m", least=0.5, most=50)
    away_s: float = form.number(30.0, "The owner is away for", "物主离开时长", "s", most=3600)
    settled_s: float = form.number(60.0, "Rest that makes a thing part of the place", "静置多久算固定物", "s", least=1)
    gone_s: float = form.number(5.0, "Missing before it is removed", "缺失多久算移走", "s", most=600)
    floor: tuple[form.Pair, ...] = form.pairs("Reference points on the floor", "地面标定点")

    def check(self) -> None:
        form.check_polygon(self.polygon)
        form.plan(self.floor)


class StrayTracked(Algorithm[StrayForm]):
    """Bags and the like whose owner went away, and things at rest that are gone: for classes that the detector knows, and for scenes."""

    needs = TRACKS
    streams = ("vision.incident",)
    en, zh = "Left and removed things (known classes)", "遗留与移走物品（已知类别）"
    Form = StrayForm

    def __init__(self, settings: StrayForm | None = None) -> None:
        super().__init__(settings)
        self._plan = form.plan(self.settings.floor)

    def look(self, view: View, state: Mapping[str, Any]) -> tuple[State, list[Reading]]:
        options = self.settings
        rule = abandoned.AbandonRule(away_m=options.away_m, away_s=options.away_s, settled_s=options.settled_s, gone_s=options.gone_s)
        things = persons(view, self._plan, (), options.classes)
        inside = {track: thing for track, thing in things.items() if contains(options.polygon, thing.foot)}
        after, news = abandoned.step(state, rule, inside, persons(view, self._plan), view.t_s)
        more = {"zone": options.zone, "severity": "warn"}
        return after, [incident(view, KINDS[one.kind], one.track, one.from_s, one.ended_s, track=one.track, **more) for one in news]


@dataclass(frozen=True, kw_only=True)
class SeenForm(form.Settings):
    zone: str = form.text("zone", "Zone", "区域")
    polygon: tuple[Point, ...] = form.polygon("Where it is in the picture", "区域范围")
    every_s: float = form.number(0.5, "Time between looks", "检测间隔", "s", least=0.1, most=60)
    level: float = form.number(25.0, "Grey levels that differ", "灰度差阈值", "levels", least=5, most=128)
    least_area: float = form.number(0.004, "Smallest region", "最小区域", "share", least=0.0005, most=1)
    still_s: float = form.number(20.0, "Told after", "持续多久上报", "s", least=1)
    slow_s: float = form.number(600.0, "After this it is part of the place", "多久后融入背景", "s", least=30)

    def check(self) -> None:
        form.check_polygon(self.polygon)


class StraySeen(Algorithm[SeenForm]):
    """Whatever came and stayed, or is gone, by its pixels: boxes in an escape route, a picture off the wall. Pictures only; scenes have no
    pixels and give nothing here."""

    needs = PIXELS
    streams = ("vision.incident",)
    en, zh = "Left and removed things (any)", "遗留与移走物品（任意）"
    Form = SeenForm

    def look(self, view: View, state: Mapping[str, Any]) -> tuple[State, list[Reading]]:
        from storeloom.workers.vision import background

        if view.pixels is None:
            return dict(state), []
        options = self.settings
        rule = background.BackgroundRule(options.polygon, options.level, options.least_area, slow_s=options.slow_s, still_s=options.still_s)
        after, news = background.step(state, rule, view.pixels, people_boxes(view), view.t_s)
        return after, [
            incident(view, KINDS[one.kind], f"{options.zone}-{one.name}", one.from_s, one.ended_s, zone=options.zone, severity="warn")
            for one in news
        ]


@dataclass(frozen=True, kw_only=True)
class CleanForm(form.Settings):
    zone: str = form.text("zone", "Zone", "区域")
    polygon: tuple[Point, ...] = form.polygon("The place in the picture", "监测范围")
    what: str = form.choice("floor", "What is watched", "监测对象", ("floor", "counter", "bin"))
    every_s: float = form.number(1.0, "Time between looks", "检测间隔", "s", least=0.1, most=600)
    level: float = form.number(25.0, "Grey levels that differ", "灰度差阈值", "levels", least=5, most=128)
    least_area: float = form.number(0.005, "Smallest dirt", "最小污渍", "share", least=0.0005, most=1)
    full: float = form.number(0.8, "A bin is full from", "垃圾桶装满阈值", "share", least=0.1, most=1)
    learn: int = form.count(5, "Pictures that make the clean reference", "学习帧数", least=1, most=100)
    reference: int = form.count(1, "Number of the reference; another number learns anew", "参考编号，改动即重新学习", most=1000000)
    hold_s: float = form.number(10.0, "Dirt is told after", "持续多久上报", "s", most=3600)
    clear_s: float = form.number(5.0, "It is over after", "清洁多久结束", "s", most=3600)
    shadows: bool = form.flag(False, "A darker patch counts (no shadows fall here)", "变暗也算（此处无阴影）")

    def check(self) -> None:
        form.check_polygon(self.polygon)


class Cleanliness(Algorithm[CleanForm]):
    """A spill on a floor, a counter that is not wiped, a bin that is full: against a clean reference in pictures, by objects of class
    `wet`, `blob` and `bin` (with `fill` 0..1) in scenes."""

    needs = PIXELS
    streams = ("vision.incident",)
    en, zh = "Cleanliness", "清洁状况"
    Form = CleanForm

    def look(self, view: View, state: Mapping[str, Any]) -> tuple[State, list[Reading]]:
        options = self.settings
        before = dict(state) if state.get("number") == options.reference else {}
        after, changed, began, ended = self._scene(view, before) if view.pixels is None else self._picture(view, view.pixels, before)
        after["number"] = options.reference
        if not began and not ended:
            return after, []
        from_s = after["dirty_s"] if began else before["dirty_s"]
        kind = {"floor": "spill", "counter": "dirty", "bin": "bin_full"}[options.what]
        more = {"zone": options.zone, "score": changed, "severity": "high" if kind == "spill" else "info"}
        return after, [incident(view, kind, options.zone, from_s, None if began else view.t_s, **more)]

    def _picture(self, view: View, pixels: Image, state: State) -> tuple[State, float | None, bool, bool]:
        from storeloom.workers.vision import cleanliness

        options = self.settings
        bin_ = options.what == "bin"
        rule = cleanliness.CleanRule(
            options.polygon,
            options.level,
            options.full if bin_ else options.least_area,
            options.learn,
            options.hold_s,
            options.clear_s,
            shadows=options.shadows,
            relight=not bin_,
        )
        after, now = cleanliness.step(state, rule, pixels, people_boxes(view), view.t_s)
        return after, now.changed, now.began, now.ended

    def _scene(self, view: View, state: State) -> tuple[State, float | None, bool, bool]:
        options = self.settings
        classes = ("bin",) if options.what == "bin" else ("wet", "blob")
        things = [thing for thing in view.observation.of(*classes) if contains(options.polygon, centre(thing.box))]
        visible = [t for t in things if not any(share_inside(t.box, box) > HIDDEN for box in people_boxes(view))]
        if options.what == "bin":
            share = max((float(thing.attrs.get("fill", 0.0)) for thing in visible), default=0.0)
            dirty = share >= options.full
        else:
            share = sum(area(thing.box) for thing in visible) / shoelace(options.polygon)
            dirty = share >= options.least_area
        after = dict(state)
        began, ended = hold(after, dirty, view.t_s, options.hold_s, options.clear_s)
        return after, share, began, ended
