"""Restricted-area intrusion and access guard: arms itself after closing, tells people from cats and shadows, confirms by a second sensor
before waking anyone, and sees who slips through a door behind a badge.

While armed the whole store is one area, parking and delivery grids left out; by day each restricted zone is one. Any signal opens an
unconfirmed incident, with an audio warning and lights; a different detector within `confirm_min` of its first signal confirms it, which
alone alerts. Detectors are cameras, door contacts that open, presence sensors, and gates that open without a grant or by force. By day a
sensor only confirms, because admitted people set it off too. A lost camera is known by `device.status` (offline or fault). After a granted
entry signals are held back for `entry_delay_s`: staff who clock in meanwhile disarm, and the last of them to clock out arms it again.

A gate belongs to its device's zone and to zones with it under `doors`; its cameras are those of these zones. The door line is the border of
the zone, and in the picture the camera's setting `line` (crossing to its right is in), else its middle lines in either direction. Gates
that count (`passed`) and cameras are not added up. `task.done` that names an incident or alert closes both.

Privacy: tracks for a minute, no face, no frame. An incident's `clip` names the camera and time that a recorder may keep, faces blurred.
"""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.core.kernel.hooks import hookimpl

BEFORE_OPENING = timedelta(minutes=60)
QUIET = timedelta(minutes=10)
CLIP = timedelta(seconds=10)
GRANTS_KEPT_S = 180.0
OUTDOORS = ("parking", "grid")
STORE = "store"
MIDDLES = {"across": ((0.0, 0.5), (1.0, 0.5)), "down": ((0.5, 0.0), (0.5, 1.0))}
OPENED = ("opened", "passed", "held")
CLOSED_TASK = ("done", "approved", "rejected", "cancelled")
Frames = Annotated[int, Field(ge=1, le=100)]


