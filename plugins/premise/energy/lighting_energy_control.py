"""Daylight and occupancy lighting control: gives each zone exactly the light it needs by time, daylight and presence, without visible
jumps, and proves the kilowatt-hours saved.

Zones of the kinds in `target_lux` are controlled. A zone's lamp groups are its assets of a kind in LAMPS, else the zone is the group. The
clean phase is the hour before opening, and while closed any zone with people in the last `vacant_min`; the rest of the closed time is
security. calendar.event `closure` closes a zone or the store, `short_day` opens it only from `from` to `to`. Until a level is known the
lamps count as full on.

A manual setting is a light.set of another source for one of the groups, or a device.status of the group with `level_pct` and code `manual`;
a light.set of priority `safety` holds the group until its `until`, or until its source sets a lower priority.
Saving is against full light in the open and clean hours only: nobody burns full light at night.
"""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Solution, SolutionConfig, every, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.workers.insight.daylight import FULL_LEVEL_PCT, LEAST_LEVEL_PCT, learned_gain, next_level

CLEAN_BEFORE_OPENING = timedelta(minutes=60)
SENSOR_LOST = timedelta(minutes=60)
BLIND_LEVEL_PCT = 85.0
LAMPS = ("lighting", "light", "lamp", "luminaire")
Lux = Annotated[int, Field(ge=50, le=3000)]


class Stages(SolutionConfig):
    clean: int = setting(40, "Before opening, staff in", "开门前（员工在场）", unit="%", ge=0, le=100)
    security: int = setting(10, "After closing", "打烊后", unit="%", ge=0, le=100)


