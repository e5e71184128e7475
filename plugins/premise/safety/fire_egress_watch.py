"""Fire, egress and electrical safety watch: keeps exits free and crowds within the permitted number, sees overheating cables early, and
turns two smoke detectors into open doors, light and a spoken evacuation. It adds to the certified fire panel, never replaces it.

A detector's zone is that of its reading, else of its asset; detectors without a zone watch the store together. Exit gates are the assets of
a gate's or door's kind and the gate devices that are not told to stand in a zone other than an exit or entrance, with the doors that exit
zones name. Lights are the lamps of the assets table, else the lighting devices, else the zones. The evacuation is repeated every
minute until its task is done, or a task is answered with `all clear`; loads stay off until a person switches them on.

An object is held against the exit zones that its camera sees; people and unknown things that are no objects are left out. It is gone once
ten seconds of detections show it no more. Persons come from `vision.zone`; a zone that has none is counted at the lines that it names as
doors, other lines count the store. After a load was switched off, a meter of it that still shows power is the highest alert.
"""

from datetime import date, timedelta

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.core.kernel.hooks import hookimpl

REPEAT_EVERY = timedelta(minutes=1)
VANISH_S = 10
READINGS_WARN, READINGS_TRIP = 3, 2
BLOCKED_ALERT_FACTOR = 3
CLEARED_SHARE = 0.95
STILL_ON_KW = 0.05
OUTDOORS = ("parking", "grid", "level")
COLD = ("refrigeration", "refrigerator", "fridge", "freezer", "cold", "chilled", "cabinet", "chiller", "cooler", "rack")
SAFETY = ("safety", "fire", "alarm", "smoke", "emergency", "exit", "sprinkler", "extinguisher", "evacuation")
KEPT_ON = frozenset((*COLD, *SAFETY))  # a load with any of these words in its kind is never switched off for its cable
CHECKED = {"extinguisher": ("extinguisher", "fire_extinguisher"),
           "exit_lamp": ("exit_lamp", "exit_light", "exit_sign", "emergency_lamp", "emergency_light")}  # fmt: skip
NO_OBJECTS = ("person", "face")
DONE = ("done", "approved")


