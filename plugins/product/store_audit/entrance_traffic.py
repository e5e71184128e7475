"""Entrance traffic and conversion: who passes, who comes in and who buys, without staff, groups counted as one buyer.

A store is judged by conversion, not by turnover alone. Counts come from the foot point's side of a line; occupancy from in and out with
a correction that would have emptied the store at yesterday's close. Those who came in within the last hour before closing may still be
inside at closing time, so a day that lacks no more people than that is judged an hour later; whoever leaves before the next opening
counts for the day. Only the silent part of an hour is estimated. Nothing is known of a person but the track: no face, gender or age.
Staff are told by the scene's or detector's `staff` attribute, or by a colour of the camera's setting `uniform`.
"""

from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, rfc3339
from storeloom.core.kernel.hooks import hookimpl

HOUR = timedelta(hours=1)
FOUR_WEEKS = timedelta(days=28)
OUT_OF_SIGHT_S = 10
NOBODY = {"in": 0, "out": 0, "groups": 0, "staff": 0}
Share = tuple[float, float]


class CountingLine(SolutionConfig):
    """A counting line in picture shares, y down."""

    camera: str = Field(title="Camera", json_schema_extra={"x-zh": "摄像头", "x-widget": "device"})
    start: Share = Field(alias="from", title="From", json_schema_extra={"x-zh": "起点"})
    end: Share = Field(alias="to", title="To", json_schema_extra={"x-zh": "终点"})
    kind: Literal["door", "passer"] = Field("door", title="Kind", json_schema_extra={"x-zh": "类型"})


