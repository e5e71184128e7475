"""HVAC comfort and energy optimiser: air conditioning starts as late, stops as early and ventilates as little as comfort allows.

Each zone with temperature readings is controlled; its units are its assets of a kind like UNITS, else the bound ones of the zone, else the
zone itself. A zone's temperature is the mean of its sensors that were heard in the last 15 minutes; readings with an asset are that
asset's, zone `outdoor` is the weather, else the forecast for the hour. calendar.event `closure` closes the store (or a zone), `short_day`
opens it from `from` to `to`. While open and nothing to cool or heat, units ventilate (mode vent); before opening the damper stays shut.
People are counted by vision.zone and presence sensors, in zones without them by the store's doors. On a fixed schedule, without a
sensor, units run by themselves (mode auto) while open.

Commands are of the lowest priority (comfort): the owners of safety, food and energy win over them.
"""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from storeloom.core.kernel.contract import Problem, Solution, SolutionConfig, kpi, on, out, setting, timer
from storeloom.core.kernel.events import parse_time, plain
from storeloom.core.kernel.hooks import hookimpl

UNITS = ("hvac", "ahu", "air_", "fan_coil", "heat_pump")
SILENT, EMPTY_AFTER, EARLIEST = timedelta(minutes=15), timedelta(minutes=30), timedelta(hours=4)
OUTDOOR_AGE = timedelta(minutes=60)
DRIFT_K, FREE_COOLING_K = 2.0, 3.0
LEGAL = {"cool": (max, 26.0), "heat": (min, 20.0)}
Ppm = Annotated[int, Field(ge=300, le=5000)]


