"""Algorithms over the zones of a camera, which come from the store's floor plan and not from settings: tracks, stays and heat of each zone,
and rules that run once for every zone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from storeloom.workers.vision import heat
from storeloom.workers.vision.algorithms import settings as form
from storeloom.workers.vision.algorithms.base import Algorithm, Reading, State, is_staff, moment, remembered, seconds
from storeloom.workers.vision.algorithms.people import TRACKS, UNIFORM, window_of
from storeloom.workers.vision.floorplan import bounds
from storeloom.workers.vision.places import Place, place_at, stays
from storeloom.workers.vision.still import Person
from storeloom.workers.vision.things import Seen
from storeloom.workers.vision.view import View

MOST_CELLS = 10_000
Places = tuple[Place, ...]


def tracked(view: View, classes: Sequence[str] = ("person",)) -> dict[str, Seen]:
    return {thing.track: thing for thing in view.observation.of(*classes) if thing.track is not None}


def staff_of(view: View, things: Mapping[str, Seen], uniform: tuple[str, ...], before: Mapping[str, float]) -> dict[str, float]:
    """Tracks of staff with their last sight; see `remembered`."""
    people = {track: Person(thing.foot, (), thing.box, is_staff(view, thing, uniform)) for track, thing in things.items()}
    return remembered(before, people, view.t_s)


@dataclass(frozen=True, kw_only=True)
class TrackForm(form.Settings):
    classes: tuple[str, ...] = form.texts(("person",), "Classes that are followed", "跟踪类别", least=1)
    point_s: float = form.number(1.0, "A point every", "轨迹点间隔", "s", most=60)
    update_s: float = form.number(10.0, "A track is told every", "轨迹上报周期", "s", least=1, most=600)
    end_s: float = form.number(2.0, "Out of sight that ends a track", "消失多久算结束", "s", least=0.1, most=60)
    uniform: tuple[str, ...] = UNIFORM


class Track(Algorithm[TrackForm]):
    """Where each thing went: floor metres where they are known, else shares of the picture (`attrs.plane` is then `picture`)."""

    needs = TRACKS
    streams = ("vision.track",)
    en, zh = "Tracks", "轨迹跟踪"
    Form = TrackForm

    def __init__(self, places: Places, settings: TrackForm | None = None) -> None:
        super().__init__(settings)
        self._places = places

    def look(self, view: View, state: Mapping[str, Any]) -> tuple[State, list[Reading]]:
        options, t_s = self.settings, view.t_s
        things = tracked(view, options.classes)
        staff = staff_of(view, things, options.uniform, state.get("staff", {}))
        known = {track: dict(entry, points=list(entry["points"])) for track, entry in state.get("tracks", {}).items()}
        readings = []
        for track, thing in things.items():
            fresh = track not in known
            entry = known.setdefault(track, {"class": thing.cls, "points": [], "point_s": None, "told_s": t_s})
            self._sight(entry, thing, t_s)
            if fresh or t_s - entry["told_s"] >= options.update_s - 1e-6:
                readings.append(self._told(view, track, entry, "new" if fresh else "update", track in staff))
        for track, entry in list(known.items()):
            if track not in things and t_s - entry["last_s"] > options.end_s:
                readings.append(self._told(view, track, entry, "end", track in staff))
                del known[track]
        return {"tracks": known, "staff": staff}, readings

    def _sight(self, entry: dict[str, Any], thing: Seen, t_s: float) -> None:
        place = place_at(self._places, thing)
        on_floor = thing.floor or next((p.floor_of(thing) for p in ((place,) if place else self._places) if p.homography), None)
        x, y = on_floor if on_floor is not None else thing.foot
        entry |= {"last_s": t_s, "at": [t_s, x, y], "zone": place.zone if place else None, "plane": None if on_floor else "picture"}
        if entry["point_s"] is None or t_s - entry["point_s"] >= self.settings.point_s - 1e-6:
            entry["points"].append(entry["at"])
            entry["point_s"] = t_s

    def _told(self, view: View, track: str, entry: dict[str, Any], state: str, staff: bool) -> Reading:
        points = entry["points"] or [entry["at"]]
        entry["points"], entry["told_s"] = [], view.t_s
        data = {"camera": view.camera, "track": track, "class": entry["class"], "state": state, "zone": entry["zone"]}
        data["points"] = [[moment(at), x, y] for at, x, y in points]
        data |= {"staff": staff or None, "attrs": {"plane": entry["plane"]} if entry["plane"] else None}
        return Reading("vision.track", {key: value for key, value in data.items() if value is not None})


@dataclass(frozen=True, kw_only=True)
class DwellForm(form.Settings):
    classes: tuple[str, ...] = form.texts(("person",), "Classes that are counted", "计数类别", least=1)
    window_s: float = form.number(60.0, "Occupancy is told every", "上报周期", "s", least=1)
    vanish_s: float = form.number(2.0, "Out of sight before someone has left", "消失多久算离开", "s", most=300)
    leave_s: float = form.number(0.0, "Outside before someone has left", "离开多久算结束", "s", most=3600)
    without_staff: bool = form.flag(True, "Staff are not counted", "不计员工")
    uniform: tuple[str, ...] = UNIFORM


class ZoneDwell(Algorithm[DwellForm]):
    """For each zone: every stay as it ends, and in each window how many are there, came and left. Staff are counted apart."""

    needs = TRACKS
    streams = ("vision.zone",)
    en, zh = "Zone dwell", "区域停留"
    Form = DwellForm

    def __init__(self, places: Places, settings: DwellForm | None = None) -> None:
        super().__init__(settings)
        self._places = places

    def look(self, view: View, state: Mapping[str, Any]) -> tuple[State, list[Reading]]:
        options, t_s = self.settings, view.t_s
        things = tracked(view, options.classes)
        staff = staff_of(view, things, options.uniform, state.get("staff", {})) if options.without_staff else {}
        begins = window_of(t_s, options.window_s)
        after, readings = {}, list[Reading]()
        for place in self._places:
            entry = state.get("zones", {}).get(place.zone) or {"stays": {}, "from_s": begins, "entered": 0, "left": 0, "dwell_s": 0.0}
            kept = {track: stay for track, stay in entry["stays"].items() if track not in staff}
            guests = {track: thing for track, thing in things.items() if track not in staff}
            present, now = stays(kept, place, guests, t_s, vanish_s=options.vanish_s, leave_s=options.leave_s)
            told = {"zone": place.zone, "camera": view.camera}
            if entry["from_s"] < begins:
                if place.certain or entry["entered"] or entry["stays"]:
                    readings.append(Reading("vision.zone", told | self._window(entry)))
                entry = {"from_s": begins, "entered": 0, "left": 0, "dwell_s": 0.0}
            for stay in now.left:
                window = {"from": moment(stay.from_s), "to": moment(stay.to_s), "dwell_s": seconds(stay.dwell_s)}
                readings.append(Reading("vision.zone", told | {"occupancy": now.occupancy} | window))
            after[place.zone] = {
                "stays": present,
                "from_s": entry["from_s"],
                "entered": entry["entered"] + len(now.entered),
                "left": entry["left"] + len(now.left),
                "dwell_s": entry["dwell_s"] + sum(stay.dwell_s for stay in now.left),
                "staff": sum(place.holds(thing) for track, thing in things.items() if track in staff),
            }
        return {"zones": after, "staff": staff}, readings

    def _window(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        data = {"occupancy": len(entry["stays"]), "entered": entry["entered"], "left": entry["left"], "staff": entry["staff"]}
        data |= {"from": moment(entry["from_s"]), "to": moment(entry["from_s"] + self.settings.window_s)}
        return data | ({"dwell_mean_s": seconds(entry["dwell_s"] / entry["left"])} if entry["left"] else {})


@dataclass(frozen=True, kw_only=True)
class ZoneHeatForm(form.Settings):
    cell_m: float = form.number(0.5, "Cell", "网格边长", "m", least=0.1, most=10)
    window_s: float = form.number(900.0, "The map is told every", "上报周期", "s", least=10)
    gap_s: float = form.number(2.0, "Out of sight that counts nothing", "消失不计时长", "s", most=60)
    without_staff: bool = form.flag(True, "Staff are not counted", "不计员工")
    uniform: tuple[str, ...] = UNIFORM


class ZoneHeat(Algorithm[ZoneHeatForm]):
    """Seconds spent on each cell of each zone, over the upright box around its floor; who stands on no known floor is left out."""

    needs = TRACKS
    streams = ("vision.heatmap",)
    en, zh = "Heat map of the zones", "区域热力图"
    Form = ZoneHeatForm

    def __init__(self, places: Places, settings: ZoneHeatForm | None = None) -> None:
        super().__init__(settings)
        self._places = {place: grid_of(place, self.settings.cell_m) for place in places if place.metres}

    def look(self, view: View, state: Mapping[str, Any]) -> tuple[State, list[Reading]]:
        options, t_s = self.settings, view.t_s
        things = tracked(view)
        staff = staff_of(view, things, options.uniform, state.get("staff", {})) if options.without_staff else {}
        begins = window_of(t_s, options.window_s)
        from_s = state.get("from_s", begins)
        after, readings = {}, []
        for place, grid in self._places.items():
            known = state.get("zones", {}).get(place.zone, {})
            if from_s < begins and (place.certain or known.get("values")):
                _, values = heat.step(known, grid, {}, t_s, gap_s=options.gap_s)
                window = {"from": moment(from_s), "to": moment(from_s + options.window_s)}
                shape = {"cell_m": grid.cell_m, "cols": grid.cols, "rows": grid.rows, "values": [seconds(value) for value in values]}
                readings.append(Reading("vision.heatmap", {"zone": place.zone, **shape, **window}))
            known = known if from_s >= begins else {"tracks": known.get("tracks", {})}
            floors = {t: floor for t, thing in things.items() if t not in staff and (floor := place.floor_of(thing)) and place.holds(thing)}
            after[place.zone], _ = heat.step(known, grid, floors, t_s, gap_s=options.gap_s)
        return {"zones": after, "from_s": begins, "staff": staff}, readings


def grid_of(place: Place, cell_m: float) -> heat.Grid:
    """The cells over a zone's floor, as large as it takes to keep them to ten thousand."""
    x, y, width, height = bounds(place.metres)
    cell_m = max(cell_m, math.sqrt(width * height / MOST_CELLS))
    return heat.Grid(cell_m, max(math.ceil(width / cell_m - 1e-9), 1), max(math.ceil(height / cell_m - 1e-9), 1), (x, y))


class Together(Algorithm[form.Settings]):
    """Several algorithms that run as one, by name: one rule in every zone, or the rules that make up one task."""

    needs = TRACKS
    streams = ("vision.count", "vision.zone", "vision.incident")
    en, zh = "Rules together", "组合规则"
    Form = form.Settings

    def __init__(self, parts: Mapping[str, Algorithm[Any]]) -> None:
        super().__init__()
        self._parts = dict(parts)

    def look(self, view: View, state: Mapping[str, Any]) -> tuple[State, list[Reading]]:
        after, readings = {}, list[Reading]()
        for name, part in self._parts.items():
            after[name], found = part.look(view, state.get(name, {}))
            readings += found
        return after, readings