class EntranceTraffic(Solution):
    number = 139
    zh, en = "进店客流统计", "Entrance traffic and conversion"
    purpose_zh = "统计路过、进店与成交人数，剔除员工、按结伴计组并校正误差，让门店按转化率而不只按销售额评价。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("vision.count", "score.report", "insight.report", "alert.raise")
    adapters = ("camera",)
    reads = ("zones?",)
    kpis = {
        "customers_in": kpi("count", "Customers in", "进店顾客"),
        "entry_rate": kpi("%", "Entry rate", "进店率"),
        "conversion": kpi("%", "Conversion", "成交转化率"),
        "count_imbalance": kpi("%", "In against out", "进出不平衡"),
    }
    kinds = {"count_imbalance": ("In and out differ", "进出人数不符")}
    load = "vision"

    class Config(SolutionConfig):
        lines: list[CountingLine] = setting(
            [],
            "Counting lines",
            "计数线",
            effect="reload",
            widget="lines",
            help_en="Crossing to the right-hand side seen along from -> to is in. Empty: a door line across the middle of each camera.",
            help_zh="沿起点到终点方向看，穿到右侧为进。留空则每个摄像头中间一条门线。",
        )
        flicker_s: float = setting(3, "In and out by one track within this time cancel", "同一轨迹往返抵消时间", unit="s", ge=0, le=60)
        group_s: float = setting(2.0, "Longest time between people of a group", "同组先后进店的最长间隔", unit="s", ge=0, le=10)
        group_m: float = setting(1.5, "Longest distance between them", "同组之间的最远距离", unit="m", ge=0.3, le=5)
        ignore_staff: bool = setting(True, "People in staff uniform are not customers", "穿工服的人不算顾客")
        imbalance_pct: float = setting(5, "In against out over which a day is doubtful", "当天存疑的进出差", unit="%", ge=0.5, le=30)
        camera_gap_min: int = setting(5, "Silence that makes an hour estimated", "使时段按估计的摄像头静默", unit="min", ge=1, le=120)

    @on("camera.frame")
    def look(self, event):
        camera = self.state.setdefault(f"camera:{event['camera']}", {"last": None, "staff": {}})
        if camera["last"] is not None and event.time < parse_time(camera["last"]):
            return
        self._note_silence(event["camera"], camera, event.time)
        camera["last"] = rfc3339(event.time)
        view = self.workers.vision.view(event.data, event.time)
        people = {person.track: person for person in view.observation.of("person") if person.track is not None}
        if self.config.ignore_staff:
            self._recognise_staff(camera, people, view)
        for name, line in self._lines(event["camera"]).items():
            self._watch(name, line, people, camera["staff"], event, view.t_s)

    @on("pos.sale?")
    def sold(self, event):
        if event["kind"] != "sale" or event.get("channel") == "online":
            return
        receipts = self._hour(event.time)["receipts"]
        if event["receipt"] not in receipts:
            receipts.append(event["receipt"])

    @every("1h")
    def hour(self, due):
        start = due.time - HOUR
        for name in [name for name in self.state if name.startswith("camera:")]:
            self._note_silence(name[7:], self.state[name], due.time)
        hour = self._hour(start)
        for old in [name for name in self.state if name.startswith("hour:") and parse_time(name[5:]) < due.time]:
            del self.state[old]
        if not self.store.hours.open_seconds(start, due.time) and not hour["lines"]:
            return
        total = dict(NOBODY, passers=0)
        for name, line in self._all_lines().items():
            count, estimated = self._filled(name, line, hour, start)
            passing = count["in"] + count["out"] if line.kind == "passer" else None
            yield out(
                "vision.count",
                {"class": "person", "in": count["in"], "out": count["out"], "from": start, "to": due.time},
                line=name,
                camera=line.camera,
                passers=passing,
                staff_excluded=self.config.ignore_staff,
                estimated=estimated,
            )
            for part, value in ({"passers": passing} if line.kind == "passer" else count).items():
                total[part] += value
        yield self._hourly_score(total, len(hour["receipts"]), start, due.time)

    @every("1d", at="close")
    def closing(self, due):
        day = self._day()
        missing, late = day["in"] - day["out"], sum(n for at, n in day["entries"] if parse_time(at) > due.time - HOUR)
        day["closed"] = rfc3339(due.time)
        still_inside = 0 < missing <= late
        if still_inside:
            self.timers.set("emptied", "", due.time + HOUR)
        yield from self._conclude(judge=not still_inside)

    @timer("emptied")
    def emptied(self, due):
        return self._conclude(judge=True)

    @every("1d", at="open")
    def opening(self, due):
        if "day" in self.state and self._day()["closed"] is not None:
            if self._day()["concluded"] != [self._day()["in"], self._day()["out"]]:
                yield from self._conclude(judge=True)
            del self.state["day"]

    def _lines(self, camera):
        """The lines of a camera by name, those of the config or the default one across the middle."""
        lines = [line for line in self.config.lines if line.camera == camera]
        if not self.config.lines:
            lines = [CountingLine(**{"camera": camera, "from": (0, 0.5), "to": (1, 0.5)})]
        doors = [door for zone in self.tables.zones.rows() if camera in _cameras(zone) for door in zone.get("doors") or ()]
        found = {}
        for number, line in enumerate(lines, 1):
            door = line.kind == "door" and doors.pop(0) if doors else None
            found[door or f"{camera}-{line.kind}-{number}"] = line
        return found

    def _all_lines(self):
        cameras = [name[7:] for name in self.state if name.startswith("camera:")]
        cameras = sorted(cameras) if not self.config.lines else list(dict.fromkeys(line.camera for line in self.config.lines))
        return {name: line for camera in cameras for name, line in self._lines(camera).items()}

    def _recognise_staff(self, camera, people, view):
        """Note who wears the uniform: once seen as staff, a track is staff while it is in sight."""
        from storeloom.workers.vision.algorithms.base import is_staff

        device = next((one for one in self.devices.get("camera", ()) if one.id == view.camera), None)
        uniforms = tuple(device.settings.get("uniform", ())) if device else ()
        known = {track: at for track, at in camera["staff"].items() if track in people or view.t_s - at < OUT_OF_SIGHT_S}
        camera["staff"] = known | {track: view.t_s for track, person in people.items() if is_staff(view, person, uniforms)}

    def _watch(self, name, line, people, staff, event, t_s):
        """Follow the foot points over one line and count who crossed."""
        from storeloom.workers.vision import entries, lines

        state = self.state.setdefault(f"line:{name}", {"feet": {}, "entries": {}})
        feet = {track: person.foot for track, person in people.items()}
        state["feet"], crossings = lines.step(state["feet"], lines.Line(line.start, line.end), feet, t_s)
        for crossing in crossings:
            place = self._place(people[crossing.track], event)
            passage = entries.Passage(crossing.track, crossing.direction, crossing.t_s, crossing.track in staff, place)
            config = self.config
            state["entries"], change = entries.take(
                state["entries"], passage, flicker_s=config.flicker_s, group_s=config.group_s, group_m=config.group_m
            )
            self._count(name, line, change, event.time)

    def _place(self, person, event):
        """Where a person stands: floor metres from the scene or through the camera's homography, else by the person's height."""
        from storeloom.workers.vision import entries, heat

        if person.floor is not None:
            return person.floor
        for zone in self.tables.zones.rows():
            view = _cameras(zone).get(event["camera"], {})
            if view.get("homography"):
                return heat.floor_point(view["homography"], person.foot)
        width, height = event.get("width"), event.get("height")
        return entries.picture_place(person.box, width / height if width and height else 16 / 9)

    def _count(self, name, line, change, at):
        count = self._hour(at)["lines"].setdefault(name, dict(NOBODY))
        for part, amount in (("in", change.inward), ("out", change.outward), ("groups", change.groups), ("staff", change.staff)):
            count[part] = max(0, count[part] + amount)
        if line.kind == "door":
            self._add_to_day(change.inward, change.outward, at)

    def _add_to_day(self, inward, outward, at):
        day = self._day()
        day["in"] += inward
        day["out"] += outward
        if inward:
            day["entries"] = [entry for entry in day["entries"] if parse_time(entry[0]) > at - HOUR] + [[rfc3339(at), inward]]
            self.kpi.add("customers_in", inward)

    def _hour(self, at: datetime):
        fresh = {"lines": {}, "silent": {}, "receipts": []}
        return self.state.setdefault(f"hour:{rfc3339(self._hour_start(at))}", fresh)

    def _hour_start(self, at: datetime):
        local = self.store.hours.local(at)
        return at - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)

    def _day(self):
        return self.state.setdefault("day", {"in": 0, "out": 0, "entries": [], "closed": None, "concluded": None, "version": 0})

    def _note_silence(self, camera, known, until):
        """Add a camera's silence up to now to the hour that ends it, in opening time only."""
        last = parse_time(known["last"]) if known["last"] else until
        if until - last < timedelta(minutes=self.config.camera_gap_min):
            return
        inside, silent_to = until - timedelta(microseconds=1), f"silence:{camera}"
        begin = max(last, self._hour_start(inside), parse_time(self.state.get(silent_to, known["last"] or rfc3339(until))))
        silent = self._hour(inside)["silent"]
        silent[camera] = silent.get(camera, 0) + self.store.hours.open_seconds(begin, until)
        self.state[silent_to] = rfc3339(until)

    def _filled(self, name, line, hour, start):
        """An hour's count of a line; the share of it in which its camera was silent is filled with the usual count.

        Usual are whole hours; only where none is known do hours seen in part stand in for one that was not seen at all.
        """
        count = hour["lines"].get(name, dict(NOBODY))
        open_s = self.store.hours.open_seconds(start, start + HOUR)
        silent_s = hour["silent"].get(line.camera, open_s if f"camera:{line.camera}" not in self.state else 0)
        local = self.store.hours.local(start)
        history = self.state.setdefault(f"usual:{name}:{local.isoweekday()}:{local.hour}", [])
        history[:] = [entry for entry in history if parse_time(entry["at"]) >= start - FOUR_WEEKS]
        usual = [entry for entry in history if entry["whole"]]
        if silent_s < open_s or not open_s:
            history.append({"at": rfc3339(start), "whole": not silent_s, **count})
        else:
            usual = usual or list(history)
        if not silent_s:
            return count, False
        missed = self.workers.insight.footfall.missed(usual, silent_s / open_s if open_s else 0)
        count = {**count, **{part: count[part] + missed[part] for part in missed}}
        if missed and line.kind == "door":
            self._add_to_day(missed["in"], missed["out"], start)
        return count, True

    def _hourly_score(self, total, receipts, start, end):
        watched = any(line.kind == "passer" for line in self.config.lines)
        entry_rate = 100 * total["in"] / total["passers"] if total["passers"] else None
        conversion = 100 * receipts / total["groups"] if total["groups"] else None
        self.kpi.share("conversion", receipts, total["groups"])
        if watched:
            self.kpi.share("entry_rate", total["in"], total["passers"])
        day = self._day()
        occupancy = self.workers.insight.footfall.occupancy(day["in"], day["out"], self.state.get("correction", 1.0))
        figures = {
            "customers_in": total["in"],
            "customers_out": total["out"],
            "passers": total["passers"] if watched else None,
            "staff": total["staff"],
            "groups": total["groups"],
            "receipts": receipts,
            "entry_rate": entry_rate,
            "conversion": conversion,
            "occupancy": occupancy,
        }
        units = {"entry_rate": {"unit": "%"}, "conversion": {"unit": "%"}}
        parts = [{"name": name, "value": value, **units.get(name, {})} for name, value in figures.items() if value is not None]
        window = {"from": start, "to": end}
        return out(
            "score.report", window, scheme="entrance_traffic", subject_kind="store", subject=self.store.id, score=conversion, parts=parts
        )

    def _conclude(self, judge):
        """Report the day that closed, with tomorrow's correction; with `judge`, say whether its counts can be trusted."""
        day = self._day()
        closed = parse_time(day["closed"])
        opened = self.store.hours.span(closed - timedelta(microseconds=1))
        inward, outward = day["in"], day["out"]
        footfall = self.workers.insight.footfall
        self.state["correction"] = footfall.correction(inward, outward) or self.state.get("correction", 1.0)
        imbalance = footfall.imbalance_pct(inward, outward)
        doubtful = bool(judge and (imbalance > self.config.imbalance_pct if imbalance is not None else outward))
        day["concluded"] = [inward, outward]
        day["version"] += 1
        self.kpi.set("count_imbalance", imbalance)
        window, name = {"from": opened[0] if opened else closed, "to": closed}, self.store.hours.local(closed - HOUR).date().isoformat()
        figures = {
            "customers_in": (inward, "count"),
            "customers_out": (outward, "count"),
            "count_imbalance": (imbalance, "%"),
            "correction": (self.state.get("correction", 1.0), "ratio"),
            "doubtful": (int(doubtful), "flag"),
        }
        figures = {key: {"value": value, "unit": unit} for key, (value, unit) in figures.items() if value is not None}
        text = self.say("Doubtful: in and out differ", "存疑：进出人数不符") if doubtful else None
        kind = "entrance_traffic"
        yield out("insight.report", window, report=f"{kind}-{name}", kind=kind, version=day["version"], figures=figures, text=text)
        if doubtful or self.state.get("doubtful") == name:
            yield out(
                "alert.raise",
                alert=f"count-imbalance-{name}",
                kind="count_imbalance",
                severity="warn",
                state="open" if doubtful else "cleared",
                subject=self.store.id,
                value=imbalance,
                limit=self.config.imbalance_pct,
                unit="%",
                text=self.say(
                    f"{inward} in, {outward} out on {name}: check the counting lines", f"{name} 进 {inward} 出 {outward}：请检查计数线"
                ),
            )
        self.state["doubtful"] = name if doubtful else None


@hookimpl
def storeloom_config_problems(config, store):
    """A line must have a length and lie in the picture."""
    problems = []
    for number, line in enumerate(config["lines"]):
        if list(line["from"]) == list(line["to"]):
            problems.append(
                Problem(f"lines.{number}", "The line has no length", "计数线没有长度", "Give two different points.", "请填写两个不同的点。")
            )
        for end in ("from", "to"):
            if not all(0 <= share <= 1 for share in line[end]):
                en, zh = f"The point {list(line[end])} lies outside the picture.", f"点 {list(line[end])} 在画面之外。"
                problems.append(Problem(f"lines.{number}.{end}", en, zh, "Give shares from 0 to 1.", "请填写 0 到 1 之间的比例。"))
    return problems


def _cameras(zone):
    return {view["camera"]: view for view in zone.get("cameras") or () if view.get("camera")}
