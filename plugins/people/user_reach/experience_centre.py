"""Digital experience centre: counts who passes and who comes in, and has screens and light follow who stands before each exhibit.

A zone is directed where the assets table has an exhibit in it; its screens, lights and kiosks are those of the same zone (`device` of the
asset, else the asset's id; a kiosk also by its device's zone). Screens are told items named `attract_loop`, `story` and `presentation`,
with the exhibit as `campaign`, and no items to be dark. What they show when the solution is first started stays until the first guest or
the next opening. A zone that no camera sees any more falls back as an empty one does. A guest whom staff stood beside in the zone waits
anew from when they left. A device that has never reported fails the patrol from a day after the start on; before, it may not be connected.

Staff are told by their `staff` mark, else by the uniform's colour; guests in that colour are left out with them. Zones come from the zones
table. While the store is closed nothing is counted. Only counts, stays and heat cells are kept: no picture, no face.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Annotated, Literal

from pydantic import Field

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.core.kernel.hooks import hookimpl
from storeloom.workers.insight import uptime
from storeloom.workers.vision import hosting, showroom

HOUR, FIRST_DAY, GREET_WITHIN = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)
SHOWS = {"attract": ("attract_loop", 30), "engage": ("story", 60), "present": ("presentation", 60)}  # an item, and its seconds
WORKING = ("online", "degraded")
SESSION_OVER = ("end", "timeout")
HOSTS = ("guide", "host", "sales")
ClockTime = Annotated[str, Field(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class CountingLine(SolutionConfig):
    """A counting line in picture shares, y down; the right-hand side, seen along from -> to, is inward."""

    camera: str = Field(title="Camera", json_schema_extra={"x-zh": "摄像头", "x-widget": "device"})
    start: tuple[float, float] = Field(alias="from", title="From", json_schema_extra={"x-zh": "起点"})
    end: tuple[float, float] = Field(alias="to", title="To", json_schema_extra={"x-zh": "终点"})
    kind: Literal["door", "outer"] = Field("door", title="Kind", json_schema_extra={"x-zh": "类型"})


class ExperienceCentre(Solution):
    number = 2
    zh, en = "数字化体验中心", "Digital experience centre"
    purpose_zh = "统计路过与进店人数，按顾客站位联动大屏与灯光讲解展品，提醒同事接待，并定时巡检屏幕、灯光与展品。"
    formats = ("specialty", "mall")
    produces = ("vision.count", "vision.zone", "vision.heatmap", "sign.play", "light.set", "kiosk.show", "task.create", "alert.raise",
                "insight.report")  # fmt: skip
    adapters = ("camera", "signage", "lighting?", "kiosk?")
    reads = ("zones", "assets", "staff?")
    load = "vision"
    kpis = {
        "capture_rate": kpi("%", "Capture rate", "进店率"),
        "dwell_median": kpi("s", "Median stay at an exhibit", "展区停留中位数"),
        "greeting_delay": kpi("s", "Time until a guest is greeted", "接待响应时长"),
        "screen_uptime": kpi("%", "Screen uptime", "屏幕在线率"),
    }
    kinds = {"greet_guest": ("Greet a guest", "接待顾客"), "device_silent": ("Device silent", "设备无响应")}

    class Config(SolutionConfig):
        lines: list[CountingLine] = setting(lambda: [], "Counting lines", "计数线", effect="reload", widget="lines",
            help_en="Outer lines count passers, door lines entrants; inward is to the right hand of from -> to.",
            help_zh="outer 统计路过，door 统计进店；沿起点到终点方向的右侧为进。")  # fmt: skip
        engage_after_s: int = setting(3, "Stay of a guest that starts the story", "触发讲解的停留", unit="s", ge=1, le=60)
        idle_s: int = setting(60, "Empty time until the attract loop", "恢复循环的空置时长", unit="s", ge=5, le=600)
        help_after_s: int = setting(120, "Stay without staff that asks for a greeting", "无人接待提醒时长", unit="s", ge=30, le=1800)
        patrol_times: list[ClockTime] = setting(lambda: ["09:30", "14:00", "19:00"], "Equipment patrols", "设备巡检时间", widget="time")
        stale_s: int = setting(300, "Silence that fails the patrol", "判定失联的静默时长", unit="s", ge=30, le=3600)
        attract_level: int = setting(30, "Light of a zone without guests", "无人时展区亮度", unit="%", ge=0, le=100)
        uniform_colour: str = setting("black", "Colour of the uniform (name or #rrggbb)", "工服颜色（颜色名或 #rrggbb）", min_length=1)

    def start(self):
        self.state["started"] = plain(self.now)

    @on("camera.frame")
    def look(self, event):
        from storeloom.workers.vision.algorithms.placed import staff_of, tracked
        from storeloom.workers.vision.places import places_of

        name = event["camera"]
        camera = self.state.setdefault(f"camera:{name}", {"last_s": None, "staff": {}, "heat": {}})
        view = self.workers.vision.view(event.data, event.time)
        if not self.store.hours.is_open(event.time) or (camera["last_s"] is not None and view.t_s <= camera["last_s"]):
            return
        camera["last_s"] = view.t_s
        people = tracked(view)
        staff = camera["staff"] = staff_of(view, people, (self.config.uniform_colour,), camera["staff"])
        guests = {track: person for track, person in people.items() if track not in staff}
        self._count(name, guests, view)
        zone = next((one.zone for one in self.devices.get("camera", ()) if one.id == name), None)
        places = self.tables.zones.derived(f"places of {name} in {zone}", lambda rows: places_of(name, rows, zone))
        if any(line.camera == name for line in self.config.lines) and not self._named(name, zone):
            places = tuple(replace(place, alone=False) for place in places)
        shown = tuple(place for place in places if place.zone in self._fittings().shows)
        yield from self._heat(camera, view, shown)
        for place in shown:
            colleagues = sum(place.holds(person) for track, person in people.items() if track in staff)
            yield from self._stand(name, place, guests, colleagues, view.t_s)

    @on("kiosk.event?")
    def used(self, event):
        stands = next((one.zone for one in self.devices.get("kiosk", ()) if one.id == event["kiosk"]), None)
        zone_id = self._fittings().zone_of.get(event["kiosk"], stands)
        if zone_id not in self._fittings().shows:
            return
        zone, key = self._zone(zone_id), f"{event['kiosk']}|{event['session']}"
        if event["kind"] in SESSION_OVER:
            if key in zone["sessions"]:
                zone["sessions"].remove(key)
                if not zone["sessions"] and zone["mode"] == "present":
                    self.timers.set("idle", zone_id, event.time + timedelta(seconds=self.config.idle_s))
                    yield from self._turn_to(zone_id, "engage")
        elif key not in zone["sessions"] and self.store.hours.is_open(event.time):
            zone["sessions"].append(key)
            params = {"zone": zone_id, "exhibit": self._fittings().shows[zone_id].exhibit}
            yield out("kiosk.show", kiosk=event["kiosk"], screen="presentation", session=event["session"], params=params)
            yield from self._turn_to(zone_id, "present")

    @on("device.status?")
    def reported(self, event):
        for asset in self._fittings().named.get(event["device"], ()):
            known = self.state.setdefault(f"report:{asset['asset']}", uptime.begin(event.time))
            if event.time < parse_time(known["at"]):
                continue
            self._count_uptime(asset, known, event.time)
            known |= {"at": plain(event.time), "works": event["state"] in WORKING}
            if known.pop("alert", False):
                yield self._alert(asset, 0, "cleared")

    @timer("judge")
    def judge(self, due):
        return self._judge(due.key, due.time.timestamp())

    @timer("idle")
    def empty(self, due):
        """A zone has stood empty, or has not been seen, for `idle_s`."""
        zone = self._zone(due.key)
        for stay in hosting.unseen(zone, due.time.timestamp(), self.config.idle_s):
            yield self._stay_over(due.key, stay, 0)
        if not zone["sessions"] and zone["mode"] != "closed":
            yield from self._turn_to(due.key, "attract")

    @every("1m")
    def patrol(self, due):
        local = self.store.hours.local(due.time)
        if f"{local:%H:%M}" not in self.config.patrol_times:
            return
        if self.store.hours.day(local.date()) is None and not self.store.hours.is_open(due.time):
            return
        started = parse_time(self.state["started"])
        for asset in self._fittings().reporting:
            key = f"report:{asset['asset']}"
            if key not in self.state and (not asset.get("device") or due.time - started <= FIRST_DAY):
                continue
            known = self.state.setdefault(key, uptime.begin(started, due.time))
            silent_s = uptime.silent_s(known, due.time)
            if silent_s > self.config.stale_s:
                known["alert"] = True
                yield self._alert(asset, silent_s, "open")

    @every("1h")
    def hour(self, due):
        for asset in self._fittings().reporting:
            known = self.state.get(f"report:{asset['asset']}")
            if known is not None:
                self._count_uptime(asset, known, due.time)
        start = due.time - HOUR
        counted = self.state.pop(f"hour:{plain(start)}", {"lines": {}, "stays": [], "greetings": 0})
        if not counted["lines"] and not self.store.hours.open_seconds(start, due.time):
            return
        totals = {"door": 0, "outer": 0}
        for name, line in self._lines():
            count = counted["lines"].get(name, {"in": 0, "out": 0})
            passers = count["in"] + count["out"] if line.kind == "outer" else None
            totals[line.kind] += count["in"] if passers is None else passers
            window = {"class": "person", "from": start, "to": due.time, **count}
            yield out("vision.count", window, line=name, camera=line.camera, passers=passers, staff_excluded=True)
        passers, entrants = totals["outer"], totals["door"]
        figures = {"passers": (passers, "count"), "entrants": (entrants, "count"), "greetings": (counted["greetings"], "count")}
        if passers:
            figures["capture_rate"] = (100 * entrants / passers, "%")
        if counted["stays"]:
            figures["dwell_median"] = (median(counted["stays"]), "s")
        figures = {name: {"value": value, "unit": unit} for name, (value, unit) in figures.items()}
        yield out("insight.report", {"from": start, "to": due.time}, report=f"experience_centre-{plain(start)}", kind="experience_centre",
                  version=1, figures=figures)  # fmt: skip

    @every("1d", at="open")
    def opening(self, due):
        for zone_id in self._fittings().shows:
            yield from self._turn_to(zone_id, "attract")

    @every("1d", at="close")
    def closing(self, due):
        for zone_id in self._fittings().shows:
            zone = self._zone(zone_id)
            for stay in hosting.end_all(zone):
                yield self._stay_over(zone_id, stay, 0)
            zone["sessions"] = []
            for alarm in ("idle", "judge"):
                self.timers.cancel(alarm, zone_id)
            yield from self._turn_to(zone_id, "closed")

    def _fittings(self):
        return self.tables.assets.derived("fittings", showroom.fittings)

    def _zone(self, zone_id):
        return self.state.setdefault(f"zone:{zone_id}", {"mode": "attract", "sessions": [], **hosting.begin()})

    def _named(self, camera, device_zone):
        """Whether the tables say which zone a camera sees; one over a counting line that they do not name need not see any."""
        return device_zone is not None or any(
            entry.get("camera") == camera for zone in self.tables.zones.rows() for entry in zone.get("cameras") or ()
        )

    def _lines(self):
        counts = {}
        for line in self.config.lines:
            number = counts[line.camera, line.kind] = counts.get((line.camera, line.kind), 0) + 1
            yield f"{line.camera}-{line.kind}-{number}", line

    def _hour(self):
        """What is counted in the hour of the event at hand."""
        local = self.store.hours.local(self.now)
        start = self.now - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        return self.state.setdefault(f"hour:{plain(start)}", {"lines": {}, "stays": [], "greetings": 0})

    def _count(self, camera, guests, view):
        from storeloom.workers.vision import lines

        feet = {track: person.foot for track, person in guests.items()}
        for name, line in self._lines():
            if line.camera != camera:
                continue
            key = f"line:{name}"
            self.state[key], crossings = lines.step(self.state.get(key, {}), lines.Line(line.start, line.end), feet, view.t_s)
            for crossing in crossings:
                count = self._hour()["lines"].setdefault(name, {"in": 0, "out": 0})
                count[crossing.direction] += 1
                entered = line.kind == "door" and crossing.direction == "in"
                self.kpi.share("capture_rate", int(entered), int(line.kind == "outer"))

    def _heat(self, camera, view, places):
        from storeloom.workers.vision.algorithms.placed import ZoneHeat, ZoneHeatForm

        heat = ZoneHeat(places, ZoneHeatForm(window_s=HOUR.total_seconds(), uniform=(self.config.uniform_colour,)))
        camera["heat"], readings = heat.look(view, camera["heat"])
        for reading in readings:
            yield out(reading.stream, dict(reading.data))

    def _stand(self, camera, place, guests, colleagues, t_s):
        """Advance who stands in a zone by one frame of one camera."""
        zone = self._zone(place.zone)
        sight = hosting.advance(zone, camera, place, guests, colleagues, t_s)
        for waited_s in sight.greeted_s:
            self.kpi.sample("greeting_delay", waited_s, "median")
        for stay in sight.left:
            yield self._stay_over(place.zone, stay, sight.occupancy)
        if zone["mode"] != "attract" and sight.alive:
            self._wait("idle", place.zone, t_s + self.config.idle_s)
        yield from self._judge(place.zone, t_s)

    def _stay_over(self, zone_id, stay, occupancy):
        dwell_s = round(stay.dwell_s, 3)
        if dwell_s > 0:  # who was in one picture alone has not been measured
            self.kpi.sample("dwell_median", dwell_s, "median")
            self._hour()["stays"].append(dwell_s)
        window = {"from": datetime.fromtimestamp(stay.from_s, UTC), "to": datetime.fromtimestamp(stay.to_s, UTC)}
        return out("vision.zone", window, zone=zone_id, camera=stay.track.partition("|")[0], occupancy=occupancy, dwell_s=dwell_s)

    def _judge(self, zone_id, now_s):
        """Start the story and ask for a colleague where a guest has stood for long enough; wait for the next who will have."""
        if not self.store.hours.is_open(self.now):
            return
        zone, config = self._zone(zone_id), self.config
        engage_after_s = config.engage_after_s if zone["mode"] == "attract" else None
        due = hosting.due(zone, now_s, engage_after_s=engage_after_s, help_after_s=config.help_after_s)
        if due.story_s is not None:
            self._wait("idle", zone_id, due.story_s + config.idle_s)
            yield from self._turn_to(zone_id, "engage")
        for key, first_s in due.greet:
            self._hour()["greetings"] += 1
            yield self._greeting(zone_id, key, first_s, now_s)
        if due.next_s is None:
            self.timers.cancel("judge", zone_id)
        else:
            self._wait("judge", zone_id, due.next_s)

    def _wait(self, alarm, zone_id, until_s):
        self.timers.set(alarm, zone_id, datetime.fromtimestamp(until_s, UTC))

    def _greeting(self, zone_id, key, first_s, now_s):
        name = (self.tables.zones.get(zone_id) or {}).get("name") or zone_id
        known = {role for person in self.tables.staff.rows() for role in person.get("roles") or ()}
        role = next((role for role in HOSTS if role in known), HOSTS[-1])
        waited_s = round(now_s - first_s)
        title = self.say(f"{name}: greet a guest who has been there for {waited_s} s", f"{name}：顾客已停留 {waited_s} 秒，请前去接待")
        due = datetime.fromtimestamp(now_s, UTC) + GREET_WITHIN
        return out("task.create", task=f"greet-{zone_id}-{key}-{int(first_s)}", kind="greet_guest", title=title, priority=2, zone=zone_id,
                   role=role, due=due, values={"dwell_s": waited_s})  # fmt: skip

    def _turn_to(self, zone_id, mode):
        """Bring a zone's screens and lights into a mode; those in it already are left alone, save at opening and closing."""
        zone = self._zone(zone_id)
        if zone["mode"] == mode and mode in ("engage", "present"):
            return
        zone["mode"] = mode
        show = self._fittings().shows.get(zone_id)
        if show is None:  # taken away since
            return
        item, seconds = SHOWS.get(mode, (None, 0))
        items = [{"asset": item, "duration_s": seconds, "campaign": show.exhibit, "params": {"zone": zone_id}}] if item else []
        for screen in show.screens:
            yield out("sign.play", screen=screen, items=items)
        level = self.config.attract_level if mode == "attract" else 100
        for light in show.lights if mode != "closed" else ():
            yield out("light.set", group=light, level_pct=level, priority="comfort")

    def _count_uptime(self, asset, known, now):
        up_s, whole_s = uptime.count(known, now, self.config.stale_s, self.store.hours.open_seconds)
        if asset["kind"] == "screen":
            self.kpi.share("screen_uptime", up_s, whole_s)

    def _alert(self, asset, silent_s, state):
        name = asset.get("name") or asset["asset"]
        text = self.say(f"{name} has not reported for {silent_s:.0f} s", f"{name} 已 {silent_s:.0f} 秒没有响应")
        text = text if state == "open" else self.say(f"{name} reports again", f"{name} 已恢复响应")
        return out("alert.raise", alert=f"device-silent-{asset['asset']}", kind="device_silent", severity="warn", state=state,
                   subject=asset["asset"], asset=asset["asset"], zone=asset.get("zone"), text=text, value=silent_s,
                   limit=self.config.stale_s, unit="s")  # fmt: skip


@hookimpl
def storeloom_config_problems(config, store):
    """A line must have a length, and the uniform a colour that is known."""
    from storeloom.workers.vision.colour import NAMES, parse
    from storeloom.workers.vision.errors import ColourError

    problems = [
        Problem(f"lines.{number}", "The line has no length", "计数线没有长度", "Give two different points.", "请填写两个不同的点。")
        for number, line in enumerate(config["lines"])
        if list(line["from"]) == list(line["to"])
    ]
    try:
        parse(config["uniform_colour"])
    except ColourError as error:
        known = ", ".join(NAMES)
        problems.append(Problem("uniform_colour", error.what, "未知的颜色", error.remedy, f"请填 #rrggbb 或以下之一：{known}。"))
    return problems