class FireEgressWatch(Solution):
    number = 160
    zh, en = "消防通道与用电安全监测", "Fire, egress and electrical safety watch"
    purpose_zh = "保持出口畅通、人数不超限，及早发现电缆过热，并由两个烟感联动开门、全亮与语音疏散。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("alert.raise", "task.create", "audio.play", "gate.open", "light.set", "relay.set")
    adapters = ("sensor", "gate?", "audio?", "lighting?", "relay?")
    reads = ("zones", "assets", "checklists")
    kpis = {
        "confirmed_alarms": kpi("count", "Confirmed fire alarms", "确认火警次数"),
        "pre_alarms": kpi("count", "Pre-alarms", "预警次数"),
        "exit_blocked": kpi("min", "Exits blocked", "出口堵塞时长"),
        "overcrowding": kpi("min", "Zones overcrowded", "超员时长"),
    }
    kinds = {
        "smoke_pre_alarm": ("Smoke: pre-alarm", "烟雾预警"),
        "fire": ("Fire: evacuate", "火警：立即疏散"),
        "all_clear": ("Give the all-clear", "解除火警"),
        "detector_fault": ("Smoke detector out of order", "烟感故障"),
        "cable_hot": ("Cable overheating", "电缆过热"),
        "check_cable": ("Check an overheating cable", "检查过热电缆"),
        "cable_trip": ("Cable too hot", "电缆超温"),
        "residual_current": ("Residual current", "剩余电流超限"),
        "load_still_on": ("Load still takes power", "负载断开后仍有功率"),
        "clear_exit": ("Clear an exit", "清理安全出口"),
        "exit_blocked": ("Exit blocked", "安全出口堵塞"),
        "overcrowded": ("Too many people", "人数超限"),
        "safety_check": ("Check fire safety equipment", "检查消防器材"),
    }

    class Config(SolutionConfig):
        verify_s: int = setting(60, "Time for a second detector", "双探测确认时间", unit="s", ge=10, le=300,
            help_en="In which another detector of the zone confirms smoke.", help_zh="同区另一探测器在此时间内报警即确认。")  # fmt: skip
        persist_s: int = setting(120, "One detector confirms alone after", "单探测持续确认时间", unit="s", ge=10, le=600)
        cable_warn_c: float = setting(70, "Cable temperature that warns", "电缆预警温度", unit="C", ge=40, le=120)
        cable_trip_c: float = setting(85, "Cable temperature that switches off", "电缆断电温度", unit="C", ge=50, le=150,
            help_en="Not cold cabinets and safety loads.", help_zh="冷柜与安全负载除外。")  # fmt: skip
        leak_ma: float = setting(300, "Residual current that warns", "剩余电流预警值", unit="mA", ge=10, le=3000)
        blocked_min: int = setting(5, "An object this long in an exit blocks it", "出口滞留物判定时长", unit="min", ge=1, le=60,
            help_en="Three times as long is an alert.", help_zh="三倍时长则告警。")  # fmt: skip
        persons_per_m2: float = setting(0.43, "Permitted density", "允许人员密度", unit="1/m2", ge=0.1, le=2,
            help_en="Of a zone without a limit of its own.", help_zh="未单独设限的区域。")  # fmt: skip
        check_days: int = setting(30, "Equipment is checked every", "器材检查间隔", unit="days", ge=1, le=365)

    # Smoke

    @on("sensor.reading")
    def sensed(self, event):
        handler = {"smoke": self._smoke, "cable_temperature": self._cable, "residual_current": self._leak}.get(event["kind"])
        if handler:
            yield from handler(event)

    def _smoke(self, event):
        detector, zone = event["sensor"], event.get("zone") or self._asset(event).get("zone") or ""
        known = self.state.setdefault(f"detector:{detector}", {"zone": zone, "since": None, "fault": False, "at_s": 0})
        if event.time.timestamp() < known["at_s"]:
            return
        known["at_s"] = event.time.timestamp()
        faulty = event.get("quality") == "bad"
        if faulty != known["fault"]:
            known["fault"] = faulty
            yield self._alert("detector_fault", detector, "warn", faulty, self.say(f"Detector {detector}", f"烟感 {detector}"), zone=zone)
        known["zone"] = zone
        if faulty or bool(event["value"]) == (known["since"] is not None):
            return
        known["since"] = plain(event.time) if event["value"] else None
        if not event["value"]:
            known["known"] = False
            self.timers.cancel("persist", detector)
            if known.pop("told", False):
                yield self._alert("smoke_pre_alarm", detector, "high", False, self.say("cleared", "已恢复"), zone=zone)
            return
        self.timers.set("persist", detector, max(self.now, event.time + timedelta(seconds=self.config.persist_s)))
        others = [self.state[key] for key in self.state if key.startswith("detector:") and key != f"detector:{detector}"]
        if any(self._confirms(other, zone, event.time) for other in others):
            yield from self._fire(zone)
        elif "fire" not in self.state:
            known["told"] = True
            self.kpi.add("pre_alarms")
            text = self.say(f"Smoke at {detector}: have a look", f"{detector} 报烟：请现场查看")
            yield self._alert("smoke_pre_alarm", detector, "high", True, text, zone=zone)

    def _confirms(self, other, zone, at):
        """Whether another detector of the zone went into alarm within the time and still is."""
        if other["zone"] != zone or other["since"] is None or other.get("known"):
            return False
        return abs((at - parse_time(other["since"])).total_seconds()) <= self.config.verify_s

    @timer("persist")
    def persists(self, due):
        known = self.state[f"detector:{due.key}"]
        if known["since"] is not None:
            yield from self._fire(known["zone"])

    def _fire(self, zone):
        """Confirmed: everything opens, lights up and speaks, again and again until the all-clear."""
        fire = self.state.get("fire")
        if fire is None:
            self.kpi.add("confirmed_alarms")
            fire = self.state["fire"] = {"zones": [], "task": f"all-clear-{self.now:%Y%m%dT%H%M%S}"}
        elif zone in fire["zones"]:
            return
        fire["zones"].append(zone)
        text = self.say("Fire alarm confirmed: evacuate", "火警确认，立即疏散")
        yield self._alert("fire", zone or self.store.id, "critical", True, text, zone=zone)
        if len(fire["zones"]) == 1:
            yield out("task.create", task=fire["task"], kind="all_clear", priority=1, role="manager", zone=zone or None,
                      title=self.say("Give the all-clear once the fire brigade has", "消防确认后解除火警"))  # fmt: skip
            yield from self._switch_off(self.tables.assets.rows(essential=False), "fire")
            yield from self._evacuate()

    def _evacuate(self):
        engine, tables = self.workers.security.emergency, (self.tables.assets.rows(), self.tables.zones.rows())
        for gate in engine.gates(*tables, [one.id for one in self.devices.get("gate", ())]):
            yield out("gate.open", gate=gate, direction="both", hold=True, reason="fire")
        for group in engine.lamps(*tables, [one.id for one in self.devices.get("lighting", ())]):
            yield out("light.set", group=group, level_pct=100, priority="safety")
        words = self.say("Please leave the building by the nearest exit.", "请从最近的安全出口有序撤离。")
        for zone in engine.indoors(self.tables.zones.rows()) or [self.state["fire"]["zones"][0]]:
            yield out("audio.play", zone=zone, kind="evacuation", text=words)
        self.timers.set("again", "", self.now + REPEAT_EVERY)

    @timer("again")
    def again(self, due):
        if fire := self.state.get("fire"):
            text = self.say("Fire alarm confirmed: evacuate", "火警确认，立即疏散")
            for zone in fire["zones"]:
                yield self._alert("fire", zone or self.store.id, "critical", True, text, zone=zone)
            yield from self._switch_off(self.tables.assets.rows(essential=False), "fire")
            yield from self._evacuate()

    @on("task.done?")
    def done(self, event):
        if event["state"] not in DONE:
            return
        fire, words = self.state.get("fire"), f"{event['task']} {event.get('note') or ''}".lower().replace("_", " ").replace("-", " ")
        answered = (event.get("values") or {}).get("all_clear")
        if fire and (event["task"] == fire["task"] or answered or "all clear" in words):
            del self.state["fire"]
            self.timers.cancel("again", "")
            self._acknowledge()
            for key in [key for key in self.state if key.startswith("off:") and self.state[key]["reason"] == "fire"]:
                yield from self._off(key.removeprefix("off:"))
            for zone in fire["zones"]:
                yield self._alert("fire", zone or self.store.id, "critical", False, self.say("All clear", "火警解除"), zone=zone)
        due = self.state.pop(f"check:{event['task']}", None)
        if due:
            self.state[f"checked:{due}"] = self.store.hours.store_day(event.time).isoformat()

    def _acknowledge(self):
        """A detector that is still in alarm at the all-clear says nothing more until it was normal again."""
        for key in [key for key in self.state if key.startswith("detector:")]:
            self.timers.cancel("persist", key.partition(":")[2])
            self.state[key]["known"] = self.state[key]["since"] is not None

    # Cables

    def _cable(self, event):
        if event.get("quality") == "bad":
            return
        cable, value = event["sensor"], event["value"]
        known = self.state.setdefault(f"cable:{cable}", {"warm": 0, "hot": 0, "told": [], "at_s": 0})
        if event.time.timestamp() <= known["at_s"]:
            return
        known["at_s"] = event.time.timestamp()
        known["warm"] = known["warm"] + 1 if value >= self.config.cable_warn_c else 0
        known["hot"] = known["hot"] + 1 if value >= self.config.cable_trip_c else 0
        row = self._asset(event)
        if known["hot"] >= READINGS_TRIP and "cable_trip" not in known["told"]:
            yield from self._told(known, "cable_trip", cable, "critical", row, value, self.config.cable_trip_c)
            if not KEPT_ON & set((row.get("kind") or "").split("_")):
                yield from self._switch_off([row], "cable_trip")
        if known["warm"] >= READINGS_WARN and "cable_hot" not in known["told"]:
            yield from self._told(known, "cable_hot", cable, "high", row, value, self.config.cable_warn_c)
            title = self.say(f"Check cable {cable}: {value:g} C", f"检查电缆 {cable}：{value:g}℃")
            yield out("task.create", task=f"check-cable-{cable}-{self.now:%Y%m%dT%H%M%S}", kind="check_cable", title=title, priority=1,
                      role="technician", asset=row.get("asset"), zone=row.get("zone") or event.get("zone"))  # fmt: skip
        if not known["warm"]:
            for kind in known["told"]:
                yield self._alert(kind, cable, "info", False, self.say("cool again", "温度恢复"), asset=row.get("asset"))
            known["told"] = []

    def _told(self, known, kind, name, severity, row, value, limit):
        known["told"].append(kind)
        what = row.get("name") or row.get("asset") or name
        place = {"asset": row.get("asset"), "zone": row.get("zone")}
        yield self._alert(kind, name, severity, True, f"{what}: {value:g} C", value=value, limit=limit, unit="C", **place)

    def _switch_off(self, rows, reason):
        for row in rows:
            if row.get("relay"):
                self.state.setdefault(f"off:{row['asset']}", {"told": False, "reason": reason})
                yield out("relay.set", relay=row["relay"], on=False, reason=reason, priority="safety")

    @on("meter.reading?")
    def metered(self, event):
        """A load that was switched off and still takes power. Once it takes none it may be switched on again, but in a fire."""
        off = self.state.get(f"off:{event.get('asset')}")
        if off is None or event["kind"] != "electricity" or event.get("power_kw") is None:
            return
        still = event["power_kw"] > STILL_ON_KW
        if not still and off["reason"] != "fire":
            yield from self._off(event["asset"])
        elif not still and off["told"]:
            off["told"] = False
            yield self._alert("load_still_on", event["asset"], "critical", False, self.say("off", "已断开"), asset=event["asset"])
        elif still and not off["told"]:
            off["told"] = True
            kw = f"{event['power_kw']:g} kW"
            text = self.say(f"{event['asset']} was switched off and takes {kw}", f"{event['asset']} 断开后仍有 {kw}")
            yield self._alert("load_still_on", event["asset"], "critical", True, text, asset=event["asset"])

    def _off(self, asset):
        """Nobody watches any longer whether a load stays off."""
        if self.state.pop(f"off:{asset}")["told"]:
            yield self._alert("load_still_on", asset, "critical", False, self.say("settled", "已处理"), asset=asset)

    def _leak(self, event):
        if event.get("quality") == "bad":
            return
        known = self.state.setdefault(f"leak:{event['sensor']}", {"over": 0, "told": False, "at_s": 0})
        if event.time.timestamp() <= known["at_s"]:
            return
        known["at_s"] = event.time.timestamp()
        known["over"] = known["over"] + 1 if event["value"] >= self.config.leak_ma else 0
        told = known["over"] >= READINGS_WARN or (known["told"] and known["over"] > 0)
        if told != known["told"]:
            known["told"] = told
            text = self.say(f"Residual current {event['value']:g} mA", f"剩余电流 {event['value']:g} mA")
            yield self._alert("residual_current", event["sensor"], "high", told, text, asset=self._asset(event).get("asset"),
                              value=event["value"], limit=self.config.leak_ma, unit="mA")  # fmt: skip

    # Exits

    @on("vision.detections?")
    def seen(self, event):
        from storeloom.workers.security import left_things
        from storeloom.workers.vision.places import place_at, places_of
        from storeloom.workers.vision.things import Seen

        camera = event["camera"]
        device = next((one for one in self.devices.get("camera", ()) if one.id == camera), None)
        places = places_of(camera, self.tables.zones.rows(), device and device.zone)
        things = []
        for box in event["boxes"]:
            place = place_at(places, Seen(box.get("track"), box["class"], box["score"], tuple(box["box"])))
            if box["class"] not in NO_OBJECTS and place is not None and place.kind == "exit":
                things.append({"class": box["class"], "box": list(box["box"]), "track": box.get("track"), "zone": place.zone})
        key = f"exit:{camera}"
        if not things and key not in self.state:
            return
        found = left_things.step(self.state.get(key, {}), things, event.time.timestamp(), VANISH_S)
        self.state[key] = found.state
        for name in found.came:
            self.timers.set("stands", f"{camera}|{name}", max(self.now, event.time + timedelta(minutes=self.config.blocked_min)))
        for name, thing in found.gone.items():
            yield from self._freed(camera, name, thing)

    def _freed(self, camera, name, thing):
        self.timers.cancel("stands", f"{camera}|{name}")
        self.timers.cancel("blocks", f"{camera}|{name}")
        if thing.get("counted_s") is not None:
            self.kpi.add("exit_blocked", max(0, thing["last_s"] - thing["since_s"] - thing["counted_s"]) / 60)
        if thing.get("alerted"):
            words = self.say("free again", "已畅通")
            yield self._alert("exit_blocked", f"{thing['zone']}-{name}", "high", False, words, zone=thing["zone"])
        for other, one in self.state[f"exit:{camera}"].items():
            if one["zone"] == thing["zone"] and one.get("waits"):
                self.timers.set("stands", f"{camera}|{other}", self.now)

    @timer("stands")
    def stands(self, due):
        camera, _, name = due.key.partition("|")
        thing, limit = self._blocking(camera, name), timedelta(minutes=self.config.blocked_min)
        if thing is None:
            return
        zone, things, stood_s = thing["zone"], self.state[f"exit:{camera}"], self.now.timestamp() - thing["since_s"]
        waited = thing.get("waits")
        things[name]["waits"] = any(one.get("counted_s") is not None and one["zone"] == zone for one in things.values())
        if things[name]["waits"]:
            return
        self.timers.set("blocks", due.key, self.now + max(timedelta(), BLOCKED_ALERT_FACTOR * limit - timedelta(seconds=stood_s)))
        if not waited:  # those minutes are counted already, of what stood there first
            self.kpi.add("exit_blocked", stood_s / 60)
        things[name]["counted_s"] = stood_s
        title = self.say(f"Clear the exit {zone}: {thing['class']}", f"清理安全出口 {zone}：{thing['class']}")
        yield out("task.create", task=f"clear-exit-{zone}-{self.now:%Y%m%dT%H%M%S}", kind="clear_exit", title=title, priority=1, zone=zone,
                  role="staff", minutes=self.config.blocked_min, ref={"camera": camera})  # fmt: skip

    @timer("blocks")
    def blocks(self, due):
        camera, _, name = due.key.partition("|")
        thing = self._blocking(camera, name)
        if thing is None or thing.get("counted_s") is None:
            return
        minutes = max(BLOCKED_ALERT_FACTOR * self.config.blocked_min, round(thing["counted_s"] / 60))
        self.kpi.add("exit_blocked", max(0, minutes - thing["counted_s"] / 60))
        self.state[f"exit:{camera}"][name] |= {"counted_s": max(thing["counted_s"], minutes * 60), "alerted": True}
        text = self.say(f"Exit {thing['zone']} blocked for {minutes} min", f"安全出口 {thing['zone']} 堵塞 {minutes} 分钟")
        yield self._alert("exit_blocked", f"{thing['zone']}-{name}", "high", True, text, zone=thing["zone"], value=minutes, unit="min")

    def _blocking(self, camera, name):
        return self.state.get(f"exit:{camera}", {}).get(name)

    # Crowds

    @on("vision.zone?")
    def occupied(self, event):
        row = self.tables.zones.get(event["zone"])
        self.state.setdefault("watched", {})[event["zone"]] = True
        if row:
            yield from self._crowd(event["zone"], event["occupancy"], row, event.time)

    @on("vision.count?")
    def counted(self, event):
        if event["class"] != "person":
            return
        rows = self.tables.zones.rows()
        row = next((row for row in rows if event["line"] in (row.get("doors") or ()) or event["line"] == row["zone"]), None)
        zone = row["zone"] if row else ""
        if zone in self.state.get("watched", {}):
            return
        inside = self.state.setdefault("inside", {})
        ended = self.state.setdefault("ended", {})
        to_s = parse_time(event["to"]).timestamp()
        if to_s <= ended.get(event["line"], 0):
            return
        ended[event["line"]] = to_s
        inside[zone] = max(0, inside.get(zone, 0) + event["in"] - event["out"])
        yield from self._crowd(zone, inside[zone], row or {"area_m2": self._area(rows)}, event.time)

    @every("1d", at="00:00")
    def empty(self, due):
        """Errors of counting end with the day."""
        self.state.pop("inside", None)

    def _area(self, rows):
        return sum(row.get("area_m2") or 0 for row in rows if row.get("kind") not in OUTDOORS and not row.get("parent"))

    def _crowd(self, zone, people, row, at):
        limit = row.get("capacity") or int((row.get("area_m2") or 0) * self.config.persons_per_m2 + 1e-9)
        if not limit:
            return
        known = self.state.setdefault(f"crowd:{zone}", {"since": None, "at": None})
        if known["at"] and at < parse_time(known["at"]):
            return
        if known["since"]:
            self.kpi.add("overcrowding", (at - parse_time(known["at"])).total_seconds() / 60)
        known["at"] = plain(at)
        over = people > limit if not known["since"] else people >= CLEARED_SHARE * limit
        if over == bool(known["since"]):
            return
        known["since"] = plain(at) if over else None
        text = self.say(f"{people} people, permitted are {limit}", f"现有 {people} 人，限 {limit} 人")
        yield self._alert("overcrowded", zone or self.store.id, "high", over, text, zone=zone, value=people, limit=limit, unit="count")

    # Checks

    @every("1d", at="open")
    def check(self, due):
        today = self.store.hours.store_day(due.time)
        for kind, names in CHECKED.items():
            rows = [row for row in self.tables.assets.rows() if row.get("kind") in names]
            last = self.state.setdefault(f"checked:{kind}", today.isoformat())
            if not rows or (today - date.fromisoformat(last)).days < self.config.check_days:
                continue
            self.state[f"checked:{kind}"] = today.isoformat()
            task = f"safety-check-{kind}-{today}"
            self.state[f"check:{task}"] = kind
            title = self.say(f"Check all {len(rows)}: {kind.replace('_', ' ')}", f"检查全部 {len(rows)} 个：{kind}")
            lists = [row["checklist"] for row in self.tables.checklists.rows() if kind in row["checklist"]]
            yield out("task.create", task=task, kind="safety_check", title=title, priority=3, role="safety", evidence="photo",
                      checklist=lists[0] if lists else None, items=[{"note": row["asset"]} for row in rows])  # fmt: skip

    # What is told

    def _asset(self, event):
        """The asset that a sensor is of: named by the reading, else the one whose device it is."""
        name = event.get("asset")
        found = self.tables.assets.get(name) if name else next(iter(self.tables.assets.rows(device=event["sensor"])), None)
        return found or ({"asset": name} if name else {})

    def _alert(self, kind, subject, severity, opened, text, **fields):
        words = self.say(f"{self.kinds[kind][0]}: {text}", f"{self.kinds[kind][1]}：{text}")
        fields = {name: value for name, value in fields.items() if value not in (None, "")}
        return out("alert.raise", fields, alert=f"{kind}-{subject}", kind=kind, severity=severity, state="open" if opened else "cleared",
                   subject=subject, text=words)  # fmt: skip


@hookimpl
def storeloom_config_problems(config, store):
    """A cable warns before it is switched off."""
    if config["cable_warn_c"] <= config["cable_trip_c"]:
        return []
    return [Problem("cable_warn_c", "Warns only after it is off", "预警温度高于断电温度", "Choose a lower one.", "请设为更低。")]
