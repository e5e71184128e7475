"""Counting people: across lines, in zones, in queues."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from storeloom.workers.vision import entries, lines, queue, zones
from storeloom.workers.vision.algorithms import settings as form
from storeloom.workers.vision.algorithms.base import Algorithm, Reading, State, moment, persons, remembered, seconds, stages
from storeloom.workers.vision.boxes import Point
from storeloom.workers.vision.still import Person
from storeloom.workers.vision.view import View

TRACKS = stages("tracks")
UNIFORM = form.texts((), "Colours of the staff uniform", "工服颜色", pattern="^(#[0-9a-fA-F]{6}|[a-z]+)$")


def window_of(t_s: float, window_s: float) -> float:
    """Start of the window in which a time lies; windows begin at whole multiples since the epoch."""
    return math.floor(t_s / window_s) * window_s


@dataclass(frozen=True, kw_only=True)
class LineForm(form.Settings):
    line: str = form.text("line", "Name of the line", "计数线名称")
    points: tuple[Point, ...] = form.line(
        "From and to; crossing to the right-hand side is in", "起点和终点，穿到右侧为进", ((0.0, 0.5), (1.0, 0.5))
    )
    margin: float = form.number(0.01, "Dead band beside the line", "线旁死区", "share", most=0.5)
    cls: str = form.text("person", "Class that is counted", "计数类别")
    window_s: float = form.number(60.0, "Counts are told every", "上报周期", "s", least=1)
    flicker_s: float = form.number(3.0, "In and out by one track within this time cancel", "同一轨迹往返抵消时间", "s", most=60)
    without_staff: bool = form.flag(True, "Staff are not counted", "不计员工")
    uniform: tuple[str, ...] = UNIFORM

    def check(self) -> None:
        form.check_line(self.points, "points", wanted=True)


class LineCount(Algorithm[LineForm]):
    """Crossings of a line in and out, told for each window even where nobody crossed, so that silence can be told from a dead camera."""

    needs = TRACKS
    streams = ("vision.count",)
    en, zh = "Line count", "过线计数"
    Form = LineForm

    def look(self, view: View, state: Mapping[str, Any]) -> tuple[State, list[Reading]]:
        options, t_s = self.settings, view.t_s
        begins = window_of(t_s, options.window_s)
        from_s = state.get("from_s", begins)
        readings = [self._told(view.camera, state, from_s + options.window_s)] if from_s < begins else []
        counts = dict(state["counts"]) if state and not readings else {"in": 0, "out": 0}
        people = persons(view, None, options.uniform, (options.cls,))
        staff = remembered(state.get("staff", {}), people, t_s) if options.without_staff else {}
        line = lines.Line(options.points[0], options.points[1], options.margin)
        feet, crossings = lines.step(state.get("feet", {}), line, {track: person.foot for track, person in people.items()}, t_s)
        recent = state.get("recent", {})
        for crossing in crossings:
            passage = entries.Passage(crossing.track, crossing.direction, t_s, crossing.track in staff)
            recent, change = entries.take(recent, passage, flicker_s=options.flicker_s, group_s=0.0, group_m=0.0)
            counts = {"in": max(counts["in"] + change.inward, 0), "out": max(counts["out"] + change.outward, 0)}
        return {"from_s": begins, "counts": counts, "feet": feet, "recent": recent, "staff": staff}, readings

    def rest(self, camera: str, t_s: float, state: Mapping[str, Any]) -> list[Reading]:
        return [self._told(camera, state, t_s)] if state else []

    def _told(self, camera: str, state: Mapping[str, Any], to_s: float) -> Reading:
        options = self.settings
        window = {"from": moment(state["from_s"]), "to": moment(to_s)}
        told = {"line": options.line, "class": options.cls, "camera": camera, "staff_excluded": options.without_staff}
        return Reading("vision.count", {**told, **state["counts"], **window})


@dataclass(frozen=True, kw_only=True)
class ZoneForm(form.Settings):
    zone: str = form.text("zone", "Zone", "区域")
    polygon: tuple[Point, ...] = form.polygon("Where it is in the picture", "区域范围")
    classes: tuple[str, ...] = form.texts(("person",), "Classes that are counted", "计数类别", least=1)
    window_s: float = form.number(60.0, "Occupancy is told every", "上报周期", "s", least=1)
    vanish_s: float = form.number(2.0, "Out of sight before someone has left", "消失多久算离开", "s", most=300)
    leave_s: float = form.number(0.0, "Outside before someone has left", "离开多久算结束", "s", most=3600)
    each_stay: bool = form.flag(False, "Tell each stay when it ends", "逐次上报停留")
    without_staff: bool = form.flag(True, "Staff are not counted", "不计员工")
    uniform: tuple[str, ...] = UNIFORM

    def check(self) -> None:
        form.check_polygon(self.polygon)


class ZoneOccupancy(Algorithm[ZoneForm]):
    """How many are in a zone, who came and left in each window, and how long those who left had stayed."""

    needs = TRACKS
    streams = ("vision.zone",)
    en, zh = "Zone occupancy", "区域占用"
    Form = ZoneForm

    def look(self, view: View, state: Mapping[str, Any]) -> tuple[State, list[Reading]]:
        options, t_s = self.settings, view.t_s
        begins = window_of(t_s, options.window_s)
        from_s = state.get("from_s", begins)
        people = persons(view, None, options.uniform, options.classes)
        staff = remembered(state.get("staff", {}), people, t_s) if options.without_staff else {}
        points = {track: person.foot for track, person in people.items() if track not in staff}
        before = {track: stay for track, stay in state.get("zone", {}).items() if track not in staff}
        after, now = zones.step(before, options.polygon, points, t_s, vanish_s=options.vanish_s, leave_s=options.leave_s)
        readings, counts = [], dict(state.get("counts", {"entered": 0, "left": 0, "dwell_s": 0.0}))
        if from_s < begins:
            readings.append(self._told(view.camera, {**state, "counts": counts}, from_s + options.window_s))
            counts = {"entered": 0, "left": 0, "dwell_s": 0.0}
        counts["entered"] += len(now.entered)
        counts["left"] += len(now.left)
        counts["dwell_s"] += sum(stay.dwell_s for stay in now.left)
        if options.each_stay:
            told = {"zone": options.zone, "camera": view.camera, "occupancy": now.occupancy}
            for stay in now.left:
                window = {"from": moment(stay.from_s), "to": moment(stay.to_s)}
                readings.append(Reading("vision.zone", {**told, **window, "dwell_s": seconds(stay.dwell_s)}))
        return {"from_s": begins, "counts": counts, "zone": after, "occupancy": now.occupancy, "staff": staff}, readings

    def rest(self, camera: str, t_s: float, state: Mapping[str, Any]) -> list[Reading]:
        return [self._told(camera, state, t_s)] if state else []

    def _told(self, camera: str, state: Mapping[str, Any], to_s: float) -> Reading:
        counts, window = state["counts"], {"from": moment(state["from_s"]), "to": moment(to_s)}
        data = {"zone": self.settings.zone, "camera": camera, "occupancy": state["occupancy"], **window}
        data |= {"entered": counts["entered"], "left": counts["left"]}
        return Reading("vision.zone", data | ({"dwell_mean_s": seconds(counts["dwell_s"] / counts["left"])} if counts["left"] else {}))


@dataclass(frozen=True, kw_only=True)
class QueueForm(form.Settings):
    zone: str = form.text("queue", "Zone", "区域")
    polygon: tuple[Point, ...] = form.polygon("Where people wait and are served", "排队与服务范围")
    service: tuple[Point, ...] = form.line("Line of service: to its right one is served", "服务线，越过到右侧即开始服务")
    join_s: float = form.number(4.0, "Standing that makes a waiting customer", "站立多久算排队", "s", most=120)
    reach_m: float = form.number(0.7, "Movement that still is standing", "仍算站立的移动", "m", least=0.1, most=5)
    vanish_s: float = form.number(3.0, "Out of sight before someone has left", "消失多久算离开", "s", most=60)
    report_s: float = form.number(5.0, "The queue is told every", "上报周期", "s", least=1)
    floor: tuple[form.Pair, ...] = form.pairs("Reference points on the floor", "地面标定点")
    uniform: tuple[str, ...] = UNIFORM

    def check(self) -> None:
        form.check_polygon(self.polygon)
        form.check_line(self.service, "service")
        form.plan(self.floor)


class QueueWatch(Algorithm[QueueForm]):
    """How many wait and how long, told at a steady rate and whenever a wait ends."""

    needs = TRACKS
    streams = ("vision.zone",)
    en, zh = "Queue and waiting time", "排队与等候"
    Form = QueueForm

    def __init__(self, settings: QueueForm | None = None) -> None:
        super().__init__(settings)
        options = self.settings
        service = lines.Line(options.service[0], options.service[1]) if options.service else None
        self._rule = queue.QueueRule(options.polygon, service, options.join_s, options.reach_m, options.vanish_s)
        self._plan = form.plan(options.floor)

    def look(self, view: View, state: Mapping[str, Any]) -> tuple[State, list[Reading]]:
        options, t_s = self.settings, view.t_s
        people: dict[str, Person] = persons(view, self._plan, options.uniform)
        after, now = queue.step(state.get("queue", {}), self._rule, people, t_s)
        begins = window_of(t_s, options.report_s)
        from_s = state.get("from_s", begins)
        readings = [self._told(view, now, wait.joined_s, wait.left_s, wait) for wait in now.ended]
        if from_s < begins:
            readings.append(self._told(view, now, from_s, t_s))
        return {"queue": after, "from_s": begins}, readings

    def _told(self, view: View, now: queue.QueueStep, from_s: float, to_s: float, wait: queue.Wait | None = None) -> Reading:
        waits = list(now.waiting.values())
        data = {
            "zone": self.settings.zone,
            "camera": view.camera,
            "occupancy": now.length + len(now.serving),
            "queue": now.length,
            "from": moment(from_s),
            "to": moment(to_s),
            "staff": now.staff,
            "dwell_s": seconds(wait.wait_s) if wait is not None else None,
            "dwell_mean_s": seconds(sum(waits) / len(waits)) if waits and wait is None else None,
            "state": None if wait is None else "served" if wait.served_s is not None else "gave_up",
            "attrs": {"serving": len(now.serving), "longest_s": seconds(max(waits, default=0.0))}
            | ({} if now.expected_s is None else {"expected_s": seconds(now.expected_s)}),
        }
        return Reading("vision.zone", {key: value for key, value in data.items() if value is not None})