class IntrusionGuard(Solution):
    number = 159
    zh, en = "重点区域防入侵与门禁联动", "Restricted-area intrusion and access guard"
    purpose_zh = "打烊后自动布防，区分人与猫和影子，经第二个探测器确认后才叫人，并识别尾随刷卡者。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("vision.incident", "alert.raise", "audio.play", "light.set")
    adapters = ("camera", "gate?", "sensor?", "audio?", "lighting?")
    reads = ("zones", "staff")
    kpis = {
        "incidents_confirmed": kpi("count", "Confirmed incidents", "已确认入侵"),
        "unconfirmed_incidents": kpi("count", "Unconfirmed incidents", "未确认事件"),
        "armed_on_time": kpi("%", "Armed on time", "按时布防率"),
        "tailgating": kpi("count", "Tailgating", "尾随事件"),
    }
    kinds = {"intrusion": ("Confirmed intrusion", "确认入侵"), "not_armed": ("Store not armed", "门店未布防")}
    load = "vision"

    class Config(SolutionConfig):
        restricted: list[str] = setting([], "Zones armed day and night", "全天布防区域", widget="table",
            help_en="Such as the cash room or pharmacy. Empty: armed only after closing.", help_zh="如金库、药房；留空则仅打烊后布防。")  # fmt: skip
        arm_delay_min: int = setting(30, "Armed after closing", "打烊后布防延时", unit="min", ge=0, le=240,
            help_en="If the store is empty by then.", help_zh="届时店内无人才布防。")  # fmt: skip
        empty_min: int = setting(10, "Nobody seen before arming", "布防前无人时长", unit="min", ge=1, le=60,
            help_en="People-free time needed to arm.", help_zh="布防所需的无人时长。")  # fmt: skip
        hits: list[Frames] = setting([4, 5], "Frames with a person, of the last frames", "有人帧数与最近帧数", min_length=2, max_length=2,
            help_en="A person counts when seen in at least a of the last b frames.", help_zh="最近 b 帧中至少 a 帧有人才算。")  # fmt: skip
        min_height_px: int = setting(60, "Lowest figure", "最小人像高度", unit="px", ge=10, le=500,
            help_en="Smaller figures are ignored.", help_zh="更小的人像忽略。")  # fmt: skip
        confirm_min: int = setting(30, "Time to confirm", "确认时限", unit="min", ge=1, le=60,
            help_en="Time in which a second, different detector confirms.", help_zh="第二个不同探测器确认的时限。")  # fmt: skip
        grant_s: int = setting(10, "Grant admits for", "授权有效时长", unit="s", ge=3, le=60,
            help_en="One granted opening admits one person for this long.", help_zh="一次授权开门在此时间内放行一人。")  # fmt: skip
        entry_delay_s: int = setting(45, "Time to disarm", "进店撤防延时", unit="s", ge=0, le=180,
            help_en="Time to clock in after a granted entry.", help_zh="授权进门后打卡撤防的时间。")  # fmt: skip

    def start(self):
        """A guard that first runs at night takes the store as empty."""
        night = self._night(self.now)
        if night and self.now >= night.arm:
            self.state["armed"] = {"closed": plain(night.closed)}
        if night:
            self._set_night(night)

    @every("1d", at="close")
    def closing(self, due):
        night = self._night(due.time)
        if night:
            self.state["judge"] = plain(night.arm)
            self._set_night(night)
            self.timers.set("late", "", night.tell)

    @timer("arm")
    def arm(self, due):
        night, seen = self._night(due.time), self._seen()
        if not night or "armed" in self.state or self.state.get("inside"):
            return
        at = self.workers.security.arming.arms_at(night.arm, seen, timedelta(minutes=self.config.empty_min))
        if self.state.get("judge") == plain(due.time):
            self.kpi.share("armed_on_time", int(at <= due.time), 1)
        if at > due.time:
            self.timers.set("arm", "", at)
            return
        self.state["armed"] = {"closed": plain(night.closed)}
        self.timers.cancel("late", "")
        yield from self._told_late("cleared")

    @timer("late")
    def late(self, due):
        if "armed" not in self.state:
            yield from self._told_late("open")

    @timer("disarm")
    def disarm(self, due):
        for key in ("armed", "entry", "inside"):
            self.state.pop(key, None)
        self.timers.cancel("arm", "")
        yield from self._told_late("cleared")

    @on("camera.frame")
    def look(self, event):
        from storeloom.workers.vision.places import place_at, places_of

        camera, last = event["camera"], self.state.get(f"last|{event['camera']}")
        if last is not None and event.time < parse_time(last):
            return
        self.state[f"last|{camera}"] = plain(event.time)
        seen = self.workers.vision.view(event.data, event.time).observation
        high = event.get("height") or (seen.shape[0] if seen.shape else None)
        people = [one for one in seen.of("person") if high is None or one.box[3] * high >= self.config.min_height_px - 1e-6]
        places = places_of(camera, self.tables.zones.rows(), self._device_zone("camera", camera))
        spots = []
        for person in people:
            place = place_at(places, person)
            zone = place.zone if place else self._device_zone("camera", camera)
            if (place and place.kind not in OUTDOORS) or (not place and not any(one.certain for one in places)):
                spots.append((zone, person))
        if spots:
            self._people_seen(event.time)
        yield from self._watch_door(event, places, people)
        yield from self._watch_areas(event, places, spots)

    @on("sensor.reading?")
    def sensed(self, event):
        if event["kind"] not in ("door", "presence") or event.get("quality") == "bad":
            return
        key = f"sensor|{event['sensor']}"
        before, self.state[key] = self.state.get(key), event["value"]
        if not event["value"] or (event["kind"] == "door" and before):
            return
        zone = event.get("zone") or next(iter(self._zones_of("sensor", event["sensor"])), None)
        if event["kind"] == "presence" and not self._outdoors(zone):
            self._people_seen(event.time)
        yield from self._sensor_signal(f"sensor:{event['sensor']}", zone, event.time)

    @on("device.status?")
    def camera_lost(self, event):
        if event["kind"] != "camera" or event["state"] not in ("offline", "fault"):
            return
        zone = next(iter(self._zones_of("camera", event["device"])), None)
        yield from self._sensor_signal(f"camera:{event['device']}", zone, event.time, camera=event["device"])

    @on("gate.state")
    def gate(self, event):
        kind, gate = event["kind"], event["gate"]
        zones = self._zones_of("gate", gate)
        door = self._door(gate, event.time)
        if kind == "granted" and event.get("direction") != "out":
            door["grants"].append(event.time.timestamp())
            self._entered(event)
        if kind == "passed" and event.get("direction") != "out":
            door["crossings"].setdefault("gate", []).extend([event.time.timestamp()] * (event.get("count") or 1))
        yield from self._followers(gate, door, next(iter(zones), None), None)
        leaving = event.get("direction") == "out" and kind != "forced"
        if kind == "forced" or (kind in OPENED and not leaving and not self._granted(door, event.time)):
            yield from self._sensor_signal(f"gate:{gate}", next(iter(zones), None), event.time, forced=kind == "forced")

    @on("staff.clock?")
    def clocked(self, event):
        staff, entry, inside = event["staff"], self.state.get("entry"), self.state.setdefault("inside", [])
        if event["kind"] == "in" and entry and self._may_disarm(staff, entry, event.time):
            inside.append(staff)
            self.state.pop("armed", None)
            self._entry_over()
        elif event["kind"] == "out" and staff in inside:
            inside.remove(staff)
            if not inside:
                self.timers.set("arm", "", self._earliest(event.time))

    @timer("entry")
    def entry_delay_over(self, due):
        """Nobody clocked in: what was held back counts."""
        for held in self._entry_over():
            yield from self._signal(held["detector"], STORE, held["zone"], parse_time(held["at"]), held["camera"], held["track"])

    @on("task.done?")
    def reviewed(self, event):
        about = {event["task"], (event.get("ref") or {}).get("id"), (event.get("values") or {}).get("incident")}
        if event["state"] not in CLOSED_TASK:
            return
        for key in [key for key in self.state if key.startswith("incident|") and self.state[key]["id"] in about]:
            yield from self._close(key.partition("|")[2], event.time)
        for key in [key for key in self.state if key.startswith("alert|") and key.partition("|")[2] in about]:
            yield self._alert(key.partition("|")[2], self.state.pop(key), "cleared")

    @timer("quiet")
    def quiet(self, due):
        yield from self._close(due.key, due.time)

    def _watch_areas(self, event, places, spots):
        """The last frames of each area that this camera sees, and the person who makes enough of them."""
        kept, camera = self.state.get(f"frames|{event['camera']}", {}), event["camera"]
        if self._armed(event.time):
            strangers = {STORE: spots}
        else:
            zones = {one.zone for one in places if one.certain} | {zone for zone, _ in spots}
            strangers = {zone: self._strangers(camera, zone, spots, event.time) for zone in self.config.restricted if zone in zones}
        frames = {area: [*kept.get(area, []), int(bool(found))][-self.config.hits[1] :] for area, found in strangers.items()}
        if frames or kept:
            self.state[f"frames|{camera}"] = frames
        for area, found in strangers.items():
            if found and sum(frames[area]) >= self.config.hits[0]:
                zone, person = found[0]
                entry = self.state.get("entry") if area == STORE else None
                if entry and event.time <= parse_time(entry["until"]):
                    held = {"detector": f"camera:{camera}", "zone": zone, "at": plain(event.time), "camera": camera, "track": person.track}
                    entry["held"].append(held)
                else:
                    yield from self._signal(f"camera:{camera}", area, zone, event.time, camera, person.track)

    def _strangers(self, camera, zone, spots, at):
        """Who stands in a zone by day without a grant of a gate that leads into it."""
        inside = {person.track or f"?{number}": (zone, person) for number, (where, person) in enumerate(spots) if where == zone}
        grants = [g for gate in self._gates_of(zone) for g in self.state[f"door|{gate}"]["grants"]]
        key = f"admitted|{camera}|{zone}"
        self.state[key], strangers = self.workers.security.grants.admit(
            self.state.get(key, {}), grants, {name: person.foot for name, (_, person) in inside.items()}, at.timestamp(), self.config.grant_s)  # fmt: skip
        return [spot for name, spot in inside.items() if name in strangers]

    def _watch_door(self, event, places, people):
        """Crossings of a gate's door line, in each direction by itself: who leaves follows nobody who comes."""
        camera, zones = event["camera"], {one.zone for one in places if one.certain}
        gates = [gate for gate in self._known_gates() if self._watches(camera, zones, self._zones_of("gate", gate))]
        feet = {one.track: one.foot for one in people if one.track is not None}
        drawn = self._settings("camera", camera).get("line")
        lines, state = self.workers.vision_lines if False else None, self.state.get(f"line|{camera}", {})
        del lines
        if not gates and not state:
            return
        yield from self._crossed(event, places, people, gates, feet, drawn, state)

    def _told_late(self, state):
        if (state == "open") == self.state.get("late", False):
            return
        self.state["late"] = state == "open"
        text = self.say("The store is not armed: people were seen", "门店未布防：仍有人员活动") if state == "open" else self.say(
            "The store is armed or open again", "门店已布防或已恢复营业")  # fmt: skip
        yield out("alert.raise", alert=f"not-armed-{self.store.id}", kind="not_armed", severity="warn", state=state,
            subject=self.store.id, text=text)  # fmt: skip
