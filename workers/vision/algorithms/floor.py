"""People on the floor: where they spend their time, and how close they stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from storeloom.workers.vision import crowd, heat
from storeloom.workers.vision.algorithms import settings as form
from storeloom.workers.vision.algorithms.base import (
    Algorithm,
    AlgorithmError,
    Reading,
    State,
    incident,
    moment,
    persons,
    remembered,
    seconds,
)
from storeloom.workers.vision.algorithms.people import TRACKS, UNIFORM, window_of
from storeloom.workers.vision.boxes import Point
from storeloom.workers.vision.view import View
from storeloom.workers.vision.zones import contains

SEVERITY = {"busy": "info", "dense": "warn", "critical": "critical"}


@dataclass(frozen=True, kw_only=True)
class HeatForm(form.Settings):
    zone: str = form.text("zone", "Zone", "区域")
    cell_m: float = form.number(0.5, "Cell", "网格边长", "m", least=0.1, most=10)
    cols: int = form.count(20, "Columns", "列数", most=500)
    rows: int = form.count(20, "Rows", "行数", most=500)
    origin: tuple[float, float] = form.point((0.0, 0.0), "Floor point of the first corner, in metres", "网格原点（米）")
    window_s: float = form.number(900.0, "The map is told every", "上报周期", "s", least=10)
    gap_s: float = form.number(2.0, "Out of sight that counts nothing", "消失不计时长", "s", most=60)
    floor: tuple[form.Pair, ...] = form.pairs("Reference points on the floor", "地面标定点")
    without_staff: bool = form.flag(True, "Staff are not counted", "不计员工")
    uniform: tuple[str, ...] = UNIFORM

    def check(self) -> None:
        form.plan(self.floor)


class HeatMap(Algorithm[HeatForm]):
    """Seconds spent on each cell of the floor in each window; people whose place on the floor is unknown are left out."""

    needs = TRACKS
    streams = ("vision.heatmap",)
    en, zh = "Heat map", "热力图"
    Form = HeatForm

    def __init__(self, settings: HeatForm | None = None) -> None:
        super().__init__(settings)
        options = self.settings
        self._grid = heat.Grid(options.cell_m, options.cols, options.rows, options.origin)
        self._plan = form.plan(options.floor)

    def look(self, view: View, state: Mapping[str, Any]) -> tuple[State, list[Reading]]:
        options, t_s = self.settings, view.t_s
        people = persons(view, self._plan, options.uniform)
        staff = remembered(state.get("staff", {}), people, t_s) if options.without_staff else {}
        places = {track: p.place for track, p in people.items() if track not in staff}
        points = {track: (place[0], place[1]) for track, place in places.items() if len(place) == 2}
        begins = window_of(t_s, options.window_s)
        from_s = state.get("from_s", begins)
        known = state.get("heat", {})
        readings = []
        if from_s < begins:
            readings.append(self._told(state, t_s, from_s + options.window_s))
            known = {"tracks": known.get("tracks", {})}
        after, _ = heat.step(known, self._grid, points, t_s, gap_s=options.gap_s)
        return {"heat": after, "from_s": begins, "staff": staff}, readings

    def rest(self, camera: str, t_s: float, state: Mapping[str, Any]) -> list[Reading]:
        return [self._told(state, t_s, t_s)] if state else []

    def _told(self, state: Mapping[str, Any], t_s: float, to_s: float) -> Reading:
        options = self.settings
        _, values = heat.step(state["heat"], self._grid, {}, t_s, gap_s=options.gap_s)
        window = {"from": moment(state["from_s"]), "to": moment(to_s)}
        grid = {"cell_m": options.cell_m, "cols": options.cols, "rows": options.rows, "values": [seconds(value) for value in values]}
        return Reading("vision.heatmap", {"zone": options.zone, **grid, **window})


@dataclass(frozen=True, kw_only=True)
class CrowdForm(form.Settings):
    zone: str = form.text("zone", "Zone", "区域")
    polygon: tuple[Point, ...] = form.polygon("Where it is in the picture", "区域范围")
    area_m2: float = form.number(0.0, "Floor area (0: from the reference points)", "地面面积（0 为按标定点计算）", "m2", most=100000)
    floor: tuple[form.Pair, ...] = form.pairs("Reference points on the floor", "地面标定点")
    busy: float = form.number(0.5, "Busy from", "繁忙起点", "people/m2", least=0.01, most=10)
    dense: float = form.number(1.0, "Dense from", "拥挤起点", "people/m2", least=0.01, most=10)
    critical: float = form.number(2.0, "Critical from", "危险起点", "people/m2", least=0.01, most=10)
    slack: float = form.number(0.15, "A level ends this share below its start", "回差比例", "share", most=0.9)
    hold_s: float = form.number(5.0, "A level must hold for", "持续时间", "s", most=600)

    def check(self) -> None:
        form.check_polygon(self.polygon)
        self.rule()

    def rule(self) -> crowd.CrowdRule:
        plan = form.plan(self.floor)
        if self.area_m2 == 0 and plan is None:
            what = "The floor's area is not known."
            raise AlgorithmError(
                what, "area_m2", "Give the area in square metres, or four reference points on the floor.", zh="地面面积未知。"
            )
        area = self.area_m2 if self.area_m2 > 0 or plan is None else plan.area_m2(self.polygon)
        return crowd.CrowdRule(area, (("busy", self.busy), ("dense", self.dense), ("critical", self.critical)), self.slack, self.hold_s)


class Crowding(Algorithm[CrowdForm]):
    """Density of a zone: a reading on each change of its level, and an incident while it is dense or critical. Staff count: they fill
    space like anyone."""

    needs = TRACKS
    streams = ("vision.zone", "vision.incident")
    en, zh = "Crowding", "人群密度"
    Form = CrowdForm

    def __init__(self, settings: CrowdForm) -> None:
        super().__init__(settings)
        self._rule = self.settings.rule()

    def look(self, view: View, state: Mapping[str, Any]) -> tuple[State, list[Reading]]:
        t_s = view.t_s
        inside = [person for person in persons(view).values() if contains(self.settings.polygon, person.foot)]
        level, now = crowd.step(state.get("crowd", {}), self._rule, len(inside), t_s)
        open_s: float | None = state.get("open_s")
        readings = []
        if now.before is not None:
            place = {"zone": self.settings.zone, "camera": view.camera, "occupancy": len(inside), "state": now.level}
            window = {"from": moment(now.since_s), "to": moment(t_s)}
            readings.append(Reading("vision.zone", {**place, **window, "attrs": {"people_per_m2": now.density}}))
            grave = now.level in ("dense", "critical")
            more = {"zone": self.settings.zone, "count": len(inside), "severity": SEVERITY.get(now.level), "score": now.density}
            if grave or open_s is not None:
                from_s = now.since_s if open_s is None else open_s
                told = incident(view, "crowd", self.settings.zone, from_s, None if grave else t_s, **more)
                readings.append(told if open_s is None or not grave else Reading(told.stream, {**told.data, "state": "update"}))
                open_s = from_s if grave else None
        return {"crowd": level, "open_s": open_s}, readings
