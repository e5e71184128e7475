"""The building: cold cabinets and their probes, air, light and doors, meters, and what a bundle sets of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp

from storeloom.core.virtual.chance import share
from storeloom.core.virtual.facts import DAY, HOUR, MINUTE, Row, iso
from storeloom.core.virtual.weather import Weather, weather_on
from storeloom.core.virtual.world import World

METER_S = 15 * MINUTE
DEFROST_EVERY = 6 * HOUR
DEFROST_S = 25 * MINUTE
RAMP_C_S = 0.0022
RECOVERY_S = 20 * MINUTE
HALL_LUX, ENTRANCE_LUX = 750.0, 1000.0
UNITS = {"temperature": "C", "humidity": "%", "co2": "ppm", "lux": "lx", "noise": "dB", "door": "state", "leak": "state"}


@dataclass(slots=True)
class Cabinet:
    """A cold cabinet: its set point, and the fault that warms it, if any."""

    asset: str
    kind: str
    probe: str
    setpoint_c: float
    limit_c: float
    fault: tuple[float, float] | None = None
    entry: Row | None = None


class Building:
    """Readings every five minutes (profile key `sensor_every_s`), meters every quarter of an hour."""

    def __init__(self, world: World, weather: Weather, occupancy: Mapping[str, int]) -> None:
        self.world = world
        self.weather = weather
        self.occupancy = occupancy
        self.every = float(world.profile.get("sensor_every_s", 300))
        probes = {
            row.get("asset"): key for key, row in world.devices.items() if row["kind"] == "sensor" and row.get("measures") == "temperature"
        }
        self.cabinets: list[Cabinet] = []
        for row in world.tables["assets"]:
            if row["kind"] in {"chiller", "freezer"} and row["asset"] in probes:
                frozen = row["kind"] == "freezer"
                limit = float((row.get("limits") or {}).get("frozen" if frozen else "chilled", -15.0 if frozen else 6.0))
                self.cabinets.append(Cabinet(row["asset"], row["kind"], probes[row["asset"]], -20.5 if frozen else 2.0, limit))
        in_cabinets = {cabinet.probe for cabinet in self.cabinets}
        self.sensors = {
            key: row
            for key, row in world.devices.items()
            if row["kind"] == "sensor" and row.get("measures") not in (None, "presence") and key not in in_cabinets
        }
        self.meters = {key: row for key, row in world.devices.items() if row["kind"] == "meter"}
        self.registers = dict.fromkeys(self.meters, 0.0)
        self.lamps = {row["asset"]: row for row in world.tables["assets"] if row["kind"] == "lighting"}
        self.light_pct = dict.fromkeys(self.lamps, 100.0)
        self.hvac_setpoint_c = 24.0
        self.days = 0

    def start_day(self, midnight: float) -> None:
        """One excursion on the first day, later one in ten days."""
        chance = self.world.chance("excursion")
        draw, pick = chance.random(), chance.random()
        begin = midnight + (10 + 7 * chance.random()) * HOUR
        length = chance.uniform(70, 150) * MINUTE
        if self.cabinets and (self.days == 0 or draw < 0.1):
            cabinet = self.cabinets[int(pick * len(self.cabinets))]
            cabinet.fault = (begin, begin + length)
            peak = cabinet.setpoint_c + min(9.5, length * RAMP_C_S)
            cabinet.entry = {
                "asset": cabinet.asset,
                "sensor": cabinet.probe,
                "from": iso(begin),
                "to": iso(begin + length),
                "limit_c": cabinet.limit_c,
                "peak_c": round(peak, 1),
            }
            self.world.truth.excursions.append(cabinet.entry)
        self.days += 1
        stamp = midnight
        while stamp < midnight + DAY:
            self.world.schedule(stamp + 0.5, self._read)
            stamp += self.every
        stamp = midnight
        while stamp < midnight + DAY:
            self.world.schedule(stamp, self._meter)
            stamp += METER_S

    def refrigeration(self, asset: str, setpoint_c: float | None, defrost: bool, at: float) -> None:
        """A command to a cold cabinet: a new set point, or relief of a fault by a manual defrost."""
        for cabinet in self.cabinets:
            if asset in {cabinet.asset, f"case-{cabinet.asset}"}:
                if setpoint_c is not None:
                    cabinet.setpoint_c = setpoint_c
                if defrost and cabinet.fault and cabinet.fault[0] <= at < cabinet.fault[1]:
                    cabinet.fault = (cabinet.fault[0], at)
                    if cabinet.entry:
                        cabinet.entry["to"] = iso(at)

    def light(self, group: str, level_pct: float) -> None:
        """A command to a lamp group: an asset, its zone, or a lighting device for the lamps of the hall. Others light nothing here."""
        for asset, row in self.lamps.items():
            hall = self.world.devices.get(group, {}).get("kind") == "lighting" and row["asset"] == "lighting"
            if group in {asset, row.get("zone")} or hall:
                self.light_pct[asset] = level_pct

    def _lit(self, zone: str | None) -> float:
        """Share of full light in a zone: that of its own lamps, else of the store's by their power."""
        own = [asset for asset, row in self.lamps.items() if row.get("zone") == zone] or list(self.lamps)
        watts = {asset: float(self.lamps[asset].get("rated_w", 0)) for asset in own}
        full = sum(watts.values())
        return sum(watts[asset] * self.light_pct[asset] / 100 for asset in own) / full if full else 1.0

    def _cold_c(self, cabinet: Cabinet, stamp: float, noise: float, door: bool) -> float:
        frozen = cabinet.kind == "freezer"
        value = cabinet.setpoint_c + 0.25 * noise + (0.6 if self.world.is_open(stamp) and not frozen else 0.0)
        phase = (stamp + share(cabinet.asset) * DEFROST_EVERY) % DEFROST_EVERY
        if phase < DEFROST_S:
            value += (6.0 if frozen else 3.2) * min(1.0, phase / (15 * MINUTE))
        elif phase < DEFROST_S + 3 * RECOVERY_S:
            value += (6.0 if frozen else 3.2) * exp(-(phase - DEFROST_S) / (RECOVERY_S / 2))
        if door and self.world.is_open(stamp):
            value += 1.8
        if cabinet.fault is not None:
            begin, end = cabinet.fault
            warm = min(9.5, max(0.0, min(stamp, end) - begin) * RAMP_C_S)
            value += warm * (1.0 if stamp < end else exp(-(stamp - end) / RECOVERY_S))
        return round(value, 1)

    def _read(self, stamp: float) -> None:
        chance = self.world.chance("sensors")
        for cabinet in self.cabinets:
            noise, door = chance.gauss(0, 1), chance.hit(0.03)
            data: Row = {
                "sensor": cabinet.probe,
                "kind": "temperature",
                "value": self._cold_c(cabinet, stamp, noise, door),
                "unit": "C",
                "asset": cabinet.asset,
            }
            self.world.tell(stamp, "sensor.reading", cabinet.probe, data)
        people = sum(self.occupancy.values())
        for key, row in self.sensors.items():
            value = self._air(row["measures"], row.get("zone"), stamp, people, chance.gauss(0, 1), chance.random())
            data = {"sensor": key, "kind": row["measures"], "value": value, "unit": UNITS[row["measures"]], "zone": row.get("zone")}
            self.world.tell(stamp, "sensor.reading", key, data)

    def _air(self, measures: str, zone: str | None, stamp: float, people: int, noise: float, draw: float) -> float:
        is_open = self.world.is_open(stamp)
        if measures == "temperature":
            outside = self.weather.outdoor_c(stamp)
            inside = self.hvac_setpoint_c if is_open else 0.6 * self.hvac_setpoint_c + 0.4 * outside
            return round(inside + 0.03 * (outside - inside) + 0.3 * noise, 1)
        if measures == "humidity":
            outside_pct = weather_on(self.world.seed, self.world.day).humidity_pct
            return round(min(95.0, 0.5 * outside_pct + 22 + 1.5 * noise), 1)
        if measures == "co2":
            return round(430 + people * 420 / max(30.0, 90 * self.world.scale) + 12 * abs(noise), 0)
        if measures == "lux":
            full = ENTRANCE_LUX if zone == "z-entrance" else HALL_LUX
            return round((full * self._lit(zone) if is_open else 15.0) + (5 * noise if is_open else 0.0), 0)
        if measures == "noise":
            return round((38 if not is_open else 55 + min(14, people / 15)) + 1.5 * noise, 1)
        if measures == "door":
            return float(is_open and draw < 0.07)
        return 0.0

    def _loads(self, stamp: float) -> dict[str, float]:
        """kW by asset at this time."""
        area = sum(float(row["area_m2"]) for row in self.world.tables["zones"] if row["kind"] not in {"parking", "restricted"})
        is_open = self.world.is_open(stamp)
        outside = self.weather.outdoor_c(stamp)
        cold = sum(0.9 if cabinet.kind == "chiller" else 1.1 for cabinet in self.cabinets)
        loads = {
            "lighting": area * (0.012 * self._lit(None) if is_open else 0.0012),
            "refrigeration": cold * (0.55 + 0.012 * max(0.0, outside - 10)) * (1.1 if is_open else 1.0),
            "hvac": area * 0.0016 * abs(outside - self.hvac_setpoint_c) * (1.0 if is_open else 0.2),
        }
        loads["main"] = sum(loads.values()) + (4.0 if is_open else 1.5)
        return loads

    def _meter(self, stamp: float) -> None:
        chance = self.world.chance("meters")
        loads = self._loads(stamp - METER_S / 2)
        people = sum(self.occupancy.values())
        for key, row in self.meters.items():
            noise = 1 + 0.03 * chance.gauss(0, 1)
            kind = row.get("measures", "electricity")
            data: Row = {"meter": key, "kind": kind, "interval_s": int(METER_S)}
            if kind == "electricity":
                asset = row.get("asset", "main")
                kw = loads.get(asset, loads["main"]) * noise
                self.registers[key] += kw * METER_S / HOUR
                data |= {"unit": "kWh", "power_kw": round(kw, 2), "asset": asset}
            else:
                rate = (0.05 + 0.004 * people) if kind == "water" else (0.8 if self.world.is_open(stamp) else 0.0)
                self.registers[key] += rate * METER_S / HOUR * noise
                data["unit"] = "m3"
            self.world.tell(stamp, "meter.reading", key, data | {"total": round(self.registers[key], 3)})