class HvacOptimiser(Solution):
    number = 153
    zh, en = "空调通风节能优化", "HVAC comfort and energy optimiser"
    purpose_zh = "学习门店热惯性，逐区域尽量晚启、早停、少通风，同时保证舒适与空气质量。"
    formats = ("supermarket", "mall", "convenience", "specialty")
    produces = ("hvac.set", "insight.report", "alert.raise")
    adapters = ("hvac", "sensor")
    reads = ("zones", "assets")
    kpis = {
        "hvac_energy": kpi("kWh", "Energy of compressors", "空调电量"),
        "comfort_in_band": kpi("%", "Comfort within the band", "舒适达标率"),
        "start_lead": kpi("min", "Start before opening", "提前启动时长"),
        "co2_over_limit": kpi("min", "CO2 over its limit", "CO2 超限时长"),
    }
    kinds = {
        "hvac_start": ("Start learned", "启动学习结果"),
        "setpoint_clamped": ("Set point clamped", "设定温度受限"),
        "sensor_silent": ("Room sensor silent", "室内传感器无读数"),
    }

    class Config(SolutionConfig):
        cool_c: float = setting(26, "Cooling set point while open", "营业时制冷设定", unit="°C", ge=18, le=30)
        heat_c: float = setting(20, "Heating set point while open", "营业时制热设定", unit="°C", ge=14, le=24)
        legal_clamp: bool = setting(True, "Public-building rule", "公共建筑限温",
            help_en="Never cool under 26 °C or heat over 20 °C.", help_zh="制冷不低于 26 °C，制热不高于 20 °C。")  # fmt: skip
        first_rate: float = setting(9, "Minutes per kelvin before anything is learned", "初始每开尔文分钟数", unit="min/K", ge=1, le=60)
        learn: float = setting(0.3, "Weight of today's rate", "当日学习权重", ge=0.05, le=1)
        co2_range: list[Ppm] = setting([600, 1000], "CO2 of least and full outdoor air", "最小与全新风的 CO2", unit="ppm",
            min_length=2, max_length=2)  # fmt: skip
        min_air_pct: int = setting(20, "Least outdoor-air damper while open", "营业时最小新风阀位", unit="%", ge=0, le=100)
        coast_min: int = setting(20, "Compressors stop before closing", "闭店前停压缩机", unit="min", ge=0, le=90)
        dead_band_k: float = setting(1.0, "Width of the thermostat", "温控回差", unit="K", ge=0.3, le=4)

    # --- what is measured ---

    @on("sensor.reading")
    def sensed(self, event):
        zone, kind = event.get("zone"), event["kind"]
        if zone is None or event.get("asset") or event.get("quality") == "bad":
            return
        if zone == "outdoor":
            if kind == "temperature":
                self.state["outdoor"] = {"c": event["value"], "at": plain(event.time)}
            return
        if kind not in ("temperature", "co2", "door", "presence"):
            return
        room = self._room(zone)
        if kind == "presence":
            self._people(room, bool(event["value"]), event.time)
        else:
            self._measured(zone, room, kind, event)
        yield from self._control(zone)
        if kind == "temperature":
            yield from self._heard(zone, room)

    def _measured(self, zone, room, kind, event):
        known = room[kind].get(event["sensor"])
        if known and parse_time(known["at"]) > event.time:
            return
        open_now = self._hours(zone)[2]
        if kind == "co2" and known and open_now and known["value"] > self.config.co2_range[1]:
            self.kpi.add("co2_over_limit", min(event.time - parse_time(known["at"]), SILENT).total_seconds() / 60)
        room[kind][event["sensor"]] = {"value": event["value"], "at": plain(event.time)}
        if kind == "temperature":
            self.timers.set("silent", zone, max(self.now, event.time + SILENT))
            if open_now:
                cool, heat, half = *self._set_points(room), self.config.dead_band_k / 2
                self.kpi.share("comfort_in_band", int(heat - half <= self._temperature(room) <= cool + half), 1)

    @on("vision.zone?")
    def watched(self, event):
        room = self._room(event["zone"])
        room["persons"] = event["occupancy"]
        self._people(room, event["occupancy"] > 0, event.time)
        yield from self._control(event["zone"])

    @on("vision.count?")
    def counted(self, event):
        """People in the store, for zones that nobody else watches."""
        if event.get("class", "person") != "person":
            return
        inside = self.state["inside"] = max(0, self.state.get("inside", 0) + event["in"] - event["out"])
        for zone in self._zones():
            room = self.state[f"zone:{zone}"]
            if room["persons"] is None:
                self._people(room, inside > 0, event.time, own=False)
                yield from self._control(zone)

    def _people(self, room, here, at, *, own=True):
        if own:
            room["watched"] = True
        if own or not room["watched"]:
            room["empty"] = None if here else room["empty"] or plain(at)

    @on("weather.forecast?")
    def foretold(self, event):
        kept = [one for one in self.state.get("weather", []) if parse_time(one["to"]) > self.now and one["from"] != event["from"]]
        self.state["weather"] = [*kept, {"from": event["from"], "to": event["to"], "c": event["temp_c"]}]

    @on("calendar.event?")
    def announced(self, event):
        if event["kind"] in ("closure", "short_day"):
            days = self.state.setdefault("calendar", {})
            days[event["event"]] = {key: event.get(key) for key in ("kind", "from", "to", "zone")}
            for name in [name for name, one in days.items() if parse_time(one["to"]) < self.now - timedelta(days=1)]:
                del days[name]
            for zone in self._zones():
                yield from self._control(zone)

    # --- what a zone is ---

    def _zones(self):
        return [key[5:] for key in sorted(self.state) if key.startswith("zone:")]

    def _room(self, zone):
        fresh = {"temperature": {}, "co2": {}, "door": {}, "persons": None, "watched": False, "empty": None, "want": None, "start": None,
                 "rates": {}, "ready": False, "sent": None, "booked": plain(self.now), "silent": False}  # fmt: skip
        return self.state.setdefault(f"zone:{zone}", fresh)

    def _units(self, zone):
        rows = [row for row in self.tables.assets.rows(zone=zone) if any(kind in str(row.get("kind", "")).lower() for kind in UNITS)]
        bound = [device.id for device in self.devices.get("hvac", ()) if device.zone == zone]
        return [row.get("device") or row["asset"] for row in rows] or bound or [zone]

    def _fresh(self, room, kind):
        return [one["value"] for one in room[kind].values() if self.now - parse_time(one["at"]) < SILENT]

    def _temperature(self, room):
        values = self._fresh(room, "temperature")
        return sum(values) / len(values) if values else None

    def _outdoor(self):
        known = self.state.get("outdoor")
        if known and self.now - parse_time(known["at"]) <= OUTDOOR_AGE:
            return known["c"]
        weather = self.state.get("weather", [])
        return next((one["c"] for one in weather if parse_time(one["from"]) <= self.now < parse_time(one["to"])), None)

    def _hours(self, zone):
        """Opening and closing of the day at hand or to come, and whether it is open; None, None, False without any within a week."""
        days = [one for one in self.state.get("calendar", {}).values() if one["zone"] in (None, zone)]
        span = self.store.hours.span(self.now)
        at = span[0] if span else self.store.hours.next_open(self.now)
        while at is not None and at < self.now + timedelta(days=7):
            begin, end = self.store.hours.span(at)
            for one in days:
                first, last = parse_time(one["from"]), parse_time(one["to"])
                if one["kind"] == "short_day" and first < end and last > begin:
                    begin, end = max(begin, first), min(end, last)
            shut = any(one["kind"] == "closure" and parse_time(one["from"]) <= begin < parse_time(one["to"]) for one in days)
            if not shut and end > self.now:
                return begin, end, begin <= self.now
            at = self.store.hours.next_open(max(at, self.now))
        return None, None, False

    def _set_points(self, room):
        """Cooling and heating set point as the law and empty rooms have it."""
        drift = DRIFT_K if room["empty"] and self.now - parse_time(room["empty"]) >= EMPTY_AFTER else 0
        return self._legal("cool", self.config.cool_c) + drift, self._legal("heat", self.config.heat_c) - drift

    def _legal(self, mode, asked):
        bound, limit = LEGAL[mode]
        return bound(asked, limit) if self.config.legal_clamp else asked

    # --- control ---

    def _control(self, zone):
        room = self.state[f"zone:{zone}"]
        if not room["temperature"]:
            return
        begin, end, is_open = self._hours(zone)
        air_c = self._temperature(room)
        self._book(zone, room)
        if room["start"] and air_c is not None:
            yield from self._reached(zone, room, air_c)
        command = {"mode": "off"}
        if any(one["value"] for one in room["door"].values()):
            room["want"] = room["start"] = None
        elif air_c is None:
            room["start"] = None
            if is_open:
                command = {"mode": "auto", "setpoint_c": self._set_points(room)[0], "damper_pct": self.config.min_air_pct}
        elif is_open or (begin and self._started(room, air_c, begin)):
            command = self._climate(zone, room, air_c, is_open, end)
        else:
            room["want"] = None
        yield from self._send(zone, room, command)
        moments = [one for one in (begin, end, end and end - timedelta(minutes=self.config.coast_min)) if one]
        moments += [parse_time(room["empty"]) + EMPTY_AFTER] if room["empty"] else []
        if air_c is not None and begin and not is_open and not room["start"]:
            moments.append(max(begin - EARLIEST, begin - self._lead(room, air_c)[1]))
        self.timers.set("look", zone, min([one for one in moments if one > self.now], default=self.now + timedelta(hours=1)))

    def _lead(self, room, air_c):
        """The mode in which a closed zone would have to be started, and how long before opening."""
        cool, heat = (self._legal(mode, asked) for mode, asked in (("cool", self.config.cool_c), ("heat", self.config.heat_c)))
        mode, target = ("cool", cool) if air_c > cool else ("heat", heat)
        kelvin = max(0.0, air_c - cool if mode == "cool" else heat - air_c)
        return mode, timedelta(minutes=kelvin * room["rates"].get(mode, self.config.first_rate)), target

    def _started(self, room, air_c, begin):
        """Whether the zone has been started for the opening to come, or must be now."""
        mode, lead, target = self._lead(room, air_c)
        if not room["ready"]:
            if not lead or begin - self.now > min(lead, EARLIEST):
                return False
            room |= {"want": mode, "start": {"mode": mode, "at": plain(self.now), "c": air_c, "set": target}, "ready": True}
            self.kpi.sample("start_lead", (begin - self.now).total_seconds() / 60)
        return True

    def _reached(self, zone, room, air_c):
        """Learn from a start that has reached its set point."""
        start = room["start"]
        if air_c > start["set"] if start["mode"] == "cool" else air_c < start["set"]:
            return
        minutes, kelvin = (self.now - parse_time(start["at"])).total_seconds() / 60, abs(start["c"] - air_c)
        before = room["rates"].get(start["mode"], self.config.first_rate)
        rate = room["rates"][start["mode"]] = self.workers.insight.thermal.learned_rate(before, minutes, kelvin, self.config.learn)
        room["start"] = None
        figures = {"rate": (rate, "min/K"), "minutes": (minutes, "min"), "kelvin": (kelvin, "K")}
        yield out("insight.report", {"from": start["at"], "to": self.now}, report=f"{self.context.instance}-start-{zone}-{start['at']}",
                  kind="hvac_start", version=1, rows=[{"zone": zone, "mode": start["mode"]}],
                  figures={name: {"value": round(value, 4), "unit": unit} for name, (value, unit) in figures.items()})  # fmt: skip

    def _climate(self, zone, room, air_c, is_open, end):
        cool, heat = self._set_points(room)
        room["want"] = self.workers.insight.thermal.wanted_mode(room["want"], air_c, cool, heat, self.config.dead_band_k)
        half = self.config.dead_band_k / 2
        if is_open and self.now >= end - timedelta(minutes=self.config.coast_min) and heat - half <= air_c <= cool + half:
            room["want"] = None
        room["ready"] = not is_open
        outdoor, damper = self._outdoor(), self._outdoor_air(zone, room) if is_open else 0
        if room["want"] == "cool" and outdoor is not None and air_c - outdoor >= FREE_COOLING_K:
            return {"mode": "vent", "damper_pct": 100, "reason": self.say("free cooling", "自然冷却")}
        if room["want"] is None:
            return {"mode": "vent", "damper_pct": damper}
        return {"mode": room["want"], "setpoint_c": cool if room["want"] == "cool" else heat, "damper_pct": damper}

    def _outdoor_air(self, zone, room):
        """The damper by CO2; without it by persons and capacity."""
        ppm, least = self._fresh(room, "co2"), self.config.min_air_pct
        low, high = self.config.co2_range
        share, capacity = 0.0, (self.tables.zones.get(zone) or {}).get("capacity")
        if ppm:
            share = self.workers.insight.thermal.share_between(max(ppm), low, high)
        elif room["persons"] is not None and capacity:
            share = min(1.0, room["persons"] / capacity)
        elif "inside" in self.state and (whole := sum(row.get("capacity") or 0 for row in self.tables.zones.rows())):
            share = min(1.0, self.state["inside"] / whole)
        return round(least + (100 - least) * share)

    def _send(self, zone, room, command):
        if command == room["sent"] or (room["sent"] is None and command["mode"] == "off"):
            return
        room["sent"] = command
        if command["mode"] in LEGAL:
            yield from self._noted(command["mode"])
        for unit in self._units(zone):
            yield out("hvac.set", command, unit=unit, priority="comfort")

    def _noted(self, mode):
        """Say once that a set point was not allowed."""
        asked = self.config.cool_c if mode == "cool" else self.config.heat_c
        allowed, key = self._legal(mode, asked), f"noted:{mode}"
        if allowed != asked and self.state.get(key) != asked:
            self.state[key] = asked
            text = self.say(f"{asked:g} °C asked, {allowed:g} °C set: public-building rule", f"设定 {asked:g} °C 按 {allowed:g} °C 执行")
            figures = {"asked": {"value": asked, "unit": "C"}, "set": {"value": allowed, "unit": "C"}}
            report = f"{self.context.instance}-clamped-{mode}-{plain(self.now)}"
            yield out("insight.report", {"from": self.now, "to": self.now}, report=report, kind="setpoint_clamped", version=1,
                      figures=figures, rows=[{"mode": mode}], text=text)  # fmt: skip

    def _book(self, zone, room):
        """Energy of the compressors since the last look."""
        hours = (self.now - parse_time(room["booked"])).total_seconds() / 3600
        room["booked"] = plain(self.now)
        if room["sent"] and room["sent"]["mode"] in LEGAL:
            rows = [self.tables.assets.get(unit) or next(iter(self.tables.assets.rows(device=unit)), {}) for unit in self._units(zone)]
            self.kpi.add("hvac_energy", hours * sum(row.get("rated_w") or 0 for row in rows) / 1000)

    # --- time that passes ---

    @timer("look")
    def look(self, due):
        if self.store.hours.span(self.now) is None and "inside" in self.state:
            self.state["inside"] = 0
        yield from self._control(due.key)

    @timer("silent")
    def silent(self, due):
        room = self.state[f"zone:{due.key}"]
        if self._temperature(room) is None and not room["silent"]:
            room["silent"] = True
            yield self._alert(due.key, "open", f"No temperature from {due.key} for 15 minutes: fixed schedule",
                              f"{due.key} 15 分钟无温度读数，改按固定时间表")  # fmt: skip
            yield from self._control(due.key)

    def _heard(self, zone, room):
        if room["silent"]:
            room["silent"] = False
            yield self._alert(zone, "cleared", f"Temperature of {zone} is back", f"{zone} 温度读数恢复")

    def _alert(self, zone, state, en, zh):
        return out("alert.raise", alert=f"sensor_silent-{zone}", kind="sensor_silent", severity="warn", state=state, subject=zone,
                   zone=zone, text=self.say(en, zh))  # fmt: skip


@hookimpl
def storeloom_config_problems(config, store):
    found = []
    if config["co2_range"][0] >= config["co2_range"][1]:
        found.append(Problem("co2_range", "The range is empty", "CO2 范围无效", "Give the lower value first.", "请先填较低值。"))
    if config["heat_c"] >= config["cool_c"]:
        found.append(Problem("heat_c", "It heats where it cools", "制热不低于制冷设定", "Heat to less than cool_c.", "请低于制冷设定。"))
    return found