class LightingEnergyControl(Solution):
    number = 154
    zh, en = "智能照明节能", "Daylight and occupancy lighting control"
    purpose_zh = "按时段、自然光与人员在场给每个区域恰好所需的照度，无可见跳变，并核算节电量。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("light.set", "insight.report")
    adapters = ("lighting", "sensor")
    reads = ("zones", "assets")
    kpis = {
        "lighting_energy": kpi("kWh", "Lighting energy", "照明电量"),
        "saved_against_full": kpi("%", "Saved against full light", "较全亮节省"),
        "lux_in_band": kpi("%", "Light within tolerance", "照度达标率"),
        "overrides": kpi("count", "Manual settings", "手动设定次数"),
    }

    class Config(SolutionConfig):
        target_lux: dict[str, Lux] = setting({"sales": 500, "backroom": 200, "entrance": 800}, "Light wanted while open", "营业时目标照度",
            unit="lx", help_en="By kind of zone; other kinds are left alone.", help_zh="按区域类型；未列出的类型不控制。")  # fmt: skip
        gain_lux: float = setting(6, "Light of one percent", "每 1% 亮度对应照度", unit="lx/%", ge=0.5, le=50,
            help_en="Where each zone begins; it is learned from the lamps' answers.", help_zh="各区域的初值；随灯具响应学习。")  # fmt: skip
        step_s: int = setting(60, "Control step", "控制周期", unit="s", ge=10, le=600)
        max_step_pct: int = setting(10, "Largest change at once", "单次最大调整", unit="%", ge=1, le=50)
        tolerance_pct: float = setting(5, "Deviation left alone", "容许偏差", unit="%", ge=1, le=20)
        stages: Stages = setting(Stages, "Levels while closed", "非营业亮度", unit="%")
        vacant_min: int = setting(10, "Back room off after", "后区无人关灯", unit="min", ge=1, le=120)
        override_min: int = setting(60, "Life of a manual setting", "手动设定有效期", unit="min", ge=5, le=480,
            help_en="Afterwards control goes on from that level.", help_zh="到期后从该亮度继续自动控制。")  # fmt: skip

    @on("sensor.reading")
    def sensed(self, event):
        zone = event.get("zone") or (self.tables.assets.get(event.get("asset", "")) or {}).get("zone")
        if event.get("quality") == "bad" or not self._target(zone):
            return
        if event["kind"] == "presence" and event["value"]:
            yield from self._people(zone, event.time)
        elif event["kind"] == "lux":
            self._measured(zone, event)

    @on("vision.zone?")
    def watched(self, event):
        if event["occupancy"] > 0 and self._target(event["zone"]):
            yield from self._people(event["zone"], min(event.time, parse_time(event.get("to", event.time))))

    @on("calendar.event?")
    def announced(self, event):
        if event["kind"] in ("closure", "short_day"):
            self.state.setdefault("calendar", {})[event["event"]] = {key: event.get(key) for key in ("kind", "from", "to", "zone")}
            for edge in ("from", "to"):
                self.timers.set("phase", f"{event['event']}|{edge}", max(self.now, parse_time(event[edge])))

    @on("light.set?")
    def set_by_others(self, event):
        zone = self._zone_of(event["group"])
        if not self._target(zone):
            return
        lamp, safety = self._lamp(zone), event.get("priority") == "safety"
        released = lamp["safety"] is not None and lamp["safety"]["source"] == event.source and not safety
        self._taken_over(zone, event["level_pct"], manual=not safety and not released)
        if safety:
            lamp["safety"] = {"source": event.source, "until": event.get("until")}
            if event.get("until"):
                self.timers.set("override", zone, parse_time(event["until"]))
        elif released:
            lamp["safety"] = None
            yield from self._enter_phase(zone)

    @on("device.status?")
    def panel(self, event):
        zone, metrics = self._zone_of(event["device"]), event.get("metrics") or {}
        if "level_pct" in metrics and self._target(zone):
            if event.get("code") == "manual":
                self._taken_over(zone, metrics["level_pct"], manual=True)
            elif self._lamp(zone)["level"] is None:
                self._lamp(zone)["level"] = metrics["level_pct"]

    def _taken_over(self, zone, level, *, manual):
        self._settle(zone)
        lamp = self._lamp(zone)
        lamp |= {"level": level, "off": False, "step": None}
        if manual:
            self.kpi.add("overrides")
            until = self.now + timedelta(minutes=self.config.override_min)
            lamp["manual_until"] = plain(until)
            self.timers.set("override", zone, until)

    @timer("override")
    def override_over(self, due):
        lamp = self._lamp(due.key)
        if lamp["safety"] and lamp["safety"]["until"] and parse_time(lamp["safety"]["until"]) <= self.now:
            lamp["safety"] = None
        yield from self._enter_phase(due.key)

    def _measured(self, zone, event):
        lamp, at = self._lamp(zone), event.time
        known = lamp["sensors"].get(event["sensor"])
        if known and parse_time(known["at"]) > at:
            return
        since = known["since"] if known and known["lux"] == event["value"] else plain(at)
        lamp["sensors"][event["sensor"]] = {"lux": event["value"], "at": plain(at), "since": since}
        last = parse_time(lamp["controlled"]) if lamp["controlled"] else None
        self.timers.set("control", zone, max(self.now, last + timedelta(seconds=self.config.step_s)) if last else self.now)
        self.timers.set("blind", zone, max(self.now, at + SENSOR_LOST))

    @timer("control")
    def control(self, due):
        """One step; set for the instant of a reading, so that all sensors of that instant count."""
        zone, lamp = due.key, self._lamp(due.key)
        if self._phase(zone) != "open" or lamp["off"]:
            return
        lux = self._lux(zone)
        if lux is None:
            yield from self._blind(zone)
            return
        lamp["noted"] = False
        lamp["controlled"] = plain(self.now)
        target, level = self._target(zone), FULL_LEVEL_PCT if lamp["level"] is None else max(lamp["level"], LEAST_LEVEL_PCT)
        self.kpi.share("lux_in_band", int(abs(target - lux) * 100 <= self.config.tolerance_pct * target), 1)
        if lamp["step"]:
            lamp["gain"] = learned_gain(lamp["gain"] or self.config.gain_lux, lamp["step"]["pct"], lux - lamp["step"]["lux"])
            lamp["step"] = None
        if self._held(lamp):
            return
        gain = lamp["gain"] or self.config.gain_lux
        wanted = round(next_level(level, lux, target, gain, self.config.tolerance_pct, self.config.max_step_pct), 2)
        if wanted != level:
            lamp["step"] = {"pct": wanted - level, "lux": lux}
            yield from self._light(zone, wanted)

    @timer("blind")
    def sensor_silent(self, due):
        if self._phase(due.key) == "open" and not self._lamp(due.key)["off"] and self._lux(due.key) is None:
            yield from self._blind(due.key)

    def _blind(self, zone):
        """No sensor of the zone can be trusted: a safe fixed level, and one note. One that was never heard may still come: nothing is
        darkened for it."""
        lamp = self._lamp(zone)
        lamp["step"] = None
        if lamp["sensors"] or lamp["level"] is None or lamp["level"] < BLIND_LEVEL_PCT:
            yield from self._light(zone, BLIND_LEVEL_PCT)
        if lamp["sensors"] and not lamp["noted"]:
            lamp["noted"] = True
            text = self.say(f"Light sensor of {zone} silent or frozen: fixed at 85 %", f"{zone} 照度传感器无读数或读数不变：固定 85%")
            yield out("insight.report", {"from": self.now - SENSOR_LOST, "to": self.now}, report=f"light-sensor-{zone}",
                kind="light_sensor_lost", version=1, figures={},
                rows=[{"zone": zone, "sensors": sorted(lamp["sensors"])}], text=text)  # fmt: skip

    def _lux(self, zone):
        """The lowest of the zone's sensors that live: heard, and not at one value all the last hour of the open phase."""
        lamp, opened, living = self._lamp(zone), self._opened(), []
        if lamp["lit_at"]:
            opened = max(opened, parse_time(lamp["lit_at"]))
        for sensor in lamp["sensors"].values():
            stuck_since = max(parse_time(sensor["since"]), opened)
            if self.now - parse_time(sensor["at"]) < SENSOR_LOST and parse_time(sensor["at"]) - stuck_since < SENSOR_LOST:
                living.append(sensor["lux"])
        return min(living, default=None)

    def _people(self, zone, at):
        lamp = self._lamp(zone)
        if lamp["presence"] and parse_time(lamp["presence"]) >= at:
            return
        lamp["presence"] = plain(at)
        self.timers.set("vacant", zone, max(self.now, at + timedelta(minutes=self.config.vacant_min)))
        if lamp["off"] or self._phase(zone) == "clean":
            yield from self._enter_phase(zone)

    @timer("vacant")
    def vacant(self, due):
        if self._vacant(due.key) or self._phase(due.key) != "open":
            yield from self._enter_phase(due.key)

    @timer("phase")
    def calendar_edge(self, due):
        yield from self._all_zones()

    @every("1d", at="open-60m")
    def before_opening(self, due):
        yield from self._all_zones()

    @every("1d", at="open")
    def opening(self, due):
        yield from self._all_zones()

    @every("1d", at="close")
    def closing(self, due):
        yield from self._all_zones()

    def _all_zones(self):
        for row in self.tables.zones.rows():
            if self._target(row["zone"]):
                self._settle(row["zone"])
                yield from self._enter_phase(row["zone"])

    def _enter_phase(self, zone):
        """The level that a phase begins with: fixed while closed; while open the one before, to be stepped from."""
        lamp, phase = self._lamp(zone), self._phase(zone)
        lamp["phase"] = phase
        if self._held(lamp):
            return
        if self._vacant(zone):
            if not lamp["off"]:
                lamp |= {"off": True, "lit": lamp["level"], "step": None}
            yield from self._light(zone, 0)
            return
        if lamp["off"]:
            lamp |= {"off": False, "lit_at": plain(self.now)}
        if phase != "open":
            lamp["step"] = None
            yield from self._light(zone, getattr(self.config.stages, phase))
        elif self._lux(zone) is None:
            yield from self._blind(zone)
        elif lamp["level"] == 0:
            yield from self._light(zone, lamp["lit"] or FULL_LEVEL_PCT)

    def _vacant(self, zone):
        """A back room that is watched, and empty for `vacant_min`."""
        presence = self._lamp(zone)["presence"]
        watched = presence is not None and self.tables.zones.get(zone)["kind"] == "backroom"
        return watched and self.now - parse_time(presence) >= timedelta(minutes=self.config.vacant_min)

    def _light(self, zone, level):
        lamp = self._lamp(zone)
        if self._held(lamp) or lamp["level"] == level:
            return
        self._settle(zone)
        lamp["level"] = level
        for group in self._groups(zone):
            yield out("light.set", group=group, level_pct=level, priority="energy")

    @every("5m")
    def count_energy(self, due):
        for key in [key for key in self.state if key.startswith("zone|")]:
            self._settle(key.partition("|")[2])

    def _settle(self, zone):
        """Book the energy since the last booking at the level of that time."""
        lamp = self._lamp(zone)
        lamp["phase"] = lamp["phase"] or self._phase(zone)
        hours = (self.now - parse_time(lamp["settled"])).total_seconds() / 3600
        lamp["settled"] = plain(self.now)
        kilowatts = sum(row.get("rated_w", 0) for row in self._lamps(zone)) / 1000
        if lamp["level"] is None or not kilowatts or not hours:
            return
        full, used = kilowatts * hours, kilowatts * hours * lamp["level"] / 100
        self.kpi.add("lighting_energy", used)
        account = self.state.setdefault("account", {"since": plain(self.now - timedelta(hours=hours)), "zones": {}})
        booked = account["zones"].setdefault(zone, {"used": 0, "full": 0, "saved": 0})
        booked["used"] += used
        if lamp["phase"] != "security":
            self.kpi.share("saved_against_full", full - used, full)
            booked["full"] += full
            booked["saved"] += full - used

    @every("1d", at="00:00")
    def report(self, due):
        self.count_energy(due)
        self.state["calendar"] = {name: one for name, one in self._calendar().items() if parse_time(one["to"]) >= self.now}
        account = self.state.pop("account", None)
        if not account:
            return
        zones = account["zones"].values()
        figures = {name: {"value": round(sum(z[name] for z in zones), 3), "unit": "kWh"} for name in ("used", "full", "saved")}
        rows = [{"zone": zone, **{name: round(value, 3) for name, value in booked.items()}} for zone, booked in account["zones"].items()]
        yield out("insight.report", {"from": account["since"], "to": due.time}, report=f"lighting-{self.store.hours.store_day(due.time)}",
            kind="lighting_energy", version=1, figures=figures, rows=rows)  # fmt: skip

    def _phase(self, zone):
        if self._is_open(zone, self.now):
            return "open"
        opens, presence = self.store.hours.next_open(self.now), self._lamp(zone)["presence"]
        staff_in = presence and self.now - parse_time(presence) < timedelta(minutes=self.config.vacant_min)
        soon = opens and opens - self.now <= CLEAN_BEFORE_OPENING and self._is_open(zone, opens)
        return "clean" if staff_in or soon else "security"

    def _is_open(self, zone, at):
        is_open = self.store.hours.is_open(at)
        for event in self._calendar().values():
            start, end = parse_time(event["from"]), parse_time(event["to"])
            if event["zone"] not in (None, zone):
                continue
            if event["kind"] == "closure" and start <= at < end:
                return False
            if event["kind"] == "short_day" and self.store.hours.store_day(start) == self.store.hours.store_day(at):
                is_open = start <= at < end
        return is_open

    def _calendar(self):
        return self.state.get("calendar", {})

    def _opened(self):
        span = self.store.hours.span(self.now)
        starts = [parse_time(event["from"]) for event in self._calendar().values()]
        return max([span[0] if span else self.now, *(start for start in starts if start <= self.now)])

    def _held(self, lamp):
        """Whether a person or a safety owner has the lamps."""
        return bool(lamp["safety"]) or (lamp["manual_until"] is not None and self.now < parse_time(lamp["manual_until"]))

    def _target(self, zone):
        return self.config.target_lux.get((self.tables.zones.get(zone) or {}).get("kind", "")) if zone else None

    def _lamps(self, zone):
        return self.tables.assets.derived("lamps by zone", lamps_by_zone).get(zone, [])

    def _groups(self, zone):
        return [row["asset"] for row in self._lamps(zone)] or [zone]

    def _zone_of(self, group):
        row = self.tables.assets.get(group) or next(iter(self.tables.assets.rows(device=group)), None)
        return row.get("zone") if row else group

    def _lamp(self, zone):
        empty = {"level": None, "gain": None, "sensors": {}, "presence": None, "controlled": None, "step": None, "off": False, "lit": None,
            "lit_at": None, "manual_until": None, "safety": None, "noted": False, "phase": None, "settled": plain(self.now)}  # fmt: skip
        return self.state.setdefault(f"zone|{zone}", empty)


def lamps_by_zone(rows):
    found = {}
    for row in rows:
        if row.get("kind") in LAMPS:
            found.setdefault(row.get("zone"), []).append(row)
    return found
