"""Restricted-area intrusion and access guard: arms itself after closing, tells people from cats and shadows, confirms by a second sensor
before waking anyone, and sees who slips through a door behind a badge.

While armed the whole store is one area, parking and delivery grids left out; by day each restricted zone is one. Any signal opens an
unconfirmed incident, with an audio warning and lights; a different detector within `confirm_min` of its first signal confirms it, which
alone alerts. Detectors are cameras, door contacts that open, presence sensors, and gates that open without a grant or by force. By day a
sensor only confirms, because admitted people set it off too. A lost camera is known by `device.status` (offline or fault). After a granted
entry signals are held back for `entry_delay_s`: staff who clock in meanwhile disarm, and the last of them to clock out arms it again.

A gate belongs to the zones with it under `doors`, else to its device's; its cameras are those of these zones, or those whose setting
`gate` names it. The door line is the border of the zone, and in the picture the camera's setting `line` (crossing to its right is in), else
its middle lines, either way. Gates that count (`passed`) and cameras are not added up. `task.done` that names an incident or its alert
closes both.

Privacy: tracks for a minute, no face, no frame. An incident's `clip` names the camera and time that a recorder may keep, people blurred.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.core.kernel.hooks import hookimpl

BEFORE_OPENING = timedelta(minutes=60)
QUIET_S = 600.0
CLIP = timedelta(seconds=10)
STORE = "store"
OPENED = ("opened", "passed", "held")
SETTLED = ("done", "approved", "rejected", "cancelled")
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
        restricted: list[str] = setting([], "Zones armed day and night, such as the cash room", "全天布防区域，如金库、药房")
        arm_delay_min: int = setting(30, "Armed after closing, if empty", "打烊后无人时的布防延时", unit="min", ge=0, le=240)
        empty_min: int = setting(10, "Nobody seen before arming", "布防前无人时长", unit="min", ge=1, le=60)
        hits: list[Frames] = setting([4, 5], "Frames with a person, of the last frames", "有人帧数与最近帧数", min_length=2, max_length=2)
        min_height_px: int = setting(60, "Smaller figures are ignored", "忽略更小的人像", unit="px", ge=10, le=500)
        confirm_min: int = setting(30, "Time for a second detector to confirm", "第二个探测器的确认时限", unit="min", ge=1, le=60)
        grant_s: int = setting(10, "One grant admits one person for", "一次授权放行一人的时长", unit="s", ge=3, le=60)
        entry_delay_s: int = setting(45, "Time to clock in after a granted entry", "授权进门后打卡撤防的时限", unit="s", ge=0, le=180)

    def start(self):
        """A guard that first runs after the time to arm takes the store as empty."""
        night = self._night(self.now)
        if night and self.now > night.arm:
            self.state["armed"] = plain(self.now)
            self._disarm_at(night)
        elif night:
            self._await_arming(night)

    @every("1d", at="close")
    def closing(self, due):
        night = self._night(due.time)
        if night:
            self._await_arming(night)

    @timer("arm")
    def arm(self, due):
        night, seen = self._night(due.time), self.state.get("seen")
        if not night or "armed" in self.state or self.state.get("inside"):
            return
        empty = timedelta(minutes=self.config.empty_min)
        at = self.workers.security.arming.arms_at(night.arm, seen and parse_time(seen), empty)
        if self.state.get("judge") == plain(due.time):
            self.kpi.share("armed_on_time", int(at <= due.time), 1)
            del self.state["judge"]
        if at > due.time:
            self.timers.set("arm", "", at)
            return
        self.state["armed"] = plain(due.time)
        self.timers.cancel("late", "")
        yield from self._told_late("cleared")

    @timer("late")
    def late(self, due):
        if "armed" not in self.state:
            yield from self._told_late("open")

    @timer("disarm")
    def disarm(self, due):
        for key in ("armed", "inside"):
            self.state.pop(key, None)
        self._entry_over()
        self.timers.cancel("arm", "")
        yield from self._told_late("cleared")

    @on("camera.frame")
    def look(self, event):
        from storeloom.workers.vision.places import places_of

        camera, last = event["camera"], self.state.get(f"last|{event['camera']}")
        if last is not None and event.time < parse_time(last):
            return
        self.state[f"last|{camera}"] = plain(event.time)
        seen = self.workers.vision.view(event.data, event.time).observation
        high = event.get("height") or (seen.shape[0] if seen.shape else None)
        people = [one for one in seen.of("person") if high is None or one.box[3] * high >= self.config.min_height_px - 1e-6]
        device = self._device("camera", camera)
        places = places_of(camera, self.tables.zones.rows(), device and device.zone)
        spots = self.workers.security.areas.standing(places, people, device and device.zone)
        if spots:
            self._people_seen(event.time)
        yield from self._watch_doors(event, places, people)
        yield from self._watch_areas(event, places, spots)

    @on("sensor.reading?")
    def sensed(self, event):
        if event["kind"] not in ("door", "presence") or event.get("quality") == "bad":
            return
        key = f"sensor|{event['sensor']}"
        before, self.state[key] = self.state.get(key), event["value"]
        if not event["value"] or (event["kind"] == "door" and before):
            return
        zone = event.get("zone") or self._zone("sensor", event["sensor"])
        if event["kind"] == "presence" and not self._outdoors(zone):
            self._people_seen(event.time)
        yield from self._sensor_signal(f"sensor:{event['sensor']}", zone, event.time)

    @on("device.status?")
    def camera_lost(self, event):
        if event["kind"] == "camera" and event["state"] in ("offline", "fault"):
            camera = event["device"]
            yield from self._sensor_signal(f"camera:{camera}", self._zone("camera", camera), event.time, camera=camera)

    @on("gate.state")
    def gate(self, event):
        kind, gate, t_s = event["kind"], event["gate"], event.time.timestamp()
        inward, zone, door = event.get("direction") != "out", self._zone("gate", event["gate"]), self._door(event["gate"], event.time)
        if kind == "granted" and inward:
            door["grants"].append(t_s)
            self._entered(event)
        if kind == "passed" and inward:
            door["crossings"].setdefault("gate", {}).update({f"{t_s}#{number}": t_s for number in range(event.get("count") or 1)})
        yield from self._followers(gate, door, zone)
        if kind == "forced" or (
            kind in OPENED and inward and not self.workers.security.grants.granted(door["grants"], t_s, self.config.grant_s)
        ):
            yield from self._sensor_signal(f"gate:{gate}", zone, event.time, forced=kind == "forced")

    @on("staff.clock?")
    def clocked(self, event):
        staff, entry, inside = event["staff"], self.state.get("entry"), self.state.setdefault("inside", [])
        if event["kind"] == "in" and entry and self._may_disarm(staff, entry, event.time):
            inside.append(staff)
            self.state.pop("armed", None)
            self._entry_over()
        elif event["kind"] == "out" and staff in inside:
            inside.remove(staff)
            night = self._night(self.now)
            if night and not inside:
                self.timers.set("arm", "", max(self.now, night.arm))

    @timer("entry")
    def entry_delay_over(self, due):
        """Nobody clocked in: what was held back counts."""
        for held in self._entry_over():
            yield from self._signal(held["detector"], STORE, held["zone"], parse_time(held["at"]), held["camera"], held["track"])

    @on("task.done?")
    def reviewed(self, event):
        about = {event["task"], (event.get("ref") or {}).get("id"), (event.get("values") or {}).get("incident")}
        if event["state"] not in SETTLED:
            return
        for key in [key for key in self.state if key.startswith("incident|") and self.state[key]["id"] in about]:
            yield from self._close(key.partition("|")[2])
        for key in [key for key in self.state if key.startswith("alert|") and key.partition("|")[2] in about]:
            yield self._alert(key.partition("|")[2], self.state.pop(key), "cleared")

    @timer("quiet")
    def quiet(self, due):
        yield from self._close(due.key)

    def _watch_areas(self, event, places, spots):
        """The last frames of each area that this camera sees, and whoever makes enough of them."""
        camera, kept = event["camera"], self.state.get(f"frames|{event['camera']}", {})
        if self._armed(event.time):
            found = {STORE: spots}
        else:
            zones = {one.zone for one in places if one.certain} | {zone for zone, _ in spots}
            found = {zone: self._strangers(camera, zone, spots, event.time) for zone in self.config.restricted if zone in zones}
        needed, last = self.config.hits
        frames = self.workers.security.areas.last_frames(kept, found, last)
        if frames or kept:
            self.state[f"frames|{camera}"] = frames
        for area, people in found.items():
            if not people or sum(frames[area]) < needed:
                continue
            zone, person = people[0]
            if area == STORE:
                yield from self._night_signal(f"camera:{camera}", zone, event.time, camera, person.track)
            else:
                yield from self._signal(f"camera:{camera}", area, zone, event.time, camera, person.track)

    def _strangers(self, camera, zone, spots, at):
        """Who stands in a zone by day without a grant of a gate into it (of any gate that belongs nowhere)."""
        inside = {person.track or f"?{number}": (where, person) for number, (where, person) in enumerate(spots) if where == zone}
        gates = {key[5:]: self.state[key]["grants"] for key in self.state if key.startswith("door|")}
        leads = {gate: self._zones_of("gate", gate) for gate in gates}
        grants = [grant for gate, given in gates.items() if zone in leads[gate] or not leads[gate] for grant in given]
        key, feet = f"admitted|{camera}|{zone}", {track: person.foot for track, (_, person) in inside.items()}
        before, window_s = self.state.get(key, {}), self.config.grant_s
        self.state[key], strangers = self.workers.security.grants.admit(before, grants, feet, at.timestamp(), window_s)
        return [spot for track, spot in inside.items() if track in strangers]

    def _watch_doors(self, event, places, people):
        """Crossings of door lines in this camera's picture, for the gates that it sees."""
        from storeloom.workers.vision.lines import Line
        from storeloom.workers.vision.places import place_at

        camera, own, key = event["camera"], [one for one in places if one.certain], f"way|{event['camera']}"
        device = self._device("camera", camera)
        settings = device.settings if device else {}
        drawn = settings.get("line")
        line = Line(*map(tuple, drawn)) if isinstance(drawn, list) else None  # a text names a line that the device itself counts at
        if own and not (
            settings.get("gate") or line or any(self.workers.security.areas.has_door(one, self.config.restricted) for one in own)
        ):
            return
        feet = {one.track: one.foot for one in people if one.track is not None}
        if not feet and key not in self.state:
            return
        zones = {one.track: place.zone for one in people if (place := place_at(places, one))}
        self.state[key], ways = self.workers.security.doors.crossings(self.state.get(key, {}), line, feet, zones, event.time.timestamp())
        for gate in [name[5:] for name in self.state if ways and name.startswith("door|")]:
            behind, named = self._zones_of("gate", gate), settings.get("gate")
            if named == gate if named else not (own and behind) or any(one.zone in behind for one in own):
                yield from self._crossed(gate, behind, ways, event)

    def _crossed(self, gate, behind, ways, event):
        door, camera = self._door(gate, event.time), event["camera"]
        for way, tracks in ways.items():
            if way.startswith("into ") and way[5:] not in behind:
                continue
            known = door["crossings"].setdefault(f"{camera} {way}", {})
            door["crossings"][f"{camera} {way}"] = dict.fromkeys(tracks, event.time.timestamp()) | known
            yield from self._followers(gate, door, self._zone("gate", gate), camera, tracks[-1])

    def _followers(self, gate, door, zone, camera=None, track=None):
        """One incident for each grant that was followed; the counts of gate and cameras are not added up."""
        for grant, times in self.workers.security.grants.untold(door, self.config.grant_s).items():
            name, told = f"tailgate-{gate}-{plain(_at(grant))}", str(grant) in door["told"]
            door["told"][str(grant)] = len(times)
            self.kpi.add("tailgating", int(not told))
            yield self._incident(name, "tailgate", "update" if told else "open", _at(times[0]), zone, camera, severity="warn",
                track=track, count=len(times))  # fmt: skip

    def _entered(self, event):
        """A granted entry while armed: time to clock in."""
        if not self._armed(event.time):
            return
        badge, rows = event.get("credential"), self.tables.staff.rows()
        owner = next((row["staff"] for row in rows if badge and row.get("badge") == badge), None)
        until = event.time + timedelta(seconds=self.config.entry_delay_s)
        held = self.state.get("entry", {}).get("held", [])
        self.state["entry"] = {"at": plain(event.time), "until": plain(until), "staff": event.get("staff") or owner, "held": held}
        self.timers.set("entry", "", max(self.now, until))

    def _may_disarm(self, staff, entry, at):
        left = (self.tables.staff.get(staff) or {}).get("left")
        gone = left is not None and self.store.hours.store_day(at).isoformat() >= left[:10]
        return not gone and entry["staff"] in (None, staff) and parse_time(entry["at"]) <= at <= parse_time(entry["until"])

    def _entry_over(self):
        self.timers.cancel("entry", "")
        return self.state.pop("entry", {"held": []})["held"]

    def _sensor_signal(self, detector, zone, at, *, camera=None, forced=False):
        """A signal of what tells nobody apart: all count at night; by day, in a restricted zone, they confirm, or were forced."""
        if self._outdoors(zone):
            return
        if self._armed(at):
            yield from self._night_signal(detector, zone, at, camera)
        elif zone in self.config.restricted and (forced or f"incident|{zone}" in self.state):
            yield from self._signal(detector, zone, zone, at, camera)

    def _night_signal(self, detector, zone, at, camera=None, track=None):
        """A signal in the armed store, held back while someone who was let in may still clock in."""
        entry = self.state.get("entry")
        if entry and parse_time(entry["at"]) <= at <= parse_time(entry["until"]):
            entry["held"].append({"detector": detector, "zone": zone, "at": plain(at), "camera": camera, "track": track})
        else:
            yield from self._signal(detector, STORE, zone, at, camera, track)

    def _signal(self, detector, area, zone, at, camera=None, track=None):
        engine, key = self.workers.security.confirmation, f"incident|{area}"
        limits = {"confirm_s": 60 * self.config.confirm_min, "quiet_s": QUIET_S}
        after, step = engine.signal(self.state.get(key), detector, at.timestamp(), **limits)
        if step == "opened":
            yield from self._close(area)
            after["id"], after["zone"] = f"intrusion-{zone or area}-{plain(at)}", zone
        self.state[key] = after
        self.timers.set("quiet", area, max(self.now, _at(engine.ends_s(after, **limits))))
        name, where = after["id"], zone or after["zone"]
        if step != "repeated":
            state, severity = "open" if step == "opened" else "update", "high" if after["confirmed"] else "warn"
            yield self._incident(name, "intrusion", state, _at(after["first_s"]), where, camera, severity=severity, track=track,
                count=len(after["detectors"]))  # fmt: skip
        if step == "opened":
            self.kpi.add("unconfirmed_incidents")
            yield from self._warn(where or STORE, at + timedelta(minutes=self.config.confirm_min))
        elif step == "confirmed":
            self.kpi.add("unconfirmed_incidents", -1)
            self.kpi.add("incidents_confirmed")
            self.state[f"alert|{name}"] = where
            yield self._alert(name, where, "open")

    def _close(self, area):
        """End the open incident of an area, at its last signal."""
        self.timers.cancel("quiet", area)
        incident = self.state.pop(f"incident|{area}", None)
        if incident:
            severity = "high" if incident["confirmed"] else "warn"
            first, last = _at(incident["first_s"]), _at(incident["last_s"])
            yield self._incident(incident["id"], "intrusion", "closed", first, incident["zone"], None, ended=last, severity=severity,
                count=len(incident["detectors"]))  # fmt: skip

    def _incident(self, name, kind, state, started, zone, camera, **more):
        """A `vision.incident`; what its camera recorded around this moment is its evidence."""
        from storeloom.workers.vision.evidence import clip

        film = clip(camera, self.now - CLIP, self.now + CLIP) if camera else None
        return out("vision.incident", incident=name, kind=kind, state=state, started=started, zone=zone, camera=camera, clip=film, **more)

    def _warn(self, zone, until):
        text = self.say("You are being recorded. Leave at once.", "您已被监控录像，请立即离开。")
        yield out("audio.play", zone=zone, kind="safety", text=text)
        yield out("light.set", group=zone, level_pct=100, priority="safety", until=until)

    def _alert(self, name, zone, state):
        where = (self.tables.zones.get(zone) or {}).get("name", zone) if zone else self.store.id
        opened = self.say(f"Intrusion confirmed: {where}", f"确认入侵：{where}")
        text = opened if state == "open" else self.say(f"Intrusion settled: {where}", f"入侵已处理：{where}")
        return out("alert.raise", alert=name, kind="intrusion", severity="high", state=state, subject=zone or self.store.id, zone=zone,
            text=text, ref={"stream": "vision.incident", "id": name})  # fmt: skip

    def _told_late(self, state):
        if (state == "open") == self.state.get("late", False):
            return
        self.state["late"] = state == "open"
        opened = self.say("The store is not armed: people are still seen", "门店未布防：仍有人员活动")
        text = opened if state == "open" else self.say("The store is armed, or opens soon", "门店已布防或即将营业")
        yield out("alert.raise", alert=f"not-armed-{self.store.id}", kind="not_armed", severity="warn", state=state,
            subject=self.store.id, text=text)  # fmt: skip

    def _night(self, at):
        delay = timedelta(minutes=self.config.arm_delay_min)
        return self.workers.security.arming.night_at(self.store.hours, at, delay=delay, before_opening=BEFORE_OPENING)

    def _await_arming(self, night):
        self.state["judge"] = plain(night.arm)
        self.timers.set("arm", "", max(self.now, night.arm))
        self.timers.set("late", "", max(self.now, night.tell))
        self._disarm_at(night)

    def _disarm_at(self, night):
        if night.disarm:
            self.timers.set("disarm", "", night.disarm)

    def _armed(self, at):
        return "armed" in self.state and at >= parse_time(self.state["armed"])

    def _people_seen(self, at):
        last = self.state.get("seen")
        self.state["seen"] = plain(max(at, parse_time(last)) if last else at)

    def _door(self, gate, at):
        """A gate's grants and crossings of the last minutes."""
        key = f"door|{gate}"
        self.state[key] = self.workers.security.grants.door_now(self.state.get(key), at.timestamp())
        return self.state[key]

    def _outdoors(self, zone):
        return zone is not None and (self.tables.zones.get(zone) or {}).get("kind") in self.workers.security.areas.OUTDOORS

    def _device(self, kind, name):
        return next((one for one in self.devices.get(kind, ()) if one.id == name), None)

    def _zones_of(self, kind, name):
        device = self._device(kind, name)
        return self.workers.security.areas.zones_of(name, self.tables.zones.rows(), device and device.zone)

    def _zone(self, kind, name):
        """The zone of a device, the restricted one where it leads from one to another."""
        zones = self._zones_of(kind, name)
        return next((zone for zone in zones if zone in self.config.restricted), zones[0] if zones else None)


@hookimpl
def storeloom_config_problems(config, store):
    """No more frames with a person can be asked for than are looked at."""
    needed, frames = config["hits"]
    if needed <= frames:
        return []
    remedy = "Put the smaller number first.", "请把较小的数放在前面。"
    return [Problem("hits", f"{needed} of {frames} frames cannot be", f"不可能 {frames} 帧中有 {needed} 帧", *remedy)]


def _at(t_s):
    return datetime.fromtimestamp(t_s, UTC)
